//! An entity's value: any JSON value, held as its compact JSON text.
//!
//! What comes from outside is parsed strictly ([`Document::parse`], [`parse_value`]): UTF-8, RFC
//! 8259, no key twice in an object, bounded depth and size, and no number that the program could
//! not give back without loss. Keys keep their order. Inside, a document travels as text, so whoever
//! does not look into it never parses it.

mod error;
mod limits;
mod number;
mod parse;
mod size;
#[cfg(test)]
pub(crate) mod strategy;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use error::DocumentError;
pub(crate) use error::shortened;
pub use limits::{BODY_DEPTH_MAX, DEPTH_MAX, DOCUMENT_BYTES_MAX};
pub use parse::parse_value;
pub use size::measure;
pub(crate) use size::{key_size, within_depth};
pub(crate) use text::deserialize_text;

/// An entity's value, as compact JSON text. Cloning shares the text.
///
/// Two documents are equal if their texts are, so `1` and `1.0` differ here, and so does another
/// order of keys.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Document(Arc<str>);

impl Document {
    /// Parses what somebody sent, strictly, and keeps it in compact form.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let value = parse::parse_within(bytes, DEPTH_MAX)?;
        Self::print(&value, bytes.len())
    }

    /// The document of a value; refuses one that is too deep or too large.
    pub fn from_value(value: &Value) -> Result<Self, DocumentError> {
        if !within_depth(value, DEPTH_MAX) {
            return Err(DocumentError::TooDeep { limit: DEPTH_MAX });
        }
        Self::print(value, CAPACITY_FIRST)
    }

    /// The document `{}`, from which a patch to a missing entity starts.
    pub fn empty_object() -> Self {
        Self(Arc::from("{}"))
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or has a number that no double can hold. Only a document that was
    /// deserialized, and written by none of our clients, can be like that.
    pub fn to_value(&self) -> Result<Value, DocumentError> {
        parse::parse_stored(&self.0)
    }

    /// Checks that a deserialized document is JSON and not too large.
    ///
    /// Cheaper than [`Self::parse`], which everything went through that a client of ours wrote: what
    /// is left to find is a text that somebody else put into the log.
    pub fn check(&self) -> Result<(), DocumentError> {
        check_size(self.len())?;
        match serde_json::from_str(self.as_str()) {
            Ok(serde::de::IgnoredAny) => Ok(()),
            Err(error) => Err(parse::syntax_error(self.as_str(), &error)),
        }
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The compact JSON text as UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// How many bytes the text has.
    #[expect(clippy::len_without_is_empty, reason = "no JSON text is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn print(value: &Value, capacity: usize) -> Result<Self, DocumentError> {
        let text = printed(value, capacity);
        check_size(text.len())?;
        Ok(Self(Arc::from(text)))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Document {
    /// Where people are to read it, it is the JSON value that it is; else, its text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable()
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(&self.0)
        {
            return value.serialize(serializer);
        }
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Document {
    /// Takes the text as it is: it reads what this program wrote. See [`Document::check`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, "a document as JSON text", |text| {
            Ok::<_, DocumentError>(Self(Arc::from(text)))
        })
    }
}

/// The compact JSON text of anything that holds nothing but JSON values and strings.
pub(crate) fn printed<T: Serialize + ?Sized>(value: &T, capacity: usize) -> String {
    let mut text = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut text, value)
        .expect("keys are strings and a Vec takes all that is written to it");
    String::from_utf8(text).expect("serde_json writes UTF-8")
}

fn check_size(bytes: usize) -> Result<(), DocumentError> {
    if bytes <= DOCUMENT_BYTES_MAX {
        Ok(())
    } else {
        Err(DocumentError::TooLarge { bytes, limit: DOCUMENT_BYTES_MAX })
    }
}

/// Room for a document of usual size, so that printing it seldom has to grow.
const CAPACITY_FIRST: usize = 512;
