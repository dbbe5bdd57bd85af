//! `bugs`: whether planted bugs are found, how fast, and by which oracle.
//!
//! A bug is a small diff with its story in its head. It is applied to a copy of the tree, which is built
//! with a target folder that all bugs share, and hunted from fresh seeds. What is known of each is kept
//! in the folder `target/bugs`, so that a table can be made piece by piece.

mod copy;
mod hunted;
mod score;
mod shrunk;
mod table;
mod tree;

use std::path::PathBuf;

use clap::Args;
use tidelog_sim_tests::planted::Bug;

use self::{
    copy::Copied,
    hunted::Hunter,
    score::{Score, Scores},
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
    /// How long each is hunted without faults, to see whether it needs them; 0 leaves that out.
    #[arg(long, value_name = "T", default_value_t = 60)]
    calm: u64,
    /// How many runs of a hunt go on at a time.
    #[arg(long, value_name = "J", default_value_t = 1)]
    jobs: u64,
    /// Instead of a hunt, see whether the unit tests find them.
    #[arg(long)]
    units: bool,
    /// Instead of a hunt, shrink a run that was found by one.
    #[arg(long, conflicts_with = "units")]
    shrink: bool,
    /// Only print what is known by now, as the rows of a table.
    #[arg(long, conflicts_with_all = ["units", "shrink"])]
    table: bool,
}

pub(super) fn main(args: &BugsArgs, json: bool) -> Result<Found, WrongCall> {
    let bugs = bugs(args)?;
    let copied = Copied::make()?;
    let mut scores = Scores::open(copied.folder().join("scores.json"))?;
    if args.table {
        print!("{}", table::of(&bugs, &scores));
        return Ok(Found::Nothing);
    }
    let hunter = if args.units { None } else { Some(Hunter::new(args.jobs)?) };
    let mut done: Vec<Score> = Vec::new();
    for bug in &bugs {
        let mut score = scores.of(&bug.name);
        match &hunter {
            None => score.unit_test = Some(copied.unit_test(bug)?),
            Some(hunter) => {
                let program = copied.with(bug)?;
                if args.shrink {
                    match hunter.shrunk(&program, bug, &score, copied.folder()) {
                        Ok(shrunk) => score.shrunk = Some(shrunk),
                        // The others can be shrunk for all that.
                        Err(WrongCall(words)) => eprintln!("{}: {words}", bug.name),
                    }
                } else {
                    hunter.score(&program, bug, args, &mut score)?;
                }
            }
        }
        if !json {
            println!("{score}");
        }
        scores.keep(score.clone())?;
        done.push(score);
    }
    if json {
        println!("{}", serde_json::to_string(&done).expect("texts and numbers"));
    }
    let is_missed = hunter.is_some() && done.iter().any(|score| score.found < score.runs);
    Ok(if is_missed { Found::Violation } else { Found::Nothing })
}

/// The diffs that are asked for. Those of one crate follow one another, so that less is built anew.
fn bugs(args: &BugsArgs) -> Result<Vec<Bug>, WrongCall> {
    let folder = args.from.display();
    let mut all = Bug::all(&args.from).map_err(WrongCall)?;
    if let Some(unknown) = args.names.iter().find(|name| all.iter().all(|it| it.name != **name)) {
        return Err(WrongCall(format!("there is no bug {unknown:?} in {folder}")));
    }
    if !args.names.is_empty() {
        all.retain(|bug| args.names.contains(&bug.name));
    }
    if all.is_empty() {
        return Err(WrongCall(format!("there are no bugs in {folder}")));
    }
    let place = |bug: &Bug| bug.files().first().map(|file| (*file).to_owned());
    all.sort_by_cached_key(|bug| (place(bug), bug.name.clone()));
    Ok(all)
}
