//! Writing results to standard output and messages to standard error.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Prints one line of text as a result.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| write_failed(&error))
}

/// Prints one result for a program: compact JSON on a line of its own.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(|error| Failure::Failed(error.to_string()))?)
}

/// Prints a document for people.
pub(crate) fn document(value: &Value) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))?)
}

/// Says something beside the result.
pub(crate) fn say(words: &str) {
    // Nobody is left to be told if this cannot be written.
    let _ = writeln!(io::stderr().lock(), "{words}");
}

/// In which manner a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// In words.
    Prose,
    /// As an object on a line of its own, the last one. It goes to standard error too: standard output
    /// has results and nothing else, so whatever reads them need not tell them from failures.
    Json,
}

/// Says why a command failed and what to do about it.
pub(crate) fn complain(failure: &Failure, manner: Manner) {
    if matches!(failure, Failure::OutputClosed) {
        return;
    }
    if manner == Manner::Json {
        return say(&failure.to_json().to_string());
    }
    say(&format!("error: {failure}"));
    if let Some(advice) = failure.advice() {
        say(&format!("  what to do: {advice}"));
    }
}

/// The failure for output that cannot be written; `tidelog export … | head` is none.
pub(crate) fn write_failed(error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::OutputClosed;
    }
    Failure::Failed(format!("cannot write the output: {error}"))
}
