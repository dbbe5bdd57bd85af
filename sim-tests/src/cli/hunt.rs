//! `hunt`: fresh seeds until the time is up.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tidelog_sim_tests::{Outcome, Run};

use super::{Found, ScenarioArg, WrongCall, bench::cpu_seconds, run::seed};

/// Runs of fresh seeds.
#[derive(Debug, Args)]
pub(super) struct HuntArgs {
    /// How long, in seconds.
    #[arg(long, value_name = "T")]
    seconds: u64,
    /// How many runs at a time.
    #[arg(long, value_name = "J", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: u64,
    /// The first seed; without it, a fresh one.
    #[arg(long, value_name = "N", value_parser = seed)]
    from: Option<u64>,
    /// Stop at the first violation.
    #[arg(long)]
    until_found: bool,
    #[command(flatten)]
    scenario: ScenarioArg,
}

/// What a hunt came to.
#[derive(Debug, Default, Serialize)]
struct Summary {
    seeds: u64,
    failures: Vec<Failure>,
    events_per_second: f64,
    virtual_per_real: f64,
    seeds_per_second: f64,
    cpu_seconds: f64,
    faults: BTreeMap<String, u64>,
    probes: BTreeMap<String, u64>,
    #[serde(skip)]
    events: u64,
    #[serde(skip)]
    virtual_ms: u64,
}

/// Runs that failed in one way.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    signature: String,
    oracle: String,
    message: String,
    seeds: Vec<u64>,
    reproduce: String,
}

/// Seeds of one failure that are kept.
const SEEDS_MAX: usize = 20;

pub(super) fn main(args: &HuntArgs, json: bool) -> Result<Found, WrongCall> {
    let first = args.from.unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    if !json {
        println!("hunting from seed {first} for {} s, {} at a time", args.seconds, args.jobs);
    }
    let begun = Instant::now();
    let until = Duration::from_secs(args.seconds);
    let (next, is_over) = (AtomicU64::new(first), AtomicBool::new(false));
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while begun.elapsed() < until && !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let outcome = Run::new(seed, args.scenario.scenario).run();
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    if summary.take(&outcome) && !json {
                        println!("{}", outcome.to_text());
                    }
                    if args.until_found && !summary.failures.is_empty() {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.cpu_seconds = cpu_seconds();
    summary.rates(begun.elapsed().as_secs_f64());
    if json {
        println!("{}", serde_json::to_string(&summary).expect("texts and numbers"));
    } else {
        print!("{}", summary.to_text());
    }
    Ok(if summary.failures.is_empty() { Found::Nothing } else { Found::Violation })
}

impl Summary {
    /// Takes a run. Says whether it failed in a way that none had before.
    fn take(&mut self, outcome: &Outcome) -> bool {
        self.seeds += 1;
        self.events += outcome.events;
        self.virtual_ms += outcome.virtual_ms;
        for (kind, count) in &outcome.struck {
            *self.faults.entry((*kind).to_owned()).or_default() += count;
        }
        let Some(violation) = outcome.violation() else { return false };
        let known = self.failures.iter_mut().find(|it| *it.signature == *violation.signature);
        if let Some(failure) = known {
            if failure.seeds.len() < SEEDS_MAX {
                failure.seeds.push(outcome.seed);
            }
            return false;
        }
        self.failures.push(Failure {
            signature: violation.signature.to_string(),
            oracle: violation.oracle.to_string(),
            message: violation.message.to_string(),
            seeds: vec![outcome.seed],
            reproduce: outcome.reproduce.to_string(),
        });
        true
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
    fn rates(&mut self, seconds: f64) {
        self.events_per_second = (self.events as f64 / seconds).round();
        self.virtual_per_real = self.virtual_ms as f64 / 1_000.0 / seconds;
        self.seeds_per_second = self.seeds as f64 / seconds;
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "{} seeds, {:.2} a second; {} events a second; {:.0} virtual seconds in a real one\n",
            self.seeds, self.seeds_per_second, self.events_per_second, self.virtual_per_real
        );
        let struck = self.faults.iter().filter(|(_, count)| **count > 0);
        let each: Vec<_> = struck.map(|(kind, count)| format!("{kind} {count}")).collect();
        text += &format!("faults: {}\n", each.join(", "));
        let never = self.faults.iter().filter(|(_, count)| **count == 0);
        let never: Vec<_> = never.map(|(kind, _)| kind.as_str()).collect();
        if !never.is_empty() {
            text += &format!("never struck: {}\n", never.join(", "));
        }
        if self.failures.is_empty() {
            text += "no violation\n";
        }
        for failure in &self.failures {
            let Failure { signature, seeds, reproduce, message, .. } = failure;
            text += &format!("{signature}: seeds {seeds:?}\n  {message}\n  {reproduce}\n");
        }
        text
    }
}
