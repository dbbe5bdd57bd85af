//! What a run came to, as it is told to people and programs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tidelog_io_sim::{plan::Fault, trace::Line};

use crate::{history::History, violation::Violation};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The scenario.
    pub scenario: &'static str,
    /// The hash of everything that happened.
    pub hash: u64,
    /// How many inputs were handled.
    pub events: u64,
    /// How much virtual time went by.
    pub virtual_ms: u64,
    /// The faults that struck.
    pub faults: Vec<Fault>,
    /// How often each kind of fault struck, zeros included.
    pub struck: BTreeMap<&'static str, u64>,
    /// How often each probe was reached, zeros included.
    pub probes: BTreeMap<&'static str, u64>,
    /// How many operations clients did, by how they ended.
    pub operations: BTreeMap<&'static str, u64>,
    /// The steps of the workload.
    pub steps: BTreeSet<u32>,
    /// How many nodes there were.
    pub nodes: u32,
    /// How long faults and workload lasted.
    pub length_ms: u64,
    /// What did not hold, the first in time first.
    pub violations: Vec<Violation>,
    /// The one line that makes the same run again.
    pub reproduce: Box<str>,
    /// The lines of the trace, if they were kept.
    pub lines: Vec<Line>,
    /// What clients observed.
    pub history: History,
}

/// A run as one JSON object.
#[derive(Debug, Serialize)]
struct Json<'o> {
    seed: u64,
    scenario: &'o str,
    hash: String,
    events: u64,
    virtual_ms: u64,
    faults: BTreeMap<&'o str, u64>,
    violation: Option<ViolationJson<'o>>,
    reproduce: &'o str,
}

#[derive(Debug, Serialize)]
struct ViolationJson<'o> {
    oracle: &'o str,
    signature: &'o str,
    message: &'o str,
    /// The signatures of all that did not hold after it.
    also: BTreeSet<&'o str>,
}

impl Outcome {
    /// What did not hold first.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violations.first()
    }

    /// Whether it failed in this way.
    #[must_use]
    pub fn fails_with(&self, signature: &str) -> bool {
        self.violations.iter().any(|violation| &*violation.signature == signature)
    }

    fn signatures_after_the_first(&self) -> BTreeSet<&str> {
        self.violations.iter().skip(1).map(|violation| &*violation.signature).collect()
    }

    /// The run as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = Json {
            seed: self.seed,
            scenario: self.scenario,
            hash: format!("{:016x}", self.hash),
            events: self.events,
            virtual_ms: self.virtual_ms,
            faults: self
                .struck
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|it| (*it.0, *it.1))
                .collect(),
            violation: self.violation().map(|violation| ViolationJson {
                oracle: &violation.oracle,
                signature: &violation.signature,
                message: &violation.message,
                also: self.signatures_after_the_first(),
            }),
            reproduce: &self.reproduce,
        };
        serde_json::to_string(&json).expect("texts and numbers can be written")
    }

    /// The run for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let seconds = |ms: u64| format!("{}.{:03} s", ms / 1_000, ms % 1_000);
        let counted = |counts: &mut dyn Iterator<Item = (&&'static str, &u64)>| {
            let each: Vec<_> = counts.map(|(name, count)| format!("{name} {count}")).collect();
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        };
        let mut text = format!(
            "seed {}, scenario {}: {} of virtual time, {} events, hash {:016x}\n",
            self.seed,
            self.scenario,
            seconds(self.virtual_ms),
            self.events,
            self.hash
        );
        text += &format!(
            "options: {} nodes, faults and workload for {}\n",
            self.nodes,
            seconds(self.length_ms)
        );
        text += &format!("operations: {}\n", counted(&mut self.operations.iter()));
        let struck = &mut self.struck.iter().filter(|(_, count)| **count > 0);
        text += &format!("faults: {}\n", counted(struck));
        match self.violation() {
            None => text += "no violation\n",
            Some(first) => {
                text += &format!("VIOLATION {first}\n");
                if let more @ 1.. = self.violations.len() - 1 {
                    let kinds: Vec<_> = self.signatures_after_the_first().into_iter().collect();
                    text += &format!("and {more} more after it: {}\n", kinds.join(", "));
                }
            }
        }
        text += &format!("the same again: {}\n", self.reproduce);
        text
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_run_prints_its_options_and_how_to_make_it_again() {
        let text = outcome(Some("durable/lost")).to_text();
        for expected in
            ["seed 7", "2 nodes", "node-killed 2", "VIOLATION durable/lost", "cargo sim run"]
        {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(outcome(None).to_text().contains("no violation"));
    }

    #[test]
    fn the_object_has_its_fields() {
        let parsed = |outcome: Outcome| -> serde_json::Value {
            serde_json::from_str(&outcome.to_json()).expect("an object")
        };
        let json = parsed(outcome(Some("durable/lost")));
        assert_eq!(json["seed"], 7);
        assert_eq!(json["hash"], "000000000000abcd");
        assert_eq!(json["faults"], serde_json::json!({"node-killed": 2}));
        assert_eq!(json["violation"]["oracle"], "durable");
        assert_eq!(json["violation"]["signature"], "durable/lost");
        assert!(parsed(outcome(None))["violation"].is_null());
    }

    pub(crate) fn outcome(signature: Option<&str>) -> Outcome {
        let violation = |signature: &str| {
            let (oracle, kind) = signature.split_once('/').expect("an oracle and a kind");
            Violation::new(oracle, kind, 1_500_000, "a record is gone")
        };
        Outcome {
            seed: 7,
            scenario: "cluster",
            hash: 0xabcd,
            events: 12,
            virtual_ms: 60_000,
            faults: Vec::new(),
            struck: [("node-killed", 2), ("node-paused", 0)].into(),
            probes: BTreeMap::new(),
            operations: [("done", 5)].into(),
            steps: [1, 2].into(),
            nodes: 2,
            length_ms: 30_000,
            violations: signature.map(violation).into_iter().collect(),
            reproduce: "cargo sim run --seed 7 --scenario cluster".into(),
            lines: Vec::new(),
            history: History::default(),
        }
    }
}
