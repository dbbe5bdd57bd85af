//! Patterns: those that every engine matches in a time that grows with the text alone.

mod choice;

use regex_syntax::{
    ParserBuilder, ast,
    hir::{Hir, HirKind},
};

use super::{Fault, Pointer, StatementError};
use crate::limits::{PATTERN_BYTES_MAX, PATTERN_STATES_MAX};

/// Checks that a pattern compiles, without lookaround and backreferences, and does not explode:
/// neither here, where counted repetitions are written out, nor in an engine that goes back and
/// tries again, of which most JSON Schema tools have one.
pub(super) fn check(pattern: &str, at: &Pointer<'_>) -> Result<(), StatementError> {
    let explosive =
        |reason: String| Err(StatementError::new(at, Fault::Explosive { reason: reason.into() }));
    if pattern.len() > PATTERN_BYTES_MAX {
        return explosive(format!(
            "it has {} bytes, and {PATTERN_BYTES_MAX} are allowed",
            pattern.len()
        ));
    }
    let parsed = ParserBuilder::new().nest_limit(NESTING_MAX).build().parse(pattern);
    let hir = parsed.map_err(|error| {
        let message = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            // More kinds of error may come with a newer version.
            _ => error.to_string(),
        };
        StatementError::new(at, Fault::Pattern { message: message.into() })
    })?;
    if states(&hir) > PATTERN_STATES_MAX {
        return explosive(format!(
            "with its repetitions written out it has more than {PATTERN_STATES_MAX} states"
        ));
    }
    if repeats_repetition(&hir) {
        return explosive(
            "it repeats what is nothing but a repetition, as in (a+)+, which can be matched in \
             exponentially many ways; put something between"
                .to_owned(),
        );
    }
    if let Ok(ast) = ast::parse::ParserBuilder::new().nest_limit(NESTING_MAX).build().parse(pattern)
        && choice::repeats_choice(&ast, pattern)
    {
        return explosive(
            "it chooses again and again between things that match the same, as in (a|a)*, which can be \
             matched in exponentially many ways; leave all but one of them out"
                .to_owned(),
        );
    }
    Ok(())
}

/// About how many states an automaton for the pattern has.
fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            states(&repetition.sub).saturating_mul(times as usize)
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(0, usize::saturating_add)
        }
    }
}

/// Whether there is a repetition of something that can be nothing but a repetition itself, as in
/// `(a+)+`: there are exponentially many ways to match what it matches.
fn repeats_repetition(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Repetition(repetition) => {
            let is_open = is_open(repetition.min, repetition.max);
            (is_open && is_repetition(&repetition.sub)) || repeats_repetition(&repetition.sub)
        }
        HirKind::Capture(capture) => repeats_repetition(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(repeats_repetition)
        }
    }
}

/// Whether something can match by way of an open repetition alone.
fn is_repetition(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Repetition(repetition) => {
            is_open(repetition.min, repetition.max) || is_repetition(&repetition.sub)
        }
        HirKind::Capture(capture) => is_repetition(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().any(is_repetition),
        HirKind::Concat(parts) => {
            // What must match something of its own keeps the rounds apart.
            let is_kept_apart = |part: &Hir| {
                !is_repetition(part) && part.properties().minimum_len().unwrap_or(0) > 0
            };
            parts.iter().any(is_repetition) && !parts.iter().any(is_kept_apart)
        }
    }
}

/// Whether a repetition has many rounds, and how many is not fixed.
fn is_open(min: u32, max: Option<u32>) -> bool {
    max.is_none_or(|max| max > ROUNDS_MAX && max > min)
}

/// Rounds up to which a repetition counts as a few optional parts.
const ROUNDS_MAX: u32 = 10;

/// How deep a pattern may nest.
const NESTING_MAX: u32 = 50;
