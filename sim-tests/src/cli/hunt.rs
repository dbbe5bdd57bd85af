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
use tidelog_core::Probe;
use tidelog_sim_tests::{
    Outcome, Run,
    probes::{Reach, reach},
};

use super::{Found, ScenarioArg, WrongCall, bench::cpu_seconds, run::seed, stands_still};

/// Runs of fresh seeds.
#[derive(Debug, Args)]
pub(super) struct HuntArgs {
    /// How long, in seconds; with --seeds it may end before.
    #[arg(long, value_name = "T", required_unless_present = "seeds")]
    seconds: Option<u64>,
    /// Count seconds of CPU time, not of the clock on the wall.
    #[arg(long)]
    cpu: bool,
    /// So many seeds and no more: with --from, always the same ones.
    #[arg(long, value_name = "K")]
    seeds: Option<u64>,
    /// How many runs at a time.
    #[arg(long, value_name = "J", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: u64,
    /// The first seed; without it, a fresh one.
    #[arg(long, value_name = "N", value_parser = seed)]
    from: Option<u64>,
    /// Stop at the first violation.
    #[arg(long)]
    until_found: bool,
    /// Fail if a rare state was never reached that can be reached here.
    #[arg(long)]
    every_probe: bool,
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
        println!("hunting from seed {first}: {}, {} at a time", args.length(), args.jobs);
    }
    let begun = Instant::now();
    let until = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    let is_time = || {
        if args.cpu { cpu_seconds() < until.as_secs_f64() } else { begun.elapsed() < until }
    };
    let end = args.seeds.map_or(u64::MAX, |count| first.saturating_add(count));
    let (next, is_over) = (AtomicU64::new(first), AtomicBool::new(false));
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while is_time() && !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let run = Run::new(seed, args.scenario.scenario);
                    let outcome = Run { stands_still: stands_still(json), ..run }.run();
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
    let misses_probes = args.every_probe && summary.missed().next().is_some();
    let is_well = summary.failures.is_empty() && !misses_probes;
    Ok(if is_well { Found::Nothing } else { Found::Violation })
}

impl HuntArgs {
    fn length(&self) -> String {
        let seconds = self.seconds.map(|it| format!("{it} s"));
        let seeds = self.seeds.map(|it| format!("{it} seeds"));
        [seeds, seconds].into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }
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
        for (probe, count) in &outcome.probes {
            *self.probes.entry((*probe).to_owned()).or_default() += count;
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

    /// The probes that were never reached and can be reached here.
    fn missed(&self) -> impl Iterator<Item = &'static str> {
        let can = Probe::ALL.iter().filter(|probe| reach(**probe) == Reach::Hunt);
        can.map(|probe| probe.name()).filter(|name| !self.is_reached(name))
    }

    fn is_reached(&self, probe: &str) -> bool {
        self.probes.get(probe).is_some_and(|count| *count > 0)
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
        text += &self.probes_text();
        if self.failures.is_empty() {
            text += "no violation\n";
        }
        for failure in &self.failures {
            let Failure { signature, seeds, reproduce, message, .. } = failure;
            text += &format!("{signature}: seeds {seeds:?}\n  {message}\n  {reproduce}\n");
        }
        text
    }

    fn probes_text(&self) -> String {
        let reached = self.probes.iter().filter(|(_, count)| **count > 0);
        let each: Vec<_> = reached.map(|(probe, count)| format!("{probe} {count}")).collect();
        let all = Probe::ALL.len();
        let mut text = format!("probes reached, {} of {all}: {}\n", each.len(), each.join(", "));
        let missed: Vec<_> = self.missed().collect();
        if !missed.is_empty() {
            text += &format!("never reached: {}\n", missed.join(", "));
        }
        for probe in Probe::ALL {
            if let Reach::Elsewhere(why) = reach(*probe)
                && !self.is_reached(probe.name())
            {
                text += &format!("not to be reached here: {}: {why}\n", probe.name());
            }
        }
        text
    }
}
