//! Tidelog's own operations: `application/vnd.tidelog.operations+json`.

use std::fmt;
use std::sync::Arc;

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::document::{deserialize_text, printed};
use crate::patch::equality::{equal, exact_double, integer};
use crate::patch::error::Fault;
use crate::patch::members::{
    Members, check_count, check_pointer, check_size, check_value, parse_operations,
};
use crate::patch::target::{Budget, Target};
use crate::patch::{PatchError, PatchParseError, PatchStep};

/// A list of [`Operation`]s that keeps the bounds of a patch. Travels as its compact JSON text.
#[derive(Clone)]
pub struct Operations {
    operations: Arc<[Operation]>,
    text: Arc<str>,
}

/// What clients that change the same document at the same time can do without reading it first.
///
/// `path` leads to a value in the document. If only its last member is missing, the operation
/// takes it for 0 or for an empty array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Operation {
    /// Adds to a number, exactly if both are integers.
    Increment {
        /// Where the number is.
        path: PointerBuf,
        /// How much to add.
        by: Number,
    },
    /// Appends to an array, unless an equal element is there.
    AddUnique {
        /// Where the array is.
        path: PointerBuf,
        /// What to append.
        value: Value,
    },
    /// Removes all elements of an array that are equal to a value.
    RemoveValue {
        /// Where the array is.
        path: PointerBuf,
        /// What to remove.
        value: Value,
    },
}

impl Operations {
    /// Parses what somebody sent, strictly.
    pub fn parse(bytes: &[u8]) -> Result<Self, PatchParseError> {
        Self::new(parse_operations(bytes, operation)?)
    }

    /// Checks operations that were made in code.
    pub fn new(operations: Vec<Operation>) -> Result<Self, PatchParseError> {
        check_count(operations.len())?;
        for (index, operation) in operations.iter().enumerate() {
            check_pointer(index, "path", operation.path())?;
            match operation {
                Operation::Increment { .. } => {}
                Operation::AddUnique { value, .. } | Operation::RemoveValue { value, .. } => {
                    check_value(value)?;
                }
            }
        }
        let text = printed(&operations, CAPACITY_FIRST);
        check_size(text.len())?;
        Ok(Self { operations: operations.into(), text: text.into() })
    }

    /// Applies the operations one after the other to a document's value.
    pub fn apply(&self, value: Value) -> Result<Value, PatchError> {
        let mut target = Target::new(value).map_err(|fault| fault.at(PatchStep::Start))?;
        for (index, operation) in self.operations.iter().enumerate() {
            operation.apply(&mut target).map_err(|fault| {
                let step = PatchStep::operation(index, operation.name(), operation.path());
                target.error(fault, step, operation.path())
            })?;
        }
        Ok(target.into_value())
    }

    /// The operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Operation {
    /// Where in the document it works.
    pub fn path(&self) -> &Pointer {
        match self {
            Self::Increment { path, .. }
            | Self::AddUnique { path, .. }
            | Self::RemoveValue { path, .. } => path,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Increment { .. } => "increment",
            Self::AddUnique { .. } => "add-unique",
            Self::RemoveValue { .. } => "remove-value",
        }
    }

    fn apply(&self, target: &mut Target) -> Result<(), Fault> {
        let path = self.path();
        match (self, target.has_member(path)?) {
            (Self::Increment { by, .. }, true) => {
                target.edit(path, |value, budget| increment(value, budget, by))
            }
            (Self::Increment { by, .. }, false) => {
                target.add(path, Value::Number(sum(&Number::from(0), by)?))
            }
            (Self::AddUnique { value, .. }, true) => {
                let depth = path.count() + 1;
                target.edit(path, |array, budget| add_unique(array, budget, value, depth))
            }
            (Self::AddUnique { value, .. }, false) => {
                target.add(path, Value::Array(vec![value.clone()]))
            }
            (Self::RemoveValue { value, .. }, true) => {
                let depth = path.count() + 1;
                target.edit(path, |array, budget| remove_value(array, budget, value, depth))
            }
            (Self::RemoveValue { .. }, false) => Ok(()),
        }
    }
}

/// The text stands for the operations.
impl PartialEq for Operations {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Operations {}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for Operations {
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

impl<'de> Deserialize<'de> for Operations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, "operations as text", |text| Self::parse(text.as_bytes()))
    }
}

fn operation(mut members: Members) -> Result<Operation, PatchParseError> {
    let op = members.string("op")?;
    let operation = match op.as_str() {
        "increment" => {
            Operation::Increment { path: members.pointer("path")?, by: members.number("by")? }
        }
        "add-unique" => {
            Operation::AddUnique { path: members.pointer("path")?, value: members.value("value")? }
        }
        "remove-value" => Operation::RemoveValue {
            path: members.pointer("path")?,
            value: members.value("value")?,
        },
        _ => return Err(members.unknown_operation(&op, "increment, add-unique and remove-value")),
    };
    members.finish()?;
    Ok(operation)
}

fn increment(value: &mut Value, budget: &mut Budget, by: &Number) -> Result<(), Fault> {
    let Value::Number(number) = value else {
        return Err(Fault::WrongType { expected: "a number" });
    };
    let new = Value::Number(sum(number, by)?);
    let old = std::mem::replace(value, new);
    let (came, went) = (budget.measured(value, 0)?, budget.measured(&old, 0)?);
    budget.resize(came, went)
}

fn add_unique(
    array: &mut Value,
    budget: &mut Budget,
    value: &Value,
    depth: usize,
) -> Result<(), Fault> {
    let elements = elements_of(array)?;
    let mut work = 0;
    let is_there = elements.iter().any(|element| equal(element, value, &mut work));
    budget.charge(work)?;
    if is_there {
        return Ok(());
    }
    let comma = usize::from(!elements.is_empty());
    let bytes = budget.measured(value, depth)?;
    elements.push(value.clone());
    budget.resize(bytes + comma, 0)
}

fn remove_value(
    array: &mut Value,
    budget: &mut Budget,
    value: &Value,
    depth: usize,
) -> Result<(), Fault> {
    let elements = elements_of(array)?;
    let mut work = 0;
    let mut removed = Vec::new();
    let kept = |element: &mut Value| {
        let is_equal = equal(element, value, &mut work);
        if is_equal {
            removed.push(element.take());
        }
        !is_equal
    };
    elements.retain_mut(kept);
    budget.charge(work)?;
    let commas = if elements.is_empty() { removed.len().saturating_sub(1) } else { removed.len() };
    let mut went = commas;
    for element in &removed {
        went += budget.measured(element, depth)?;
    }
    budget.resize(0, went)
}

fn elements_of(array: &mut Value) -> Result<&mut Vec<Value>, Fault> {
    array.as_array_mut().ok_or(Fault::WrongType { expected: "an array" })
}

/// Integers are added exactly; as soon as one is a double, the sum is one.
fn sum(number: &Number, by: &Number) -> Result<Number, Fault> {
    if let (Some(number), Some(by)) = (integer(number), integer(by)) {
        return Number::from_i128(number + by).ok_or(Fault::NumberOutOfRange);
    }
    let double = |number: &Number| match integer(number) {
        Some(integer) => exact_double(integer),
        None => number.as_f64(),
    };
    let sum = double(number).zip(double(by)).map(|(number, by)| number + by);
    sum.and_then(Number::from_f64).ok_or(Fault::NumberOutOfRange)
}

/// Room for operations of usual size, so that printing them seldom has to grow.
const CAPACITY_FIRST: usize = 256;
