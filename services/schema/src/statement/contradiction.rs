//! Statements that no value can meet, as far as one schema says so by itself.

use serde_json::{Map, Value};

use super::{Fault, Pointer, StatementError};
use crate::types::Types;

/// Checks that the keywords of a schema do not contradict each other.
pub(super) fn check(schema: &Map<String, Value>, at: &Pointer<'_>) -> Result<(), StatementError> {
    let contradiction =
        |why: String| Err(StatementError::new(at, Fault::Contradiction { why: why.into() }));
    for (low, high, is_strict) in BOUNDS {
        let (Some(least), Some(most)) = (schema.get(low), schema.get(high)) else { continue };
        if is_above(least, most) || (is_strict && !is_above(most, least)) {
            return contradiction(format!("{low} {least} and {high} {most}"));
        }
    }
    if types(schema).is_none() {
        return contradiction("its types and those of allOf have none in common".to_owned());
    }
    if let Some(value) = value_of_no_type(schema) {
        return contradiction(format!("none of its types has the value {value}"));
    }
    if let Some(value) = schema.get("const")
        && let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        return contradiction("const is none of the values of enum".to_owned());
    }
    match forbidden(schema) {
        Some(name) => contradiction(format!("{name:?} is required, and may not be there")),
        None => Ok(()),
    }
}

/// The types that a value can have by `type` here and in `allOf`.
fn types(schema: &Map<String, Value>) -> Option<Types> {
    let all_of = schema.get("allOf").and_then(Value::as_array);
    let schemas = all_of.into_iter().flatten().filter_map(Value::as_object);
    let all = std::iter::once(schema).chain(schemas).map(Types::of);
    all.reduce(Types::both).filter(|types| !types.is_empty())
}

/// A value of `const` or `enum`, if all of them are of types that the schema does not have.
fn value_of_no_type(schema: &Map<String, Value>) -> Option<&Value> {
    let types = Types::of(schema);
    let values = match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => std::slice::from_ref(value),
        (None, Some(Value::Array(values))) => values,
        (None, _) => return None,
    };
    if values.iter().any(|value| types.has(value)) { None } else { values.first() }
}

/// A required property that is not allowed.
fn forbidden(schema: &Map<String, Value>) -> Option<&str> {
    let required = schema.get("required")?.as_array()?;
    let properties = schema.get("properties").and_then(Value::as_object);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
        && !schema.contains_key("patternProperties");
    let is_forbidden = |name: &&str| match properties.and_then(|all| all.get(*name)) {
        Some(schema) => *schema == Value::Bool(false),
        None => is_closed,
    };
    required.iter().filter_map(Value::as_str).find(is_forbidden)
}

/// Whether a number is above another one. They are compared as doubles where one is a double.
pub(crate) fn is_above(one: &Value, other: &Value) -> bool {
    let exact =
        |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (exact(one), exact(other)) {
        (Some(one), Some(other)) => one > other,
        _ => one.as_f64() > other.as_f64(),
    }
}

/// Keywords of a least and a most, and whether both must not be equal.
pub(crate) const BOUNDS: [(&str, &str, bool); 8] = [
    ("minimum", "maximum", false),
    ("minimum", "exclusiveMaximum", true),
    ("exclusiveMinimum", "maximum", true),
    ("exclusiveMinimum", "exclusiveMaximum", true),
    ("minLength", "maxLength", false),
    ("minItems", "maxItems", false),
    ("minProperties", "maxProperties", false),
    ("minContains", "maxContains", false),
];
