//! The value that a patch is working on, under its bounds.

use json_patch::jsonptr::{Pointer, Token};
use serde_json::Value;
use serde_json::map::Entry;

use crate::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX, key_size, measure, shortened};
use crate::patch::error::{Fault, NO_SUCH_PLACE, POINTER_CHARS_MAX};
use crate::patch::limits::{BYTE_COPY_WORK, ELEMENT_SHIFT_WORK, MEMBER_SHIFT_WORK};
use crate::patch::{PATCH_WORK_MAX, PatchError, PatchStep};

/// A value under change. After an error it may be half-changed: the caller drops it.
///
/// Walking along a pointer is not counted as work: all pointers together are no longer than the
/// patch.
pub(super) struct Target {
    value: Value,
    budget: Budget,
}

impl Target {
    pub(super) fn new(value: Value) -> Result<Self, Fault> {
        let mut budget = Budget { bytes: 0, work: 0 };
        let bytes = budget.measured(&value, 0)?;
        budget.resize(bytes, 0)?;
        Ok(Self { value, budget })
    }

    pub(super) fn into_value(self) -> Value {
        debug_assert_eq!(measure(&self.value, DEPTH_MAX), Some(self.budget.bytes));
        self.value
    }

    pub(super) fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// The fault of a step as an error, which names what was missing on the way to the pointer's
    /// place.
    pub(super) fn error(&self, fault: Fault, step: PatchStep, pointer: &Pointer) -> PatchError {
        if fault == Fault::PathMissing {
            return PatchError::PathMissing { step, reason: self.reason_missing(pointer) };
        }
        fault.at(step)
    }

    fn reason_missing(&self, pointer: &Pointer) -> String {
        let text = pointer.as_str();
        let (mut value, mut end) = (&self.value, 0);
        for token in pointer.tokens() {
            if !(value.is_object() || value.is_array()) {
                let place = match end {
                    0 => "the whole document".to_owned(),
                    _ => format!("the value at {}", shortened(&text[..end], POINTER_CHARS_MAX)),
                };
                return format!("{place} is not an object or array");
            }
            end += 1 + token.encoded().len();
            match child(value, token) {
                Some(inner) => value = inner,
                None if end < text.len() => {
                    return format!("{} is not there", shortened(&text[..end], POINTER_CHARS_MAX));
                }
                None => break,
            }
        }
        NO_SUCH_PLACE.to_owned()
    }

    pub(super) fn value_at(&self, pointer: &Pointer) -> Result<&Value, Fault> {
        pointer.tokens().try_fold(&self.value, child).ok_or(Fault::PathMissing)
    }

    /// Whether there is a value at the place; an error unless there could be one: its parent is
    /// missing, or is no object.
    pub(super) fn has_member(&self, pointer: &Pointer) -> Result<bool, Fault> {
        let Some((parent, last)) = pointer.split_back() else {
            return Ok(true);
        };
        let parent = self.value_at(parent)?;
        match child(parent, last) {
            Some(_) => Ok(true),
            None if parent.is_object() => Ok(false),
            None => Err(Fault::PathMissing),
        }
    }

    /// A copy of a value that is there.
    pub(super) fn copy(&mut self, pointer: &Pointer) -> Result<Value, Fault> {
        let value = self.value_at(pointer)?.clone();
        let bytes = self.budget.measured(&value, 0)?;
        self.budget.charge(bytes * BYTE_COPY_WORK)?;
        Ok(value)
    }

    /// Puts a value in, as RFC 6902's `add`: over a member of that name, before an element.
    pub(super) fn add(&mut self, pointer: &Pointer, value: Value) -> Result<(), Fault> {
        let Some((parent, last)) = pointer.split_back() else {
            return self.replace(pointer, value);
        };
        let bytes = self.budget.measured(&value, pointer.count())?;
        match slot(&mut self.value, parent)? {
            Value::Object(members) => {
                let comma = usize::from(!members.is_empty());
                match members.entry(last.decoded()) {
                    Entry::Occupied(mut entry) => {
                        let old = entry.insert(value);
                        let old_bytes = self.budget.measured(&old, pointer.count())?;
                        self.budget.resize(bytes, old_bytes)
                    }
                    Entry::Vacant(entry) => {
                        let bytes = key_size(entry.key()) + bytes + comma;
                        entry.insert(value);
                        self.budget.resize(bytes, 0)
                    }
                }
            }
            Value::Array(elements) => {
                let index = last.to_index().map_err(|_| Fault::PathMissing)?;
                let index = index.for_len_incl(elements.len()).map_err(|_| Fault::PathMissing)?;
                let comma = usize::from(!elements.is_empty());
                self.budget.charge((elements.len() - index) * ELEMENT_SHIFT_WORK)?;
                elements.insert(index, value);
                self.budget.resize(bytes + comma, 0)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(Fault::PathMissing)
            }
        }
    }

