//! Patterns: those that every engine compiles, and matches in a time that does not explode.

mod ambiguity;
mod dialect;
mod neighbours;
mod positions;

use regex_syntax::{
    ParserBuilder, ast,
    ast::Ast,
    hir::{Hir, HirKind},
};

use self::{
    ambiguity::Ambiguity,
    positions::{Positions, Unfit},
};
use super::{Fault, Pointer, StatementError};
use crate::limits::{PATTERN_BYTES_MAX, PATTERN_STATES_MAX};

/// Checks that a pattern compiles, without lookaround and backreferences, and does not explode:
/// neither here, where counted repetitions are written out, nor in an engine that goes back and
/// tries again, of which most JSON Schema tools have one.
pub(super) fn check(pattern: &str, at: &Pointer<'_>) -> Result<(), StatementError> {
    let explosive =
        |reason: String| StatementError::new(at, Fault::Explosive { reason: reason.into() });
    let refused =
        |message: String| StatementError::new(at, Fault::Pattern { message: message.into() });
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(explosive(format!(
            "it has {} bytes, and {PATTERN_BYTES_MAX} are allowed",
            pattern.len()
        )));
    }
    let parsed = ast::parse::ParserBuilder::new().nest_limit(NESTING_MAX).build().parse(pattern);
    let ast = parsed.map_err(|error| refused(error.kind().to_string()))?;
    if let Some(advice) = dialect::foreign(&ast) {
        return Err(refused(format!("patterns are those of ECMA-262: {advice}")));
    }
    let parsed = ParserBuilder::new().nest_limit(NESTING_MAX).build().parse(pattern);
    let hir = parsed.map_err(|error| {
        if let regex_syntax::Error::Translate(error) = &error {
            return refused(error.kind().to_string());
        }
        refused(error.to_string())
    })?;
    if states(&hir) > PATTERN_STATES_MAX {
        return Err(explosive(format!(
            "with its repetitions written out it has more than {PATTERN_STATES_MAX} states"
        )));
    }
    explosion(&ast, pattern).map_or(Ok(()), |reason| Err(explosive(reason.to_owned())))
}

/// Why an engine that goes back and tries again might never come to an end.
fn explosion(ast: &Ast, pattern: &str) -> Option<&'static str> {
    if neighbours::are_too_many(ast, pattern) {
        return Some(NEIGHBOURS);
    }
    let positions = match Positions::of(ast, pattern) {
        Ok(positions) => positions,
        Err(Unfit::CountsWhatMayBeEmpty) => return Some(NEIGHBOURS),
        Err(Unfit::TooMany) => return Some(INTRICATE),
    };
    ambiguity::find(&positions).map(|ambiguity| match ambiguity {
        Ambiguity::Exponential => EXPONENTIAL,
        Ambiguity::NotFoundOut => INTRICATE,
    })
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

/// Whether a repetition has many rounds, and how many is not fixed.
fn is_open(min: u32, max: Option<u32>) -> bool {
    max.is_none_or(|max| max > ROUNDS_MAX && max > min)
}

/// Rounds up to which a repetition counts as a few optional parts.
const ROUNDS_MAX: u32 = 10;

/// How deep a pattern may nest.
const NESTING_MAX: u32 = 50;

const EXPONENTIAL: &str = "it repeats what can match the same text in several ways, as (a+)+ and (a|a)* do, \
    which makes exponentially many; have something between that tells the rounds apart";

const NEIGHBOURS: &str = "too many repetitions of the same characters follow one another, as in a*a*a*a*a*; \
    put something between that they do not match, or leave all but one of them out";

const INTRICATE: &str = "it is too intricate to be judged; make it simpler";
