//! Why a statement is refused.

use tidelog_core::document::DocumentError;

use super::Pointer;
use crate::limits::{PATTERNS_BYTES_MAX, STATEMENT_BYTES_MAX};

/// A statement that is refused: where, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("at {pointer}: {fault}")]
pub struct StatementError {
    /// The place, as a JSON Pointer in the form of a fragment (`#/properties/age/type`).
    pub pointer: Box<str>,
    /// What is wrong there.
    pub fault: Fault,
}

impl StatementError {
    pub(crate) fn new(at: &Pointer<'_>, fault: Fault) -> Self {
        Self { pointer: at.to_string().into(), fault }
    }
}

/// The pointer in the words of a [`StatementError`], if they are those of one.
#[must_use]
pub fn pointer_of(words: &str) -> Option<&str> {
    // A fragment has no white space in it.
    let (pointer, _) = words.strip_prefix("at ")?.split_once(": ")?;
    pointer.starts_with('#').then_some(pointer)
}

/// What can be wrong with a statement.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The text is no JSON.
    #[error(transparent)]
    NoJson(DocumentError),
    /// It is too large.
    #[error("a schema has at most {STATEMENT_BYTES_MAX} bytes, and this one has {bytes}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// It is written for another version of JSON Schema.
    #[error("schemas are written in JSON Schema 2020-12; leave $schema out, or name that one")]
    AnotherDialect,
    /// A schema was expected.
    #[error("a schema is an object, true or false")]
    NoSchema,
    /// A keyword has a value of a wrong kind.
    #[error("this is to be {expected}")]
    Expected {
        /// What it is to be.
        expected: &'static str,
    },
    /// There is no such type.
    #[error(
        "there is no type {name:?}; the types are null, boolean, integer, number, string, object and \
         array"
    )]
    UnknownType {
        /// The name that is no type's.
        name: Box<str>,
    },
    /// Something stands twice where each may stand once.
    #[error("{value} stands here twice")]
    Twice {
        /// What does.
        value: Box<str>,
    },
    /// A keyword of JSON Schema that is not taken here.
    #[error("{advice}")]
    NotTaken {
        /// What to write in its place.
        advice: &'static str,
    },
    /// A pattern does not compile.
    #[error("the pattern does not compile: {message}")]
    Pattern {
        /// What is wrong with it.
        message: Box<str>,
    },
    /// A pattern would cost too much.
    #[error("the pattern would explode: {reason}")]
    Explosive {
        /// How.
        reason: Box<str>,
    },
    /// The patterns are too long together.
    #[error("the patterns of a schema have at most {PATTERNS_BYTES_MAX} bytes together")]
    Patterns,
    /// A reference leads out of the schema.
    #[error(
        "references stay inside the schema: \"#\" and a JSON Pointer, as in \"#/$defs/address\""
    )]
    Outside,
    /// A reference leads nowhere.
    #[error("there is no schema at {target}")]
    Dangling {
        /// Where it leads.
        target: Box<str>,
    },
    /// A reference leads to what is learned as well.
    #[error(
        "what is at {target} is learned as well; put what is shared into $defs, and refer to it there, as \
         in \"#/$defs/address\""
    )]
    Learned {
        /// Where it leads.
        target: Box<str>,
    },
    /// References lead to each other and never to a schema.
    #[error("this reference leads back to itself")]
    Circular,
    /// No value can have the schema.
    #[error("no value can have this: {why}")]
    Contradiction {
        /// What contradicts what.
        why: Box<str>,
    },
}
