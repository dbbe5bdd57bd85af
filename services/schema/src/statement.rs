//! What a user states about the documents of a collection.
//!
//! A statement is a JSON Schema 2020-12, of which every part is optional: what it does not speak of is
//! learned. It is checked where it comes in, and refused with a pointer to the place that is wrong.

mod contradiction;
mod error;
mod keyword;
mod pattern;
mod reference;
mod subschema;
#[cfg(test)]
mod tests;

pub(crate) use contradiction::{BOUNDS, is_above};
pub use error::{Fault, StatementError, pointer_of};

use serde_json::{Map, Value};
use tidelog_core::Document;

use crate::limits::{PATTERNS_BYTES_MAX, STATEMENT_BYTES_MAX};

/// A checked JSON Schema of a user's.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement(Value);

impl Statement {
    /// Checks what a user states.
    ///
    /// What this system puts into schemas itself (`$schema`, `$id`, notes) may come back, and is left
    /// out, so that a schema which was read can be sent again.
    ///
    /// # Errors
    ///
    /// If it is no JSON Schema 2020-12, or one that is not taken: see [`Fault`].
    pub fn check(document: &Document) -> Result<Self, StatementError> {
        let whole = |fault| StatementError::new(&Pointer::Root, fault);
        if document.len() > STATEMENT_BYTES_MAX {
            return Err(whole(Fault::TooLarge { bytes: document.len() }));
        }
        let mut value = document.to_value().map_err(|error| whole(Fault::NoJson(error)))?;
        if let Value::Object(schema) = &mut value {
            check_dialect(schema)?;
            schema.shift_remove("$schema");
            schema.shift_remove("$id");
        }
        strip_notes(&mut value);
        if pattern_bytes(&value) > PATTERNS_BYTES_MAX {
            return Err(whole(Fault::Patterns));
        }
        check_schema(&value, &Pointer::Root)?;
        reference::check(&value)?;
        Ok(Self(value))
    }

    /// A statement that was checked before it was stored.
    pub(crate) fn stored(document: &Document) -> Option<Self> {
        document.to_value().ok().map(Self)
    }

    /// The statement as JSON.
    #[must_use]
    pub fn to_document(&self) -> Document {
        Document::from_value(&self.0).expect("it came from a document, and only lost notes")
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

/// A place in a schema, on the way down to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pointer<'a> {
    /// The schema itself.
    Root,
    /// A member of an object.
    Member(&'a Self, &'a str),
    /// An element of an array.
    Element(&'a Self, usize),
}

impl Pointer<'_> {
    /// As RFC 6901 has it, as the fragment of a URI.
    fn print(&self, text: &mut String) {
        match self {
            Self::Root => text.push('#'),
            Self::Member(outer, name) => {
                outer.print(text);
                text.push('/');
                push_encoded(&escaped(name), text);
            }
            Self::Element(outer, index) => {
                outer.print(text);
                text.push('/');
                text.push_str(&index.to_string());
            }
        }
    }
}

/// A name as it stands in a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Adds a text as it stands in the fragment of a URI (RFC 3986, section 3.5).
fn push_encoded(part: &str, text: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl std::fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.print(&mut text);
        f.write_str(&text)
    }
}

/// Checks a schema, and all that are in it.
pub(crate) fn check_schema(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value {
        Value::Bool(_) => Ok(()),
        Value::Object(schema) => {
            for (name, value) in schema {
                keyword::check(name, value, &Pointer::Member(at, name))?;
            }
            contradiction::check(schema, at)
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(StatementError::new(at, Fault::NoSchema))
        }
    }
}

fn check_dialect(schema: &Map<String, Value>) -> Result<(), StatementError> {
    match schema.get("$schema") {
        None => Ok(()),
        Some(Value::String(dialect)) if dialect.trim_end_matches('#') == DIALECT => Ok(()),
        Some(_) => {
            let at = Pointer::Member(&Pointer::Root, "$schema");
            Err(StatementError::new(&at, Fault::AnotherDialect))
        }
    }
}

/// Takes the notes out of a schema and all that are in it, but not out of what is no schema there.
fn strip_notes(schema: &mut Value) {
    if let Value::Object(keywords) = schema {
        keywords.shift_remove(NOTES);
    }
    subschema::each_mut(schema, strip_notes);
}

/// The bytes of all patterns in a schema.
fn pattern_bytes(schema: &Value) -> usize {
    let own = schema.get("pattern").and_then(Value::as_str).map_or(0, str::len);
    let names = schema.get("patternProperties").and_then(Value::as_object);
    let names: usize = names.into_iter().flat_map(Map::keys).map(String::len).sum();
    let mut bytes = own + names;
    subschema::each(schema, |_, _, inner| bytes += pattern_bytes(inner));
    bytes
}

/// The dialect of all schemas here.
pub(crate) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The keyword under which a schema says where it comes from.
pub(crate) const NOTES: &str = "x-tidelog";
