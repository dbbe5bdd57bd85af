//! What can be wrong with a request, as it is told to whoever asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    document::DocumentError,
    limits::PROBLEM_DETAIL_BYTES_MAX,
    patch::{PatchError, PatchParseError},
};

/// The kinds of problem that the log, the services and the driver can answer with.
///
/// The order is part of the message format: new kinds go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProblemKind {
    /// The request, or a part of it, is not well-formed.
    BadRequest,
    /// The database has not been provisioned.
    UnknownDatabase,
    /// There is no such entity.
    NotFound,
    /// A precondition on the revision or the existence does not hold.
    PreconditionFailed,
    /// A `test` of a JSON Patch found another value.
    TestFailed,
    /// A path of a patch leads nowhere.
    PathMissing,
    /// An operation met a value of a type that it is not for.
    WrongType,
    /// A number that 64-bit integers and doubles cannot keep without loss.
    NumberNotKept,
    /// The document is, or would become, too large.
    TooLarge,
    /// The document is, or would become, too deeply nested.
    TooDeep,
    /// The patch asks for more work than one request may.
    TooMuchWork,
    /// The idempotency key was used for another request.
    KeyReused,
    /// The client had said before that this request was over.
    Stale,
    /// The request was first sent so long ago that it is not carried out any more. Whether it was before
    /// may be forgotten.
    Expired,
    /// The request's number is too far ahead of the client's first incomplete one.
    TooFarAhead,
    /// A part of a batch is about another database.
    AnotherDatabase,
    /// What became of it is not known; it may be asked again as the same request.
    OutcomeUnknown,
    /// The system cannot take the request at this time; nothing was changed.
    Unavailable,
    /// What is to be stated is no JSON Schema, or one that is not taken.
    InvalidSchema,
    /// Nothing can be learned again where nothing is learned.
    LearningOff,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::UnknownDatabase,
        Self::NotFound,
        Self::PreconditionFailed,
        Self::TestFailed,
        Self::PathMissing,
        Self::WrongType,
        Self::NumberNotKept,
        Self::TooLarge,
        Self::TooDeep,
        Self::TooMuchWork,
        Self::KeyReused,
        Self::Stale,
        Self::Expired,
        Self::TooFarAhead,
        Self::AnotherDatabase,
        Self::OutcomeUnknown,
        Self::Unavailable,
        Self::InvalidSchema,
        Self::LearningOff,
    ];

    /// The kind's name, as in the type of a problem document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::UnknownDatabase => "unknown-database",
            Self::NotFound => "not-found",
            Self::PreconditionFailed => "precondition-failed",
            Self::TestFailed => "test-failed",
            Self::PathMissing => "path-missing",
            Self::WrongType => "wrong-type",
            Self::NumberNotKept => "number-not-kept",
            Self::TooLarge => "too-large",
            Self::TooDeep => "too-deep",
            Self::TooMuchWork => "too-much-work",
            Self::KeyReused => "idempotency-key-reused",
            Self::Stale => "stale-request",
            Self::Expired => "expired-request",
            Self::TooFarAhead => "too-far-ahead",
            Self::AnotherDatabase => "another-database",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Unavailable => "unavailable",
            Self::InvalidSchema => "invalid-schema",
            Self::LearningOff => "learning-off",
        }
    }

    /// Whether the outcome is remembered for an idempotency key: it says something about the entity,
    /// and not only about the request or the moment.
    #[must_use]
    pub fn is_outcome(self) -> bool {
        match self {
            Self::NotFound
            | Self::PreconditionFailed
            | Self::TestFailed
            | Self::PathMissing
            | Self::WrongType
            | Self::NumberNotKept
            | Self::TooLarge
            | Self::TooDeep
            | Self::TooMuchWork
            | Self::InvalidSchema
            | Self::LearningOff => true,
            Self::BadRequest
            | Self::UnknownDatabase
            | Self::KeyReused
            | Self::Stale
            | Self::Expired
            | Self::TooFarAhead
            | Self::AnotherDatabase
            | Self::OutcomeUnknown
            | Self::Unavailable => false,
        }
    }
}

