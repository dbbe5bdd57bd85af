//! `bench`: how fast runs are on one core, in CPU time.

mod bare;

use clap::Args;
use serde::Serialize;
use tidelog_sim_tests::{Run, Scenario};

use super::{Found, WrongCall};

/// How fast it is.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// How many seeds.
    #[arg(long, value_name = "K", default_value_t = 9)]
    count: u64,
}

/// The seeds of the benchmark: always the same.
const FIRST_SEED: u64 = 1_000;

/// What the benchmark measures.
#[derive(Debug, Serialize)]
struct Figures {
    scenarios: Vec<Measured>,
    /// Messages that madsim alone carries to and fro in a second of CPU time: what is left of it is ours.
    madsim_messages_per_second: f64,
}

/// A scenario, with what it is to be at least.
#[derive(Debug, Serialize)]
struct Measured {
    scenario: &'static str,
    seeds: u64,
    events: u64,
    cpu_seconds: f64,
    events_per_second: f64,
    virtual_per_real: f64,
}

pub(super) fn main(args: &BenchArgs, json: bool) -> Result<Found, WrongCall> {
    let scenarios: Vec<_> = ["cluster", "calm"]
        .iter()
        .filter_map(|name| Scenario::of_name(name))
        .map(|scenario| measure(scenario, args.count))
        .collect();
    let figures = Figures { scenarios, madsim_messages_per_second: bare() };
    if json {
        println!("{}", serde_json::to_string(&figures).expect("texts and numbers"));
        return Ok(Found::Nothing);
    }
    for it in &figures.scenarios {
        println!(
            "{}: {} seeds, {} events in {:.1} s of CPU time: {:.0} events/s (to be 300000), {:.0} \
             virtual seconds a second (to be 50)",
            it.scenario,
            it.seeds,
            it.events,
            it.cpu_seconds,
            it.events_per_second,
            it.virtual_per_real
        );
    }
    let alone = figures.madsim_messages_per_second;
    println!("madsim alone, messages to and fro between two machines: {alone:.0} messages/s");
    Ok(Found::Nothing)
}

#[expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
fn bare() -> f64 {
    let begun = cpu_seconds();
    let messages = bare::messages();
    messages as f64 / (cpu_seconds() - begun).max(0.001)
}

#[expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
fn measure(scenario: &'static Scenario, seeds: u64) -> Measured {
    let begun = cpu_seconds();
    let (mut events, mut virtual_ms) = (0, 0);
    for seed in FIRST_SEED..FIRST_SEED + seeds {
        let outcome = Run::new(seed, scenario).run();
        events += outcome.events;
        virtual_ms += outcome.virtual_ms;
    }
    let cpu_seconds = (cpu_seconds() - begun).max(0.001);
    Measured {
        scenario: scenario.name,
        seeds,
        events,
        cpu_seconds,
        events_per_second: events as f64 / cpu_seconds,
        virtual_per_real: virtual_ms as f64 / 1_000.0 / cpu_seconds,
    }
}

/// The CPU time of this process, from the kernel: utime and stime, in ticks of a hundredth.
pub(super) fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may have spaces; what is behind it has none.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}
