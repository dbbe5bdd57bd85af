//! Reading the operations of a patch out of JSON.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Number, Value};

use crate::document::{DEPTH_MAX, parse_value, shortened, within_depth};
use crate::patch::error::POINTER_CHARS_MAX;
use crate::patch::{PATCH_BYTES_MAX, PATCH_OPERATIONS_MAX, PatchParseError};

/// The members of one operation, to be taken out one by one.
pub(super) struct Members {
    index: usize,
    members: Map<String, Value>,
}

impl Members {
    pub(super) fn string(&mut self, member: &'static str) -> Result<String, PatchParseError> {
        match self.value(member)? {
            Value::String(text) => Ok(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Err(self.wrong(member, "a string")),
        }
    }

    pub(super) fn number(&mut self, member: &'static str) -> Result<Number, PatchParseError> {
        match self.value(member)? {
            Value::Number(number) => Ok(number),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => Err(self.wrong(member, "a number")),
        }
    }

    pub(super) fn pointer(&mut self, member: &'static str) -> Result<PointerBuf, PatchParseError> {
        let text = self.string(member)?;
        match Pointer::parse(&text) {
            Ok(pointer) => Ok(pointer.to_buf()),
            Err(error) => Err(PatchParseError::BadPointer {
                index: self.index,
                member,
                pointer: shortened(&text, POINTER_CHARS_MAX),
                reason: if error.is_no_leading_slash() {
                    "it has to be empty or begin with '/'"
                } else {
                    "a '~' has to be followed by '0' or '1'"
                },
            }),
        }
    }

    pub(super) fn value(&mut self, member: &'static str) -> Result<Value, PatchParseError> {
        let missing = PatchParseError::MissingMember { index: self.index, member };
        self.members.swap_remove(member).ok_or(missing)
    }

    /// Refuses what was not taken out.
    pub(super) fn finish(self) -> Result<(), PatchParseError> {
        match self.members.keys().next() {
            Some(member) => Err(PatchParseError::UnknownMember {
                index: self.index,
                member: shortened(member, POINTER_CHARS_MAX),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn unknown_operation(&self, op: &str, known: &'static str) -> PatchParseError {
        let op = shortened(op, POINTER_CHARS_MAX);
        PatchParseError::UnknownOperation { index: self.index, op, known }
    }

    fn wrong(&self, member: &'static str, expected: &'static str) -> PatchParseError {
        PatchParseError::WrongMember { index: self.index, member, expected }
    }
}

/// Parses a patch, giving each operation to `operation`.
pub(super) fn parse_operations<T>(
    bytes: &[u8],
    mut operation: impl FnMut(Members) -> Result<T, PatchParseError>,
) -> Result<Vec<T>, PatchParseError> {
    let Value::Array(elements) = parse_value(bytes)? else {
        return Err(PatchParseError::NotAnArray);
    };
    check_count(elements.len())?;
    let read = |(index, element)| match element {
        Value::Object(members) => operation(Members { index, members }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(PatchParseError::NotAnObject { index })
        }
    };
    elements.into_iter().enumerate().map(read).collect()
}

pub(super) fn check_count(count: usize) -> Result<(), PatchParseError> {
    let limit = PATCH_OPERATIONS_MAX;
    if count > limit {
        return Err(PatchParseError::TooManyOperations { count, limit });
    }
    Ok(())
}

pub(super) fn check_size(bytes: usize) -> Result<(), PatchParseError> {
    let limit = PATCH_BYTES_MAX;
    if bytes > limit {
        return Err(PatchParseError::TooLarge { bytes, limit });
    }
    Ok(())
}

pub(super) fn check_pointer(
    index: usize,
    member: &'static str,
    pointer: &Pointer,
) -> Result<(), PatchParseError> {
    let limit = DEPTH_MAX;
    if pointer.count() > limit {
        return Err(PatchParseError::PointerTooDeep { index, member, limit });
    }
    Ok(())
}

/// A value deeper than any document could neither be stored nor found.
pub(super) fn check_value(value: &Value) -> Result<(), PatchParseError> {
    if !within_depth(value, DEPTH_MAX) {
        return Err(crate::document::DocumentError::TooDeep { limit: DEPTH_MAX }.into());
    }
    Ok(())
}
