//! A process that tells the events of a run as they stand in its trace.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Stdio},
};

use serde::{Deserialize, Serialize};
use tidelog_io_sim::trace::Line;

use super::{GateError, Program, Surroundings};

/// A process that makes a run.
pub(super) struct Traced {
    program: String,
    child: Child,
    events: BufReader<ChildStderr>,
    /// What it said that is no event.
    words: String,
}

/// What a run came to.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    pub(super) hash: String,
    pub(super) events: u64,
}

/// An event, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) at_us: u64,
    pub(super) lane: String,
    pub(super) what: String,
    pub(super) detail: String,
    /// The hash of the trace with this event as its last one.
    pub(super) hash: String,
}

impl Traced {
    pub(super) fn start(
        program: &Program,
        seed: u64,
        surroundings: &Surroundings,
    ) -> Result<Self, GateError> {
        let mut command = program.command(seed, surroundings);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = format!("{command:?}");
        let mut child = command
            .spawn()
            .map_err(|source| GateError::Start { program: program.clone(), source })?;
        let events = BufReader::new(child.stderr.take().expect("its standard error is piped"));
        Ok(Self { program, child, events, words: String::new() })
    }

    /// The next event.
    pub(super) fn event(&mut self) -> Result<Option<Event>, GateError> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.events.read_line(&mut line);
            if read.map_err(|error| self.no_run(error))? == 0 {
                return Ok(None);
            }
            match serde_json::from_str(&line) {
                Ok(event) => return Ok(Some(event)),
                Err(_) => self.words.push_str(&line),
            }
        }
    }

    /// What the run came to.
    pub(super) fn end(mut self) -> Result<Told, GateError> {
        while self.event()?.is_some() {}
        let mut text = String::new();
        let stdout = self.child.stdout.as_mut().expect("its standard output is piped");
        stdout.read_to_string(&mut text).map_err(|error| self.no_run(error))?;
        serde_json::from_str(text.trim()).map_err(|_| {
            let words = if text.trim().is_empty() { &self.words } else { &text };
            self.no_run(words.trim())
        })
    }

    fn no_run(&self, why: impl ToString) -> GateError {
        GateError::NoRun { program: self.program.clone(), why: why.to_string() }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // One that has parted from the other is not waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Event {
    /// Whether it reads alike: the hash may know better.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let Self { at_us, lane, what, detail, hash: _ } = self;
        (at_us, lane, what, detail) == (&other.at_us, &other.lane, &other.what, &other.detail)
    }
}

impl From<&Line> for Event {
    fn from(line: &Line) -> Self {
        Self {
            at_us: line.at_us,
            lane: line.lane.to_string(),
            what: line.what.to_owned(),
            detail: line.detail.to_string(),
            hash: format!("{:016x}", line.hash),
        }
    }
}
