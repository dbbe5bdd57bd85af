//! `run`: one run, or several of one process.

use std::{io::Write, path::PathBuf};

use clap::Args;
use tidelog_sim_tests::{Outcome, Run, gate::event_json};

use super::{Found, ScenarioArg, WrongCall, replay, stands_still};

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
    /// Print every event; with --json as objects, on standard error.
    #[arg(long)]
    trace: bool,
    /// Make so many other runs in this process before, of the seeds before this one.
    #[arg(long, value_name = "K", default_value_t = 0, conflicts_with = "replay")]
    after: u64,
    /// Make so many other runs in this process at the same time.
    #[arg(long, value_name = "K", default_value_t = 0, conflicts_with = "replay",
          value_parser = clap::value_parser!(u64).range(..=16))]
    beside: u64,
    /// Make a run again that was saved.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

pub(super) fn main(args: &RunArgs, json: bool) -> Result<Found, WrongCall> {
    let mut found = Found::Nothing;
    for run in runs(args)? {
        for nth in (1..=args.after).rev() {
            let _ = Run::new(run.seed.wrapping_sub(nth), run.scenario).run();
        }
        let run = Run { keeps_lines: args.trace, stands_still: stands_still(json), ..run };
        let outcome = std::thread::scope(|scope| {
            for nth in 1..=args.beside {
                let other = Run::new(run.seed.wrapping_add(nth), run.scenario);
                scope.spawn(move || other.run());
            }
            run.run()
        });
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
        let mut stderr = std::io::stderr().lock();
        for line in &outcome.lines {
            // Where nobody reads, nobody is to be told.
            let _ = writeln!(stderr, "{}", event_json(line));
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
