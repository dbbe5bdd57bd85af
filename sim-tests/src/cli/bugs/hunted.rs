//! Hunting a bug: which runs count, and how long they took.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, de::DeserializeOwned};
use tidelog_sim_tests::planted::Bug;

use super::{super::WrongCall, BugsArgs, score::Score};

/// Hunts programs with a bug, and tells their failures from those of the one without.
pub(super) struct Hunter {
    unplanted: PathBuf,
    jobs: String,
}

/// A failure that only the program with the bug has.
pub(super) struct Find {
    pub(super) seed: u64,
    pub(super) signature: String,
    /// The oracles that failed in the run, the first in time first.
    pub(super) oracles: Vec<String>,
    pub(super) seconds: f64,
}

/// What `hunt --json` prints, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Summary {
    cpu_seconds: f64,
    failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    signature: String,
    seeds: Vec<u64>,
}

/// What `run --json` prints, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Ran {
    pub(super) hash: String,
    pub(super) violation: Option<Violation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Violation {
    pub(super) signature: String,
    also: Vec<String>,
}

/// Seeds of two runs are so far apart.
const APART: u64 = 1_000_000;

/// What judges schemas, and nothing else.
const OF_SCHEMAS: [&str; 5] = ["first-seen", "learned", "settles", "statements", "walked"];

/// What judges zones and devices, and nothing else.
const OF_ZONES: [&str; 6] = ["devices", "feeds", "notified", "sorted", "told", "unread"];

/// Where a bug is hunted. One of schemas, or of zones, shows in a part of all seeds alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hunted {
    /// The scenario with all faults.
    pub(super) scenario: &'static str,
    /// The same with none.
    calm: &'static str,
}

impl Hunted {
    pub(super) fn of(bug: &Bug) -> Self {
        let is_of = |oracles: &[&str]| bug.oracles().iter().all(|it| oracles.contains(&&**it));
        match (is_of(&OF_SCHEMAS), is_of(&OF_ZONES)) {
            (true, _) => Self { scenario: "schemas", calm: "calm-schemas" },
            (false, true) => Self { scenario: "zones", calm: "calm-zones" },
            (false, false) => Self { scenario: "cluster", calm: "calm" },
        }
    }
}

impl Hunter {
    /// This program is the one without a bug.
    pub(super) fn new(jobs: u64) -> Result<Self, WrongCall> {
        let told = |error| WrongCall(format!("this program cannot be found again: {error}"));
        Ok(Self { unplanted: std::env::current_exe().map_err(told)?, jobs: jobs.to_string() })
    }

    /// Hunts a bug from several fresh seeds, and without faults.
    pub(super) fn score(
        &self,
        program: &Path,
        bug: &Bug,
        args: &BugsArgs,
        score: &mut Score,
    ) -> Result<(), WrongCall> {
        let base = RandomState::new().hash_one(0) >> 16;
        let hunted = Hunted::of(bug);
        let mut finds = Vec::new();
        for run in 0..args.runs {
            let from = base.wrapping_add(run * APART);
            finds.extend(self.find(program, from, args.limit, hunted.scenario)?);
        }
        score.take(args.runs, &finds, &bug.oracles());
        if args.calm > 0 {
            score.needs_faults = Some(self.find(program, base, args.calm, hunted.calm)?.is_none());
        }
        Ok(())
    }

    /// The first failure that only the program with the bug has.
    fn find(
        &self,
        program: &Path,
        first: u64,
        limit: u64,
        scenario: &str,
    ) -> Result<Option<Find>, WrongCall> {
        let (mut from, mut seconds) = (first, 0.0);
        while seconds < seconds_of(limit) {
            let left = limit.saturating_sub(whole(seconds)).max(1);
            let (left, begin) = (left.to_string(), from.to_string());
            let hunted: Summary = json_of(
                program,
                &[
                    "hunt",
                    "--json",
                    "--until-found",
                    "--cpu",
                    "--scenario",
                    scenario,
                    "--jobs",
                    &self.jobs,
                    "--seconds",
                    &left,
                    "--from",
                    &begin,
                ],
            )?;
            seconds += hunted.cpu_seconds;
            let Some(failure) = hunted.failures.into_iter().next() else { return Ok(None) };
            let seed = failure.seeds.first().copied().unwrap_or(from);
            if !self.fails_anyway(seed, scenario, &failure.signature)? {
                let oracles = oracles(program, seed, scenario)?;
                let signature = failure.signature;
                return Ok(Some(Find { seed, signature, oracles, seconds }));
            }
            from = seed.wrapping_add(1);
        }
        Ok(None)
    }

    /// Whether the program without the bug fails in the same way.
    fn fails_anyway(&self, seed: u64, scenario: &str, signature: &str) -> Result<bool, WrongCall> {
        let ran = run(&self.unplanted, seed, scenario)?;
        Ok(ran.violation.is_some_and(|violation| violation.signature == signature))
    }
}

fn run(program: &Path, seed: u64, scenario: &str) -> Result<Ran, WrongCall> {
    let seed = seed.to_string();
    json_of(program, &["run", "--json", "--scenario", scenario, "--seed", &seed])
}

/// The oracles that fail in a run, the first in time first.
fn oracles(program: &Path, seed: u64, scenario: &str) -> Result<Vec<String>, WrongCall> {
    let Some(violation) = run(program, seed, scenario)?.violation else { return Ok(Vec::new()) };
    let signatures = [violation.signature].into_iter().chain(violation.also);
    let oracle = |signature: String| signature.split('/').next().unwrap_or_default().to_owned();
    let mut oracles: Vec<String> = signatures.map(oracle).collect();
    let mut seen = BTreeSet::new();
    oracles.retain(|oracle| seen.insert(oracle.clone()));
    Ok(oracles)
}

/// Runs a program that prints one object.
pub(super) fn json_of<T: DeserializeOwned>(program: &Path, args: &[&str]) -> Result<T, WrongCall> {
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|error| WrongCall(format!("{} cannot be run: {error}", program.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).map_err(|error| {
        let words = String::from_utf8_lossy(&output.stderr);
        WrongCall(format!("{} {}: {text:?} {words:?}: {error}", program.display(), args.join(" ")))
    })
}

#[expect(clippy::cast_precision_loss, reason = "some minutes")]
fn seconds_of(limit: u64) -> f64 {
    limit as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some minutes")]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}
