//! The command line. Exit codes: 0 for no violation, 1 for one, 2 for a wrong call.

mod bench;
mod bugs;
mod explain;
mod gate;
mod hunt;
mod run;
mod shrink;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tidelog_sim_tests::{Outcome, Scenario, replay::Replay};

/// Runs Tidelog on a simulated cluster, every failure from a seed.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Use the debug build.
    #[arg(long, global = true)]
    debug: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One run of a seed, or several.
    Run(run::RunArgs),
    /// Runs of fresh seeds until the time is up.
    Hunt(hunt::HuntArgs),
    /// The smallest run that fails in the same way.
    Shrink(shrink::ShrinkArgs),
    /// A timeline of a run as one HTML file.
    Explain(explain::ExplainArgs),
    /// Whether planted bugs are found, and how fast.
    Bugs(bugs::BugsArgs),
    /// Whether runs are functions of their seeds.
    Gate(gate::GateArgs),
    /// How fast it is.
    Bench(bench::BenchArgs),
}

/// Which scenario.
#[derive(Clone, Debug, Args)]
struct ScenarioArg {
    /// The scenario.
    #[arg(long, value_name = "NAME", default_value = Scenario::ALL[0].name, value_parser = scenario)]
    scenario: &'static Scenario,
}

/// What a command came to.
enum Found {
    /// No violation.
    Nothing,
    /// At least one.
    Violation,
}

/// A wrong call, with words for whoever made it.
#[derive(Debug)]
struct WrongCall(String);

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where nobody reads, nobody is to be told.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    if cli.debug && !cfg!(debug_assertions) {
        return as_debug_build();
    }
    quiet_panics();
    let found = match &cli.command {
        Command::Run(args) => run::main(args, cli.json),
        Command::Hunt(args) => hunt::main(args, cli.json),
        Command::Shrink(args) => shrink::main(args, cli.json),
        Command::Explain(args) => explain::main(args, cli.json),
        Command::Bugs(args) => bugs::main(args, cli.json),
        Command::Gate(args) => gate::main(args, cli.json),
        Command::Bench(args) => bench::main(args, cli.json),
    };
    match found {
        Ok(Found::Nothing) => ExitCode::SUCCESS,
        Ok(Found::Violation) => ExitCode::from(1),
        Err(WrongCall(why)) => {
            eprintln!("cargo sim: {why}");
            ExitCode::from(2)
        }
    }
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    Scenario::of_name(name).ok_or_else(|| {
        let known: Vec<_> =
            Scenario::ALL.iter().map(|it| format!("{} ({})", it.name, it.what)).collect();
        format!("there is no scenario {name:?}; there are {}", known.join(", "))
    })
}

/// Reads a replay, and finds its scenario.
fn replay(file: &PathBuf) -> Result<(Replay, &'static Scenario), WrongCall> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| WrongCall(format!("{name} cannot be read: {error}")))?;
    let replay = Replay::from_json(&text).map_err(|error| WrongCall(format!("{name}: {error}")))?;
    let scenario =
        scenario(&replay.scenario).map_err(|error| WrongCall(format!("{name}: {error}")))?;
    Ok((replay, scenario))
}

/// What is done with a run that stands still: it is told, and the process ends, for nothing else ends it.
fn stands_still(json: bool) -> fn(&Outcome) {
    fn as_text(outcome: &Outcome) {
        print!("{}", outcome.to_text());
        std::process::exit(1);
    }
    fn as_json(outcome: &Outcome) {
        println!("{}", outcome.to_json());
        std::process::exit(1);
    }
    if json { as_json } else { as_text }
}

/// The same call by the debug build, which cargo makes if it is not there.
fn as_debug_build() -> ExitCode {
    let args = std::env::args().skip(1).filter(|arg| arg != "--debug");
    let status = std::process::Command::new("cargo")
        .args(["run", "--quiet", "--package", "tidelog-sim-tests", "--bin", "sim", "--"])
        .args(args)
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(code)) => ExitCode::from(u8::try_from(code).unwrap_or(2)),
        Ok(None) | Err(_) => {
            eprintln!("cargo sim: the debug build cannot be run by cargo");
            ExitCode::from(2)
        }
    }
}

/// A panic of a run is a violation, which is told with the run.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_calls_are_told_with_words() {
        let refused = |args: &[&str]| {
            let args = ["sim"].iter().chain(args);
            Cli::try_parse_from(args).expect_err("a wrong call").to_string()
        };
        let unknown = refused(&["run", "--seed", "1", "--scenario", "apocalypse"]);
        assert!(
            unknown.contains("there is no scenario \"apocalypse\"; there are cluster"),
            "{unknown}"
        );
        let bad = refused(&["run", "--seed", "seven"]);
        assert!(bad.contains("\"seven\" is no seed"), "{bad}");
        assert!(refused(&["run"]).contains("--seed"), "{}", refused(&["run"]));
        assert!(refused(&["hunt"]).contains("--seconds"));
    }
}
