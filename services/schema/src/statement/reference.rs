//! References, which stay inside the schema.

use serde_json::Value;

use super::{Fault, Pointer, StatementError};

/// Checks that a reference is a pointer into the schema.
pub(super) fn check_form(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value.as_str() {
        Some(target) if target == "#" || target.starts_with("#/") => Ok(()),
        Some(_) => Err(StatementError::new(at, Fault::Outside)),
        None => Err(StatementError::new(at, Fault::Expected { expected: "a string" })),
    }
}

/// Checks that every reference leads to a schema, and none back to itself alone.
pub(super) fn check(root: &Value) -> Result<(), StatementError> {
    check_below(root, root, &Pointer::Root)
}

fn check_below(root: &Value, value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value {
        Value::Object(members) => {
            if members.contains_key("$ref") {
                follow(root, value, &Pointer::Member(at, "$ref"))?;
            }
            members
                .iter()
                .filter(|(name, _)| !super::DATA.contains(&name.as_str()))
                .try_for_each(|(name, value)| check_below(root, value, &Pointer::Member(at, name)))
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| check_below(root, value, &Pointer::Element(at, index))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Follows a chain of references to its end.
fn follow(root: &Value, from: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    let mut schema = from;
    for _ in 0..CHAIN_MAX {
        let Some(Value::String(target)) = schema.get("$ref") else { return Ok(()) };
        let dangling = || Fault::Dangling { target: target.as_str().into() };
        let pointer = decoded(target).ok_or_else(|| StatementError::new(at, dangling()))?;
        schema = root
            .pointer(&pointer)
            .filter(|schema| schema.is_object() || schema.is_boolean())
            .ok_or_else(|| StatementError::new(at, dangling()))?;
    }
    Err(StatementError::new(at, Fault::Circular))
}

/// The pointer in a fragment, whose percent signs stand for bytes.
fn decoded(target: &str) -> Option<String> {
    let mut bytes = target.strip_prefix('#')?.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// How many references may lead from one to the next. A circle has no end.
const CHAIN_MAX: usize = 64;
