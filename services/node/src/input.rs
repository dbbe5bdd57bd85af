//! Documents and patches as they are given on the command line: as text, `@file`, or `-`.

use std::fs;
use std::io::{self, IsTerminal, Read};

use crate::failure::Failure;

/// Reads what was given: JSON text, `@file`, or `-` (or nothing) for standard input.
pub(crate) fn read(given: Option<&str>, what: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match given {
        None if io::stdin().is_terminal() => {
            return Err(Failure::WrongCall(format!(
                "no {what}: give it as JSON in quotes, as @file, or on standard input"
            )));
        }
        None | Some("-") => standard_input()?,
        Some(text) => match text.strip_prefix('@') {
            Some(file) => fs::read(file).map_err(|error| {
                Failure::WrongCall(format!("cannot read the {what} from {file}: {error}"))
            })?,
            None => text.as_bytes().to_vec(),
        },
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::WrongCall(format!("the {what} is empty; JSON's nothing is `null`")));
    }
    Ok(bytes)
}

/// The failure for something given that cannot be used, with what the shell made of it.
pub(crate) fn unusable(what: &str, given: Option<&str>, why: &dyn std::fmt::Display) -> Failure {
    let seen = match given {
        Some(text) if !text.starts_with('@') && text != "-" => {
            let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            format!(
                "\n  it arrived as: {shown}\n  (a shell takes quotes away: write '{{\"n\":1}}')"
            )
        }
        _ => String::new(),
    };
    Failure::WrongCall(format!("the {what} cannot be used: {why}{seen}"))
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::WrongCall(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// How much of a bad text an error repeats.
const SHOWN_CHARS_MAX: usize = 200;
