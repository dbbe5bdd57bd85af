//! `explain`: a timeline of a run that was saved.

use std::path::PathBuf;

use clap::Args;
use tidelog_sim_tests::{Run, explain::html};

use super::{Found, WrongCall, replay};

/// A timeline of a run.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The run, as `shrink` saves it.
    file: PathBuf,
    /// The file to write; without it, beside the run.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn main(args: &ExplainArgs, json: bool) -> Result<Found, WrongCall> {
    let (saved, scenario) = replay(&args.file)?;
    let run = Run::replay(&saved, scenario, &args.file.display().to_string());
    let outcome = Run { keeps_lines: true, ..run }.run();
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("html"));
    let name = output.display().to_string();
    std::fs::write(&output, html(&outcome))
        .map_err(|error| WrongCall(format!("{name} cannot be written: {error}")))?;
    if json {
        println!("{}", serde_json::json!({ "file": name, "violation": outcome.violation() }));
    } else {
        print!("{}", outcome.to_text());
        println!("the timeline is in {name}");
    }
    Ok(if outcome.violation().is_some() { Found::Violation } else { Found::Nothing })
}
