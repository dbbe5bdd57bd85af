//! What can be wrong with a patch, and what can go wrong when one is applied.

use std::{fmt, io};

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use crate::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX, DocumentError, shortened};

/// Why some text cannot be a patch. An operation's `index` counts from 0, as in the patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchParseError {
    /// The text is no JSON that could be stored.
    #[error(transparent)]
    Json(#[from] DocumentError),
    /// The patch's compact text is too long.
    #[error("the patch has {bytes} bytes as compact JSON and {limit} are allowed; split it")]
    TooLarge {
        /// Bytes of the compact text.
        bytes: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The patch is not an array.
    #[error("a patch is an array of operations")]
    NotAnArray,
    /// The patch has too many operations.
    #[error("the patch has {count} operations and {limit} are allowed; split it")]
    TooManyOperations {
        /// How many it has.
        count: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// An operation is not an object.
    #[error("operation {index} is not an object")]
    NotAnObject {
        /// Which operation.
        index: usize,
    },
    /// An operation's `op` is none that this kind of patch has.
    #[error("operation {index}: {op:?} is not an operation; there are {known}")]
    UnknownOperation {
        /// Which operation.
        index: usize,
        /// Its `op`, shortened if it is long.
        op: String,
        /// The operations that there are.
        known: &'static str,
    },
    /// An operation lacks a member.
    #[error("operation {index} has no {member:?}")]
    MissingMember {
        /// Which operation.
        index: usize,
        /// The member that it lacks.
        member: &'static str,
    },
    /// A member has the wrong type.
    #[error("operation {index}: {member:?} has to be {expected}")]
    WrongMember {
        /// Which operation.
        index: usize,
        /// The member.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An operation has a member that it should not have.
    #[error("operation {index}: {member:?} means nothing there")]
    UnknownMember {
        /// Which operation.
        index: usize,
        /// The member, shortened if it is long.
        member: String,
    },
    /// A pointer breaks the grammar of RFC 6901.
    #[error("operation {index}: {member:?} is {pointer:?}, which is no JSON Pointer: {reason}")]
    BadPointer {
        /// Which operation.
        index: usize,
        /// The member that holds the pointer.
        member: &'static str,
        /// The pointer, shortened if it is long.
        pointer: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pointer leads deeper than any document.
    #[error("operation {index}: {member:?} leads deeper than {limit} levels, as no document does")]
    PointerTooDeep {
        /// Which operation.
        index: usize,
        /// The member that holds the pointer.
        member: &'static str,
        /// The most that is allowed.
        limit: usize,
    },
    /// A `move` whose target lies inside of what it moves.
    #[error("operation {index}: a value cannot be moved into itself")]
    MoveIntoItself {
        /// Which operation.
        index: usize,
    },
    /// A `remove` of the whole document.
    #[error(
        "operation {index}: a patch cannot remove the whole document; delete the entity or replace \
         its value"
    )]
    RemoveWhole {
        /// Which operation.
        index: usize,
    },
}

/// Why a patch could not be applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A `test` found another value.
    #[error("{step}: the value there is not equal to the one given; it is {found}")]
    TestFailed {
        /// Where.
        step: PatchStep,
        /// The value there as compact JSON, shortened if it is long.
        found: String,
    },
    /// The document has no such place.
    #[error("{step}: {reason}")]
    PathMissing {
        /// Where.
        step: PatchStep,
        /// What is missing: the place itself, or what comes first of those on the way to it.
        reason: String,
    },
    /// The value there is of a type that the operation is not for.
    #[error("{step}: the value there is not {expected}")]
    WrongType {
        /// Where.
        step: PatchStep,
        /// What it should be.
        expected: &'static str,
    },
    /// The sum is neither a 64-bit integer nor a double, or only with loss.
    #[error("{step}: the result fits neither a 64-bit integer nor a double without loss")]
    NumberOutOfRange {
        /// Where.
        step: PatchStep,
    },
    /// The document would be too large after this step.
    #[error("{step}: the document would have {bytes} bytes and {limit} are allowed")]
    TooLarge {
        /// Where.
        step: PatchStep,
        /// Bytes that the compact text would have.
        bytes: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The document would nest too deep after this step.
    #[error("{step}: the document would nest deeper than {limit} levels")]
    TooDeep {
        /// Where.
        step: PatchStep,
        /// The most that is allowed.
        limit: usize,
    },
    /// The patch is too much work for a document of this size.
    #[error("{step}: the patch is too much work on a document this large; split it")]
    TooMuchWork {
        /// Where it had become too much.
        step: PatchStep,
    },
}

impl PatchError {
    /// Which part of the patch it was.
    pub fn step(&self) -> &PatchStep {
        match self {
            Self::TestFailed { step, .. }
            | Self::PathMissing { step, .. }
            | Self::WrongType { step, .. }
            | Self::NumberOutOfRange { step }
            | Self::TooLarge { step, .. }
            | Self::TooDeep { step, .. }
            | Self::TooMuchWork { step } => step,
        }
    }
}

/// The part of a patch that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchStep {
    /// An operation of a JSON Patch or of Tidelog's own.
    Operation {
        /// Counted from 0, as in the patch.
        index: usize,
        /// Its `op`.
        op: &'static str,
        /// The pointer that it was about, shortened if it is long.
        pointer: String,
    },
    /// None yet: the value to be patched breaks the bounds of a document already.
    Start,
    /// A merge patch, which has no operations.
    Merge,
}

impl PatchStep {
    pub(super) fn operation(index: usize, op: &'static str, pointer: &Pointer) -> Self {
        let pointer = shortened(pointer.as_str(), POINTER_CHARS_MAX);
        Self::Operation { index, op, pointer }
    }
}

impl fmt::Display for PatchStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation { index, op, pointer } if pointer.is_empty() => {
                write!(f, "operation {index} ({op} of the whole document)")
            }
            Self::Operation { index, op, pointer } => {
                write!(f, "operation {index} ({op} {pointer})")
            }
            Self::Start => f.write_str("before the first operation"),
            Self::Merge => f.write_str("merge patch"),
        }
    }
}

