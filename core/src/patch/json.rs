//! JSON Patch (RFC 6902).

use std::fmt;
use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, Patch, PatchOperation, RemoveOperation,
    ReplaceOperation, TestOperation,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::document::{deserialize_text, printed};
use crate::patch::equality::equal;
use crate::patch::error::{Fault, excerpt};
use crate::patch::members::{
    Members, check_count, check_pointer, check_size, check_value, parse_operations,
};
use crate::patch::target::Target;
use crate::patch::{PatchError, PatchParseError, PatchStep};

/// A JSON Patch (RFC 6902) that keeps the bounds of one. Travels as its compact JSON text.
///
/// The types are those of the crate `json_patch`, but applying is done here: that crate's `remove`
/// moves an object's last key into the gap, its `test` finds 1 unequal to 1.0, and it knows no
/// bounds.
#[derive(Clone)]
pub struct JsonPatch {
    operations: Arc<[PatchOperation]>,
    text: Arc<str>,
}

impl JsonPatch {
    /// Parses what somebody sent, strictly. Members that RFC 6902 does not name are left out.
    pub fn parse(bytes: &[u8]) -> Result<Self, PatchParseError> {
        Self::checked(parse_operations(bytes, operation)?)
    }

    /// Applies the operations one after the other to a document's value.
    pub fn apply(&self, value: Value) -> Result<Value, PatchError> {
        let mut target = Target::new(value).map_err(|fault| fault.at(PatchStep::Start))?;
        for (index, operation) in self.operations.iter().enumerate() {
            apply_operation(&mut target, operation).map_err(|(fault, pointer)| {
                let step = PatchStep::operation(index, name(operation), pointer);
                target.error(fault, step, pointer)
            })?;
        }
        Ok(target.into_value())
    }

    /// The operations.
    pub fn operations(&self) -> &[PatchOperation] {
        &self.operations
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn checked(operations: Vec<PatchOperation>) -> Result<Self, PatchParseError> {
        check_count(operations.len())?;
        for (index, operation) in operations.iter().enumerate() {
            check_operation(index, operation)?;
        }
        let text = printed(&operations, CAPACITY_FIRST);
        check_size(text.len())?;
        Ok(Self { operations: operations.into(), text: text.into() })
    }
}

impl TryFrom<Patch> for JsonPatch {
    type Error = PatchParseError;

    /// Checks a patch that was made in code.
    fn try_from(patch: Patch) -> Result<Self, PatchParseError> {
        Self::checked(patch.0)
    }
}

/// The text stands for the operations.
impl PartialEq for JsonPatch {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonPatch {}

impl fmt::Debug for JsonPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for JsonPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for JsonPatch {
    /// Where people are to read it, it is the JSON value that it is; else, its text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable()
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(&self.text)
        {
            return value.serialize(serializer);
        }
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for JsonPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, "a JSON Patch as text", |text| Self::parse(text.as_bytes()))
    }
}

fn operation(mut members: Members) -> Result<PatchOperation, PatchParseError> {
    let op = members.string("op")?;
    match op.as_str() {
        "add" => {
            let (path, value) = (members.pointer("path")?, members.value("value")?);
            Ok(PatchOperation::Add(AddOperation { path, value }))
        }
        "remove" => Ok(PatchOperation::Remove(RemoveOperation { path: members.pointer("path")? })),
        "replace" => {
            let (path, value) = (members.pointer("path")?, members.value("value")?);
            Ok(PatchOperation::Replace(ReplaceOperation { path, value }))
        }
        "move" => {
            let (from, path) = (members.pointer("from")?, members.pointer("path")?);
            Ok(PatchOperation::Move(MoveOperation { from, path }))
        }
        "copy" => {
            let (from, path) = (members.pointer("from")?, members.pointer("path")?);
            Ok(PatchOperation::Copy(CopyOperation { from, path }))
        }
        "test" => {
            let (path, value) = (members.pointer("path")?, members.value("value")?);
            Ok(PatchOperation::Test(TestOperation { path, value }))
        }
        _ => Err(members.unknown_operation(&op, "add, remove, replace, move, copy and test")),
    }
}

fn check_operation(index: usize, operation: &PatchOperation) -> Result<(), PatchParseError> {
    check_pointer(index, "path", operation.path())?;
    match operation {
        PatchOperation::Add(AddOperation { value, .. })
        | PatchOperation::Replace(ReplaceOperation { value, .. })
        | PatchOperation::Test(TestOperation { value, .. }) => check_value(value),
        PatchOperation::Remove(RemoveOperation { path }) if path.is_root() => {
            Err(PatchParseError::RemoveWhole { index })
        }
        PatchOperation::Remove(_) => Ok(()),
        PatchOperation::Move(MoveOperation { from, path }) => {
            check_pointer(index, "from", from)?;
            if is_inside(path, from) {
                return Err(PatchParseError::MoveIntoItself { index });
            }
            Ok(())
        }
        PatchOperation::Copy(CopyOperation { from, .. }) => check_pointer(index, "from", from),
    }
}

/// Gives the pointer that was to blame with the fault.
fn apply_operation<'o>(
    target: &mut Target,
    operation: &'o PatchOperation,
) -> Result<(), (Fault, &'o Pointer)> {
    let path = operation.path();
    let blame = |pointer| move |fault| (fault, pointer);
    match operation {
        PatchOperation::Add(AddOperation { value, .. }) => {
            target.add(path, value.clone()).map_err(blame(path))
        }
        PatchOperation::Remove(_) => target.remove(path).map(drop).map_err(blame(path)),
        PatchOperation::Replace(ReplaceOperation { value, .. }) => {
            target.replace(path, value.clone()).map_err(blame(path))
        }
        // Taking it out and putting it in again would move it behind its neighbours.
        PatchOperation::Move(MoveOperation { from, .. }) if from == path => {
            target.value_at(from).map(drop).map_err(blame(from))
        }
        PatchOperation::Move(MoveOperation { from, .. }) => {
            let value = target.remove(from).map_err(blame(from))?;
            target.add(path, value).map_err(blame(path))
        }
        PatchOperation::Copy(CopyOperation { from, .. }) => {
            let value = target.copy(from).map_err(blame(from))?;
            target.add(path, value).map_err(blame(path))
        }
        PatchOperation::Test(TestOperation { value, .. }) => {
            test(target, path, value).map_err(blame(path))
        }
    }
}

fn test(target: &mut Target, path: &Pointer, value: &Value) -> Result<(), Fault> {
    let mut work = 0;
    let there = target.value_at(path)?;
    let found = (!equal(there, value, &mut work)).then(|| excerpt(there));
    target.budget().charge(work)?;
    found.map_or(Ok(()), |found| Err(Fault::TestFailed { found }))
}

/// Whether a pointer leads to something inside of what another leads to. Escapes are unique, so
/// the texts can be compared.
fn is_inside(pointer: &Pointer, outer: &Pointer) -> bool {
    pointer.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Room for a patch of usual size, so that printing it seldom has to grow.
const CAPACITY_FIRST: usize = 256;
