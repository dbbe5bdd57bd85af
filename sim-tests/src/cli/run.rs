//! `run`: one run, or several of one process.

use std::path::PathBuf;

use clap::Args;
use tidelog_sim_tests::{Outcome, Run};

use super::{Found, ScenarioArg, WrongCall, replay};

/// One run.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The seed.
    #[arg(long, value_parser = seed, required_unless_present = "replay", conflicts_with = "replay")]
    seed: Option<u64>,
    #[command(flatten)]
    scenario: ScenarioArg,
    /// So many runs, of this seed and those after it, in one process.
    #[arg(long, value_name = "K", default_value_t = 1, conflicts_with = "replay")]
    count: u64,
    /// Print every event.
    #[arg(long)]
    trace: bool,
    /// Make a run again that was saved.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

pub(super) fn main(args: &RunArgs, json: bool) -> Result<Found, WrongCall> {
    let mut found = Found::Nothing;
    for run in runs(args)? {
        let outcome = Run { keeps_lines: args.trace, ..run }.run();
        print(&outcome, json);
        if outcome.violation().is_some() {
            found = Found::Violation;
        }
    }
    Ok(found)
}

fn runs(args: &RunArgs) -> Result<Vec<Run>, WrongCall> {
    if let Some(file) = &args.replay {
        let (saved, scenario) = replay(file)?;
        return Ok(vec![Run::replay(&saved, scenario, &file.display().to_string())]);
    }
    let seed = args.seed.ok_or_else(|| WrongCall("a run has a seed: --seed N".into()))?;
    let seeds = (0..args.count).map(|nth| seed.wrapping_add(nth));
    Ok(seeds.map(|seed| Run::new(seed, args.scenario.scenario)).collect())
}

fn print(outcome: &Outcome, json: bool) {
    if json {
        for line in &outcome.lines {
            eprintln!("{line}");
        }
        println!("{}", outcome.to_json());
    } else {
        for line in &outcome.lines {
            println!("{line}");
        }
        print!("{}", outcome.to_text());
    }
}

/// Reads a seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let hexadecimal = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    hexadecimal.unwrap_or_else(|| text.parse()).map_err(|_| {
        format!("{text:?} is no seed; a seed is a number from 0 to {}, as in --seed 42", u64::MAX)
    })
}