/// What went wrong, before it is known in which step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TestFailed { found: String },
    PathMissing,
    WrongType { expected: &'static str },
    NumberOutOfRange,
    TooLarge { bytes: usize },
    TooDeep,
    TooMuchWork,
}

impl Fault {
    pub(super) fn at(self, step: PatchStep) -> PatchError {
        match self {
            Self::TestFailed { found } => PatchError::TestFailed { step, found },
            Self::PathMissing => PatchError::PathMissing { step, reason: NO_SUCH_PLACE.to_owned() },
            Self::WrongType { expected } => PatchError::WrongType { step, expected },
            Self::NumberOutOfRange => PatchError::NumberOutOfRange { step },
            Self::TooLarge { bytes } => {
                PatchError::TooLarge { step, bytes, limit: DOCUMENT_BYTES_MAX }
            }
            Self::TooDeep => PatchError::TooDeep { step, limit: DEPTH_MAX },
            Self::TooMuchWork => PatchError::TooMuchWork { step },
        }
    }
}

/// A value's compact text, shortened; a large value is not printed to its end.
pub(super) fn excerpt(value: &Value) -> String {
    let mut head = Head(Vec::new());
    // It fails where the head is full, which is no fault.
    let _ = serde_json::to_writer(&mut head, value);
    let text = match str::from_utf8(&head.0) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&head.0[..error.valid_up_to()]).unwrap_or_default(),
    };
    shortened(text, VALUE_CHARS_MAX)
}

/// Takes more bytes than [`VALUE_CHARS_MAX`] characters can have, and no more.
struct Head(Vec<u8>);

impl io::Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (VALUE_CHARS_MAX + 2) * char::MAX.len_utf8() - self.0.len();
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why there is nothing, if all that leads there is.
pub(super) const NO_SUCH_PLACE: &str = "the document has no such place";

/// How much of a pointer and of a value an error repeats.
pub(super) const POINTER_CHARS_MAX: usize = 100;
const VALUE_CHARS_MAX: usize = 60;
