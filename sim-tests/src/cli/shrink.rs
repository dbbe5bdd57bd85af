//! `shrink`: the smallest run that fails in the same way, saved.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tidelog_sim_tests::{Run, replay::Replay, shrink::Case, shrink::shrink};

use super::{Found, ScenarioArg, WrongCall, replay, run::seed};

/// Makes a failing run small.
#[derive(Debug, Args)]
pub(super) struct ShrinkArgs {
    /// The seed of the run.
    #[arg(long, value_parser = seed, required_unless_present = "replay", conflicts_with = "replay")]
    seed: Option<u64>,
    #[command(flatten)]
    scenario: ScenarioArg,
    /// A run that was saved.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// The file to write; without it, one that is named after the seed.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long to try, in seconds.
    #[arg(long, value_name = "T", default_value_t = 120)]
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct Summary<'s> {
    signature: &'s str,
    faults: usize,
    steps: usize,
    nodes: u32,
    length_ms: u64,
    runs: u32,
    seconds: f64,
    is_minimal: bool,
    file: String,
    reproduce: String,
}

pub(super) fn main(args: &ShrinkArgs, json: bool) -> Result<Found, WrongCall> {
    let begun = Instant::now();
    let base = base(args)?;
    let first = base.run();
    let Some(violation) = first.violation() else {
        let text = format!("seed {} does not fail in {}", base.seed, base.scenario.name);
        return Err(WrongCall(format!("{text}: there is nothing to shrink")));
    };
    let signature = violation.signature.clone();
    let case = Case {
        faults: first.faults.clone(),
        steps: first.steps.clone(),
        nodes: first.nodes,
        length_ms: first.length_ms,
    };
    let limit = Duration::from_secs(args.seconds);
    let fails = |case: &Case<_>| {
        Run { only: Some(case.clone()), ..base.clone() }.run().fails_with(&signature)
    };
    let shrunk = shrink(case, fails, || begun.elapsed() < limit);
    let file = args.output.clone().unwrap_or_else(|| format!("sim-{}.json", base.seed).into());
    let name = file.display().to_string();
    let saved = Replay::new(&base, Some(&signature), shrunk.case.clone());
    std::fs::write(&file, saved.to_json())
        .map_err(|error| WrongCall(format!("{name} cannot be written: {error}")))?;
    let summary = Summary {
        signature: &signature,
        faults: shrunk.case.faults.len(),
        steps: shrunk.case.steps.len(),
        nodes: shrunk.case.nodes,
        length_ms: shrunk.case.length_ms,
        runs: shrunk.runs,
        seconds: begun.elapsed().as_secs_f64(),
        is_minimal: shrunk.is_minimal,
        reproduce: format!("cargo sim run --replay {name}"),
        file: name,
    };
    print(&summary, (first.faults.len(), first.steps.len()), json);
    Ok(Found::Violation)
}

fn base(args: &ShrinkArgs) -> Result<Run, WrongCall> {
    if let Some(file) = &args.replay {
        let (saved, scenario) = replay(file)?;
        return Ok(Run::replay(&saved, scenario, &file.display().to_string()));
    }
    let seed = args.seed.ok_or_else(|| WrongCall("a run has a seed: --seed N".into()))?;
    Ok(Run::new(seed, args.scenario.scenario))
}

fn print(summary: &Summary<'_>, before: (usize, usize), json: bool) {
    if json {
        println!("{}", serde_json::to_string(summary).expect("texts and numbers"));
        return;
    }
    let Summary { signature, faults, steps, nodes, length_ms, runs, seconds, .. } = summary;
    println!("{signature}");
    println!(
        "{faults} faults of {}, {steps} steps of {}, {nodes} nodes, {length_ms} ms",
        before.0, before.1
    );
    let is_minimal = if summary.is_minimal { "nothing can be left out" } else { "the time was up" };
    println!("{runs} runs in {seconds:.1} s; {is_minimal}");
    println!("the same again: {}", summary.reproduce);
    println!("to see it: cargo sim explain {}", summary.file);
}