    /// Takes a value out; what stands behind it moves up and keeps its order.
    pub(super) fn remove(&mut self, pointer: &Pointer) -> Result<Value, Fault> {
        let (parent, last) = pointer.split_back().ok_or(Fault::PathMissing)?;
        let (value, beside) = match slot(&mut self.value, parent)? {
            Value::Object(members) => {
                let key = last.decoded();
                // The map does not tell at which index the key was; all count as moved.
                self.budget.charge(members.len() * MEMBER_SHIFT_WORK)?;
                let value = members.shift_remove(key.as_ref()).ok_or(Fault::PathMissing)?;
                (value, key_size(&key) + usize::from(!members.is_empty()))
            }
            Value::Array(elements) => {
                let index = element_index(&last, elements.len()).ok_or(Fault::PathMissing)?;
                self.budget.charge((elements.len() - index) * ELEMENT_SHIFT_WORK)?;
                let value = elements.remove(index);
                (value, usize::from(!elements.is_empty()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(Fault::PathMissing);
            }
        };
        let bytes = self.budget.measured(&value, pointer.count())?;
        self.budget.resize(0, bytes + beside)?;
        Ok(value)
    }

    /// Puts a value in the place of one that is there.
    pub(super) fn replace(&mut self, pointer: &Pointer, value: Value) -> Result<(), Fault> {
        self.edit(pointer, |old, budget| {
            let bytes = budget.measured(&value, pointer.count())?;
            let old = std::mem::replace(old, value);
            let old_bytes = budget.measured(&old, pointer.count())?;
            budget.resize(bytes, old_bytes)
        })
    }

    /// Changes a value that is there; `change` accounts for what it does.
    pub(super) fn edit(
        &mut self,
        pointer: &Pointer,
        change: impl FnOnce(&mut Value, &mut Budget) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        change(slot(&mut self.value, pointer)?, &mut self.budget)
    }
}

/// What the document has grown to, and the work that was done.
pub(super) struct Budget {
    bytes: usize,
    work: usize,
}

impl Budget {
    /// The size of a value at a depth; measuring stands for the copying, comparing or dropping of
    /// the same bytes, too.
    pub(super) fn measured(&mut self, value: &Value, depth: usize) -> Result<usize, Fault> {
        let depth_max = DEPTH_MAX.checked_sub(depth).ok_or(Fault::TooDeep)?;
        let bytes = measure(value, depth_max).ok_or(Fault::TooDeep)?;
        self.charge(bytes)?;
        Ok(bytes)
    }

    /// Counts work. It may be done already: no single step is more than a few documents' worth.
    pub(super) fn charge(&mut self, work: usize) -> Result<(), Fault> {
        self.work = self.work.saturating_add(work);
        if self.work > PATCH_WORK_MAX { Err(Fault::TooMuchWork) } else { Ok(()) }
    }

    /// Counts bytes of the document's compact text that came and went.
    pub(super) fn resize(&mut self, came: usize, went: usize) -> Result<(), Fault> {
        let bytes = self.bytes + came - went;
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(Fault::TooLarge { bytes });
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn child<'v>(value: &'v Value, token: Token<'_>) -> Option<&'v Value> {
    match value {
        Value::Object(members) => members.get(token.decoded().as_ref()),
        Value::Array(elements) => elements.get(element_index(&token, elements.len())?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn slot<'v>(value: &'v mut Value, pointer: &Pointer) -> Result<&'v mut Value, Fault> {
    pointer
        .tokens()
        .try_fold(value, |value, token| match value {
            Value::Object(members) => members.get_mut(token.decoded().as_ref()),
            Value::Array(elements) => {
                let index = element_index(&token, elements.len())?;
                elements.get_mut(index)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
        .ok_or(Fault::PathMissing)
}

/// The index of an element that is there: no `-`, no sign, no leading zero.
fn element_index(token: &Token<'_>, length: usize) -> Option<usize> {
    token.to_index().ok()?.for_len(length).ok()
}
