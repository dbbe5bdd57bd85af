//! A failing run in a file: what a replay reads. It names what is to happen, not how the code of today
//! comes to it, and so outlives edits.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidelog_io_sim::plan::{Fault, Plan};

use crate::{run::Run, shrink::Case};

/// A run to be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The version of this format.
    version: u32,
    /// The seed, from which comes all that is no fault.
    pub seed: u64,
    /// The scenario.
    pub scenario: Box<str>,
    /// How it fails, or failed when it was saved.
    pub signature: Option<Box<str>>,
    /// How many nodes there are.
    pub nodes: u32,
    /// How many partitions each topic has. Files that do not say are of a time when it was two.
    #[serde(default = "two")]
    pub partitions: u32,
    /// Whether schemas are learned. Files that do not say are of a time when none were.
    #[serde(default)]
    pub learns: bool,
    /// Whether zones are watched. Files that do not say are of a time when none were.
    #[serde(default)]
    pub watches: bool,
    /// How long faults and workload last, in milliseconds.
    pub length_ms: u64,
    /// The steps of the seed's workload that are taken, and no others.
    pub steps: BTreeSet<u32>,
    /// The faults that strike, and no others.
    pub faults: Vec<Fault>,
}

fn two() -> u32 {
    2
}

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

impl Replay {
    /// A case of a run.
    #[must_use]
    pub fn new(run: &Run, signature: Option<&str>, case: Case<Fault>) -> Self {
        let Run { seed, scenario, partitions, learns, watches, .. } = *run;
        let Case { faults, steps, nodes, length_ms } = case;
        let (scenario, signature) = (scenario.name.into(), signature.map(Into::into));
        let version = VERSION;
        Self {
            version,
            seed,
            scenario,
            signature,
            nodes,
            partitions,
            learns,
            watches,
            length_ms,
            steps,
            faults,
        }
    }

    /// What can be made smaller of it.
    #[must_use]
    pub fn case(&self) -> Case<Fault> {
        let Self { faults, steps, nodes, length_ms, .. } = self.clone();
        Case { faults, steps, nodes, length_ms }
    }

    /// Its faults, and no others.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::replay(&self.faults)
    }

    /// Reads a replay.
    ///
    /// # Errors
    ///
    /// If the text is no replay, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, ReplayError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(ReplayError::Version(version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Writes a replay.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("names and numbers can be written");
        text.push('\n');
        text
    }
}

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is no such file.
    #[error("it is no replay: {0}; `cargo sim shrink --seed N` writes one")]
    Format(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "it has format version {0}, and this program reads version {VERSION}: make it again with \
         `cargo sim shrink --seed N`"
    )]
    Version(u32),
}

#[cfg(test)]
mod tests {
    use tidelog_io_sim::fault::FaultKind;

    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_replay_reads_back_as_it_was_written() {
        let replay = replay();
        let text = replay.to_json();
        assert!(text.contains("\"kind\": \"node-zombie\""), "{text}");
        assert_eq!(Replay::from_json(&text).expect("its own text"), replay);
        assert_eq!(Replay::new(&run(), Some("durable/lost"), replay.case()), replay);
        let older = text.replace(&format!("  \"partitions\": {},\n", replay.partitions), "");
        assert_eq!(Replay::from_json(&older).expect("an older text").partitions, 2);
    }

    #[test]
    fn another_version_and_other_text_are_refused_with_words() {
        let refused = |text: &str| Replay::from_json(text).expect_err(text).to_string();
        assert!(refused(r#"{"version": 9, "new": 1}"#).contains("format version 9"));
        assert!(refused("{}").contains("it is no replay"));
        assert!(refused(&replay().to_json().replace("zombie", "meteor")).contains("node-meteor"));
    }

    fn replay() -> Replay {
        let entity = "node1".into();
        let fault = Fault { kind: FaultKind::NodeZombie, entity, nth: 3, value: 17 };
        let (faults, steps) = (vec![fault], [1, 5].into());
        let case = Case { faults, steps, nodes: 2, length_ms: 9_000 };
        Replay::new(&run(), Some("durable/lost"), case)
    }

    fn run() -> Run {
        Run::new(7, &Scenario::ALL[0])
    }
}
