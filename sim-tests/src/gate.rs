//! The determinism gate: a run is a function of its seed and options, and of nothing around it.
//!
//! One run is made several times: in a fresh process, in another one with another environment, in one
//! that has made a hundred runs before, in one that makes others at the same time, without a trace, and
//! by another build of the program. Every event of each is compared with the first one's as it comes, and
//! the first one that differs is told.
//!
//! A run takes place on one thread with virtual time, and madsim answers for the clock and the random
//! numbers of the operating system. What gets past that is what this is for: an address that something is
//! ordered by, a counter that all runs of a process share, a map that was made before the run. The tests
//! plant such leaks, and each is caught.

mod parted;
mod traced;

use std::{
    fmt::{self, Display},
    path::PathBuf,
    process::Command,
};

use tidelog_io_sim::trace::Line;

pub use self::parted::Parted;
use self::traced::{Event, Told, Traced};

/// A program that makes a run and tells its events, as `cargo sim run` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What is called.
    pub path: PathBuf,
    /// With what, before the seed.
    pub args: Vec<String>,
}

/// What a run is surrounded by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A process that does nothing else.
    Fresh,
    /// As that, without telling its events.
    Untraced,
    /// A process with other environment variables, in another folder.
    Elsewhere,
    /// A process that has made so many other runs before.
    After(u64),
    /// A process that makes so many others at the same time.
    Beside(u64),
    /// A process of another program that is to do the same: the debug build, or the release build.
    OtherBuild(Program),
}

/// What came of one comparison.
#[derive(Debug)]
pub struct Compared {
    /// What the run was surrounded by.
    pub surroundings: Surroundings,
    /// Where it parts from the first one, if it does.
    pub parted: Option<Parted>,
}

/// What came of all of them.
#[derive(Debug)]
pub struct Judged {
    /// The seed.
    pub seed: u64,
    /// The hash of the first run.
    pub hash: String,
    /// How many events it had.
    pub events: u64,
    /// How the others compare with it.
    pub compared: Vec<Compared>,
}

/// Why a run could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The program cannot be run.
    #[error("{program} cannot be run: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not say what a run comes to.
    #[error("{program} made no run: {why}")]
    NoRun {
        /// The program.
        program: String,
        /// What it said instead.
        why: String,
    },
}

/// Compares the run of a seed in a fresh process with the same run in other surroundings.
///
/// # Errors
///
/// If a program cannot be run, or does not tell a run.
pub fn judge(program: &Program, seed: u64, others: Vec<Surroundings>) -> Result<Judged, GateError> {
    let (hash, events) = whole(program, seed)?;
    let mut compared = Vec::new();
    for surroundings in others {
        let parted = compare(program, seed, &surroundings, &hash)?;
        compared.push(Compared { surroundings, parted });
    }
    Ok(Judged { seed, hash, events, compared })
}

/// An event of a trace as a line of JSON, as the gate reads it.
#[must_use]
pub fn event_json(line: &Line) -> String {
    serde_json::to_string(&Event::from(line)).expect("texts and numbers can be written")
}

impl Judged {
    /// Whether all runs were alike.
    #[must_use]
    pub fn is_deterministic(&self) -> bool {
        self.compared.iter().all(|it| it.parted.is_none())
    }
}

/// What the run comes to in a fresh process.
fn whole(program: &Program, seed: u64) -> Result<(String, u64), GateError> {
    let Told { hash, events } = Traced::start(program, seed, &Surroundings::Untraced)?.end()?;
    Ok((hash, events))
}

/// Makes the run twice, side by side, and compares event by event.
fn compare(
    program: &Program,
    seed: u64,
    surroundings: &Surroundings,
    expected: &str,
) -> Result<Option<Parted>, GateError> {
    let mut first = Traced::start(program, seed, &Surroundings::Fresh)?;
    let mut other = Traced::start(program, seed, surroundings)?;
    let tells_events = *surroundings != Surroundings::Untraced;
    if tells_events && let Some(parted) = first_difference(&mut first, &mut other)? {
        return Ok(Some(parted));
    }
    let (first, other) = (first.end()?, other.end()?);
    let is_alike = first == other && first.hash == expected;
    Ok((!is_alike).then(|| Parted::at_the_end(expected, &first.hash, &other.hash)))
}

/// The first event in which two runs differ.
fn first_difference(left: &mut Traced, right: &mut Traced) -> Result<Option<Parted>, GateError> {
    let mut before = None;
    for number in 0.. {
        match (left.event()?, right.event()?) {
            (None, None) => break,
            (left, right) if left == right => before = left,
            (left, right) => return Ok(Some(Parted::at(number, before, left, right))),
        }
    }
    Ok(None)
}

impl Program {
    /// The call that makes a run.
    fn command(&self, seed: u64, surroundings: &Surroundings) -> Command {
        let program = match surroundings {
            Surroundings::OtherBuild(program) => program,
            _ => self,
        };
        let mut command = Command::new(&program.path);
        command.args(&program.args).args(["--seed", &seed.to_string(), "--json"]);
        if *surroundings != Surroundings::Untraced {
            command.arg("--trace");
        }
        match surroundings {
            Surroundings::Fresh | Surroundings::Untraced | Surroundings::OtherBuild(_) => {}
            Surroundings::Elsewhere => {
                command.env_clear().envs(ELSEWHERE).current_dir(std::env::temp_dir());
            }
            Surroundings::After(others) => {
                command.args(["--after", &others.to_string()]);
            }
            Surroundings::Beside(others) => {
                command.args(["--beside", &others.to_string()]);
            }
        }
        command
    }
}

/// The environment of a process elsewhere.
const ELSEWHERE: [(&str, &str); 7] = [
    ("HOME", "/nowhere/else"),
    ("USER", "somebody-else"),
    ("LANG", "de_DE.UTF-8"),
    ("TZ", "Pacific/Apia"),
    ("COLUMNS", "40"),
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
];

impl Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.args.join(" "))
    }
}

impl Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("in a fresh process"),
            Self::Untraced => f.write_str("without a trace"),
            Self::Elsewhere => f.write_str("in another environment and folder"),
            Self::After(others) => write!(f, "after {others} other runs in its process"),
            Self::Beside(others) => write!(f, "beside {others} other runs in its process"),
            Self::OtherBuild(program) => write!(f, "by another build ({program})"),
        }
    }
}
