//! How small a run becomes that shows a bug, and whether it is the same each time.

use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};
use tidelog_sim_tests::planted::Bug;

use super::{
    super::WrongCall,
    hunted::{Hunted, Hunter, Ran, json_of},
    score::Score,
};

/// What a run that was found came to by shrinking.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shrunk {
    signature: String,
    pub(super) faults: u64,
    pub(super) steps: u64,
    pub(super) seconds: f64,
    /// Of the replays in processes of their own, how many failed with that signature and one hash.
    pub(super) replays: u64,
    pub(super) alike: u64,
}

/// What `shrink --json` prints, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Summary {
    signature: String,
    faults: u64,
    steps: u64,
    seconds: f64,
}

const REPLAYS: u64 = 20;

impl Hunter {
    /// Shrinks the first run that showed a bug.
    pub(super) fn shrunk(
        &self,
        program: &Path,
        bug: &Bug,
        score: &Score,
        folder: &Path,
    ) -> Result<Shrunk, WrongCall> {
        let Some(seed) = score.seeds.first().map(u64::to_string) else {
            return Err(WrongCall(format!("{} was not found yet: hunt it first", score.bug)));
        };
        let file = folder.join(format!("{}.json", score.bug)).display().to_string();
        let scenario = Hunted::of(bug).scenario;
        let args = ["shrink", "--json", "--scenario", scenario, "--seed", &seed, "--output", &file];
        let Summary { signature, faults, steps, seconds } = json_of(program, &args)?;
        let mut hashes = Vec::new();
        for _ in 0..REPLAYS {
            let ran: Ran = json_of(program, &["run", "--json", "--replay", &file])?;
            if ran.violation.is_some_and(|violation| violation.signature == signature) {
                hashes.push(ran.hash);
            }
        }
        let alike = hashes.iter().filter(|hash| Some(*hash) == hashes.first()).count() as u64;
        Ok(Shrunk { signature, faults, steps, seconds, replays: REPLAYS, alike })
    }
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature, faults, steps, seconds, replays, alike } = self;
        write!(f, "{signature} with {faults} faults and {steps} steps after {seconds:.0} s")?;
        write!(f, ", {alike} of {replays} replays alike")
    }
}