/// A problem: its kind, and what happened, to what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The explanation, at most [`PROBLEM_DETAIL_BYTES_MAX`] bytes.
    pub detail: Box<str>,
}

impl Problem {
    /// A problem with an explanation, cut at the limit.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl fmt::Display) -> Self {
        let mut text = detail.to_string();
        if text.len() > PROBLEM_DETAIL_BYTES_MAX {
            text.truncate(text.floor_char_boundary(PROBLEM_DETAIL_BYTES_MAX - '…'.len_utf8()));
            text.push('…');
        }
        Self { kind, detail: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let kind = match error {
            DocumentError::NotUtf8 { .. }
            | DocumentError::Syntax { .. }
            | DocumentError::DuplicateKey { .. }
            | DocumentError::TooDeep { .. } => ProblemKind::BadRequest,
            DocumentError::TooLarge { .. } => ProblemKind::TooLarge,
            DocumentError::Number { .. } => ProblemKind::NumberNotKept,
        };
        Self::new(kind, error)
    }
}

impl From<PatchParseError> for Problem {
    fn from(error: PatchParseError) -> Self {
        let kind = match error {
            PatchParseError::Json(error) => return error.into(),
            PatchParseError::TooLarge { .. } | PatchParseError::TooManyOperations { .. } => {
                ProblemKind::TooLarge
            }
            PatchParseError::NotAnArray
            | PatchParseError::NotAnObject { .. }
            | PatchParseError::UnknownOperation { .. }
            | PatchParseError::MissingMember { .. }
            | PatchParseError::WrongMember { .. }
            | PatchParseError::UnknownMember { .. }
            | PatchParseError::BadPointer { .. }
            | PatchParseError::PointerTooDeep { .. }
            | PatchParseError::MoveIntoItself { .. }
            | PatchParseError::RemoveWhole { .. } => ProblemKind::BadRequest,
        };
        Self::new(kind, error)
    }
}

impl From<PatchError> for Problem {
    fn from(error: PatchError) -> Self {
        let kind = match error {
            PatchError::TestFailed { .. } => ProblemKind::TestFailed,
            PatchError::PathMissing { .. } => ProblemKind::PathMissing,
            PatchError::WrongType { .. } => ProblemKind::WrongType,
            PatchError::NumberOutOfRange { .. } => ProblemKind::NumberNotKept,
            PatchError::TooLarge { .. } => ProblemKind::TooLarge,
            PatchError::TooDeep { .. } => ProblemKind::TooDeep,
            PatchError::TooMuchWork { .. } => ProblemKind::TooMuchWork,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::JsonPatch;

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let problem = Problem::new(ProblemKind::BadRequest, "ä".repeat(1_000));
        assert!(problem.detail.len() <= PROBLEM_DETAIL_BYTES_MAX);
        assert!(problem.detail.ends_with("ä…"));
    }

    #[test]
    fn a_text_that_is_no_patch_is_a_problem_of_its_kind() {
        let kind = |error: PatchParseError| Problem::from(error).kind;
        assert_eq!(kind(PatchParseError::NotAnArray), ProblemKind::BadRequest);
        let error = PatchParseError::TooManyOperations { count: 1_001, limit: 1_000 };
        let problem = Problem::from(error.clone());
        assert_eq!((problem.kind, &*problem.detail), (ProblemKind::TooLarge, &*error.to_string()));
        let parse = |text: &str| JsonPatch::parse(text.as_bytes()).expect_err("no patch");
        assert_eq!(kind(parse("[")), ProblemKind::BadRequest);
        let number = r#"[{"op":"add","path":"/n","value":1e400}]"#;
        assert_eq!(kind(parse(number)), ProblemKind::NumberNotKept);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            ProblemKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ProblemKind::ALL.len());
    }
}
