//! `gate`: whether a run is a function of its seed, whatever surrounds it.

use clap::Args;
use serde::Serialize;
use tidelog_sim_tests::gate::{Judged, Program, Surroundings, judge};

use super::{Found, ScenarioArg, WrongCall, run::seed};

/// Whether runs are functions of their seeds.
#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed)]
    seed: u64,
    /// So many seeds, from this one on.
    #[arg(long, value_name = "K", default_value_t = 1)]
    count: u64,
    /// After how many other runs of its process a run is to be the same.
    #[arg(long, value_name = "K", default_value_t = 99)]
    after: u64,
    /// Leave out the other build, debug or release, which cargo makes if it is not there.
    #[arg(long)]
    one_build: bool,
    #[command(flatten)]
    scenario: ScenarioArg,
}

/// Other runs beside one.
const BESIDE: u64 = 3;

/// What came of a seed.
#[derive(Debug, Serialize)]
struct Summary {
    seed: u64,
    hash: String,
    events: u64,
    compared: Vec<Comparison>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    surroundings: String,
    /// The first event that differs, in words.
    parted: Option<String>,
}

pub(super) fn main(args: &GateArgs, json: bool) -> Result<Found, WrongCall> {
    let scenario = args.scenario.scenario.name;
    let ours = std::env::current_exe()
        .map_err(|error| WrongCall(format!("the program does not find itself: {error}")))?;
    let program = Program { path: ours, args: words(&["run", "--scenario", scenario]) };
    let mut found = Found::Nothing;
    for nth in 0..args.count {
        let mut others = vec![
            Surroundings::Fresh,
            Surroundings::Untraced,
            Surroundings::Elsewhere,
            Surroundings::After(args.after),
            Surroundings::Beside(BESIDE),
        ];
        if !args.one_build {
            others.push(Surroundings::OtherBuild(other_build(scenario)));
        }
        let judged = judge(&program, args.seed.wrapping_add(nth), others)
            .map_err(|error| WrongCall(error.to_string()))?;
        if !judged.is_deterministic() {
            found = Found::Violation;
        }
        print(judged, json);
    }
    Ok(found)
}

/// The same program as cargo makes it in its other profile.
fn other_build(scenario: &str) -> Program {
    let release = if cfg!(debug_assertions) { &["--release"][..] } else { &[] };
    let package = ["--package", "tidelog-sim-tests", "--bin", "sim", "--"];
    let run = ["run", "--scenario", scenario];
    let args = [&["run", "--quiet"][..], release, &package, &run].concat();
    Program { path: "cargo".into(), args: words(&args) }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn print(judged: Judged, json: bool) {
    let Judged { seed, hash, events, compared } = judged;
    if json {
        let compared = compared.into_iter().map(|it| Comparison {
            surroundings: it.surroundings.to_string(),
            parted: it.parted.map(|parted| parted.to_string()),
        });
        let summary = Summary { seed, hash, events, compared: compared.collect() };
        println!("{}", serde_json::to_string(&summary).expect("texts and numbers"));
        return;
    }
    println!("seed {seed}: {events} events, hash {hash}");
    for it in compared {
        match it.parted {
            None => println!("  the same {}", it.surroundings),
            Some(parted) => println!("  DIFFERS {}\n{parted}", it.surroundings),
        }
    }
}
