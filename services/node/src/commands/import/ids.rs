//! Which entity a document becomes.

#[cfg(test)]
mod tests;

use serde_json::Value;
use tidelog_core::document::{self, DocumentError};
use tidelog_core::{CollectionId, Document, EntityId, ZoneId};

use super::split::{Position, Raw};
use crate::place::Place;

/// Where the names of entities come from.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    /// From the digest of the content and the document's position.
    Derived {
        /// Where the entities go.
        zone: ZoneId,
        /// The first 16 hexadecimal digits of the digest.
        digest: String,
    },
    /// From the document.
    Pointer {
        /// Where the entities go.
        zone: ZoneId,
        /// Where in a document its name is.
        pointer: String,
    },
    /// From the ids of exported entities.
    Exported {
        /// The collection that they go to.
        collection: CollectionId,
        /// The zone that they go to; else each goes to the one of its id.
        zone: Option<ZoneId>,
    },
}

/// What is to be written for one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The entity.
    pub(super) entity: EntityId,
    /// Whether what is there is left alone, or replaced.
    pub(super) op: Op,
    /// The document.
    pub(super) value: Document,
    /// Where it stood.
    pub(super) position: Position,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Only if the entity is not there.
    Create,
    /// Whatever is there.
    Replace,
}

/// A document that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Where it stood.
    pub(super) position: Position,
    /// Why it was not taken.
    pub(super) why: String,
    /// Whether it is no JSON at all.
    pub(super) is_no_json: bool,
}

impl Naming {
    /// Names by digest and position.
    pub(super) fn derived(into: &Place, digest: &blake3::Hash) -> Self {
        Self::Derived { zone: into.zone(), digest: digest.to_hex()[..16].to_owned() }
    }

    /// Names out of the documents.
    pub(super) fn pointer(into: &Place, pointer: String) -> Self {
        Self::Pointer { zone: into.zone(), pointer }
    }

    /// Names out of exported lines.
    pub(super) fn exported(into: &Place) -> Self {
        let zone = match into {
            Place::Collection(_) => None,
            Place::Zone(zone) => Some(zone.clone()),
        };
        Self::Exported { collection: into.collection(), zone }
    }

    /// What is to be written for a document.
    pub(super) fn part(&self, raw: &Raw) -> Result<Part, Refusal> {
        let position = raw.position;
        let refused = |why: String| Refusal { position, why, is_no_json: false };
        if raw.is_cut() {
            let why = format!("the document has {} bytes, far more than any may have", raw.length);
            return Err(refused(why));
        }
        let parsed = document::parse_value(&raw.bytes);
        let mut value = parsed.map_err(|error| refused_by_parser(error, raw))?;
        let (entity, op) = match self {
            Self::Derived { zone, digest } => {
                let name = format!("{digest}-{:010}", position.number);
                (zone.entity(&name).map_err(|error| error.to_string()), Op::Create)
            }
            Self::Pointer { zone, pointer } => (named(&value, pointer, zone), Op::Replace),
            Self::Exported { collection, zone } => {
                (exported(&mut value, collection, zone.as_ref()), Op::Replace)
            }
        };
        let entity = entity.map_err(refused)?;
        let value = Document::from_value(&value).map_err(|error| refused(error.to_string()))?;
        Ok(Part { entity, op, value, position })
    }
}

/// The entity that a document names at `pointer`.
fn named(value: &Value, pointer: &str, zone: &ZoneId) -> Result<EntityId, String> {
    let name = match value.pointer(pointer) {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        Some(other) => {
            let kind = match other {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number that is no integer",
                Value::String(_) => "a string",
                Value::Array(_) => "an array",
                Value::Object(_) => "an object",
            };
            return Err(format!(
                "its name at {pointer} is {kind}; a string or an integer is needed"
            ));
        }
        None => return Err(format!("it has nothing at {pointer}, where its name should be")),
    };
    zone.entity(&name).map_err(|error| {
        let shown: String = name.chars().take(SHOWN_CHARS_MAX).collect();
        format!("its name at {pointer}, {shown:?}, cannot be part of an id: {error}")
    })
}

/// The entity of an exported line, of which only the document is left.
fn exported(
    line: &mut Value,
    collection: &CollectionId,
    zone: Option<&ZoneId>,
) -> Result<EntityId, String> {
    let shape = "an exported entity is {\"id\":\"shop/orders/eu/42\",\"revision\":1,\"value\":…}";
    let Value::Object(members) = line else {
        return Err(format!("it is no object; {shape}"));
    };
    let Some(Value::String(id)) = members.get("id") else {
        return Err(format!("it has no id that is a string; {shape}"));
    };
    let id: EntityId = id.parse().map_err(|error| format!("its id {id:?} is none: {error}"))?;
    let Some(value) = members.get_mut("value").map(Value::take) else {
        return Err(format!("it has no value; {shape}"));
    };
    *line = value;
    let entity = match zone {
        Some(zone) => zone.entity(id.name()),
        None => format!("{collection}/{}/{}", id.zone().name(), id.name()).parse(),
    };
    entity.map_err(|error| error.to_string())
}

/// The parser counts lines from the document's beginning; people count them from the file's.
fn refused_by_parser(error: DocumentError, raw: &Raw) -> Refusal {
    let position = raw.position;
    let place = |line: usize, column: usize| {
        let shift = if line == 1 { position.column - 1 } else { 0 };
        (to_usize(position.line - 1) + line, to_usize(shift) + column)
    };
    let is_no_json = matches!(error, DocumentError::NotUtf8 { .. } | DocumentError::Syntax { .. });
    let in_file = match error {
        DocumentError::Syntax { line, column, message } => {
            let (line, column) = place(line, column);
            DocumentError::Syntax { line, column, message }
        }
        DocumentError::DuplicateKey { key, line, column } => {
            let (line, column) = place(line, column);
            DocumentError::DuplicateKey { key, line, column }
        }
        DocumentError::Number { literal, line, column } => {
            let (line, column) = place(line, column);
            DocumentError::Number { literal, line, column }
        }
        error => error,
    };
    Refusal { position, why: in_file.to_string(), is_no_json }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// How much of a bad name an error repeats.
const SHOWN_CHARS_MAX: usize = 60;
