//! How a bug was found.

use std::{collections::BTreeSet, fmt, path::Path, process::Command};

use serde::{Deserialize, Serialize};

use super::super::WrongCall;

/// How a bug was found.
#[derive(Debug, Serialize)]
pub(super) struct Score {
    bug: String,
    pub(super) runs: u64,
    pub(super) found: u64,
    oracles: BTreeSet<String>,
    /// In CPU time, of the runs that found it.
    median_seconds: Option<f64>,
    worst_seconds: Option<f64>,
    /// Whether it is not found where faults are switched off; none, if that was not tried.
    needs_faults: Option<bool>,
}

/// What `hunt --json` prints, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Hunted {
    cpu_seconds: f64,
    failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    oracle: String,
}

/// Seeds of two runs are so far apart.
const APART: u64 = 1_000_000;

/// Hunts a bug from several seeds.
pub(super) fn score(
    bug: &str,
    program: &Path,
    runs: u64,
    limit: u64,
    quick: bool,
) -> Result<Score, WrongCall> {
    let base = fresh();
    let (mut seconds, mut oracles) = (Vec::new(), BTreeSet::new());
    for run in 0..runs {
        let hunted = hunt(program, base.wrapping_add(run * APART), limit, "cluster")?;
        if let Some(failure) = hunted.failures.first() {
            seconds.push(hunted.cpu_seconds);
            oracles.insert(failure.oracle.clone());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let needs_faults = if quick || seconds.is_empty() {
        None
    } else {
        Some(hunt(program, base, limit.min(CALM_SECONDS), "calm")?.failures.is_empty())
    };
    Ok(Score {
        bug: bug.to_owned(),
        runs,
        found: seconds.len() as u64,
        oracles,
        median_seconds: seconds.get(seconds.len() / 2).copied(),
        worst_seconds: seconds.last().copied(),
        needs_faults,
    })
}

/// How long a bug is hunted without faults.
const CALM_SECONDS: u64 = 60;

fn hunt(program: &Path, from: u64, limit: u64, scenario: &str) -> Result<Hunted, WrongCall> {
    let output = Command::new(program)
        .args(["hunt", "--json", "--until-found", "--scenario", scenario])
        .args(["--seconds", &limit.to_string(), "--from", &from.to_string()])
        .output()
        .map_err(|error| WrongCall(format!("{} cannot be run: {error}", program.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .map_err(|error| WrongCall(format!("{} printed {text:?}: {error}", program.display())))
}

fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) >> 16
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |it: Option<f64>| it.map_or("-".into(), |it| format!("{it:.1} s"));
        let oracles: Vec<_> = self.oracles.iter().map(String::as_str).collect();
        let faults = match self.needs_faults {
            Some(true) => "needs faults",
            Some(false) => "found without faults",
            None => "",
        };
        write!(
            f,
            "{:<40} {}/{} median {:>8} worst {:>8}  {:<24} {faults}",
            self.bug,
            self.found,
            self.runs,
            seconds(self.median_seconds),
            seconds(self.worst_seconds),
            oracles.join(",")
        )
    }
}
