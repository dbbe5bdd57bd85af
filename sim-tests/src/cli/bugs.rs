//! `bugs`: whether planted bugs are found, how fast, and by which oracle.
//!
//! A bug is a small diff with its story in its head. It is applied to a copy of the tree, which is built
//! with a target folder that all bugs share, and hunted from fresh seeds.

mod copy;
mod score;

use std::path::PathBuf;

use clap::Args;

use self::{
    copy::Copied,
    score::{Score, score},
};
use super::{Found, WrongCall};

/// Planted bugs.
#[derive(Debug, Args)]
pub(super) struct BugsArgs {
    /// The bugs; without one, all of them.
    names: Vec<String>,
    /// The folder of the diffs.
    #[arg(long, value_name = "FOLDER", default_value = "sim-tests/bugs")]
    from: PathBuf,
    /// From how many seeds each is hunted.
    #[arg(long, value_name = "K", default_value_t = 5)]
    runs: u64,
    /// How long each of these may take, in seconds of CPU time.
    #[arg(long, value_name = "T", default_value_t = 300)]
    limit: u64,
    /// Leave out whether a bug needs faults to be found.
    #[arg(long)]
    quick: bool,
}

pub(super) fn main(args: &BugsArgs, json: bool) -> Result<Found, WrongCall> {
    let bugs = bugs(args)?;
    let copied = Copied::make()?;
    let mut scores: Vec<Score> = Vec::new();
    for (name, diff) in bugs {
        let program = copied.with(&name, &diff)?;
        let score = score(&name, &program, args.runs, args.limit, args.quick)?;
        if !json {
            println!("{score}");
        }
        scores.push(score);
    }
    if json {
        println!("{}", serde_json::to_string(&scores).expect("texts and numbers"));
    }
    let is_missed = scores.iter().any(|score| score.found < score.runs);
    Ok(if is_missed { Found::Violation } else { Found::Nothing })
}

/// The diffs that are asked for, by their names.
fn bugs(args: &BugsArgs) -> Result<Vec<(String, PathBuf)>, WrongCall> {
    let folder = args.from.display();
    let entries = std::fs::read_dir(&args.from)
        .map_err(|error| WrongCall(format!("the folder {folder} cannot be read: {error}")))?;
    let diffs = entries.flatten().map(|entry| entry.path());
    let diffs = diffs.filter(|path| path.extension().is_some_and(|it| it == "diff"));
    let mut all: Vec<(String, PathBuf)> =
        diffs.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path))).collect();
    all.sort();
    if let Some(unknown) = args.names.iter().find(|name| all.iter().all(|(it, _)| it != *name)) {
        return Err(WrongCall(format!("there is no bug {unknown:?} in {folder}")));
    }
    if !args.names.is_empty() {
        all.retain(|(name, _)| args.names.contains(name));
    }
    if all.is_empty() {
        return Err(WrongCall(format!("there are no bugs in {folder}")));
    }
    Ok(all)
}
