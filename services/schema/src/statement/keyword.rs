//! What each keyword of JSON Schema 2020-12 may hold.

use serde_json::Value;

use super::{
    Fault, Pointer, StatementError, check_schema, pattern, reference,
    subschema::{self, Holds},
};

/// Checks a keyword's value. Keywords that JSON Schema does not know are annotations, and may hold
/// anything.
pub(super) fn check(name: &str, value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match name {
        "type" => check_type(value, at),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            expect(value.is_number(), "a number", at)
        }
        "multipleOf" => {
            expect(value.as_f64().is_some_and(|factor| factor > 0.0), "a number above 0", at)
        }
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => {
            expect(is_count(value), "a whole number, not below 0", at)
        }
        "pattern" => {
            let Value::String(text) = value else { return Err(expected("a string", at)) };
            pattern::check(text, at)
        }
        "patternProperties" => {
            for name in members(value, at)?.keys() {
                pattern::check(name, &Pointer::Member(at, name))?;
            }
            check_members(value, at)
        }
        "enum" => check_enum(value, at),
        "required" => check_names(value, at),
        "dependentRequired" => members(value, at)?
            .iter()
            .try_for_each(|(name, value)| check_names(value, &Pointer::Member(at, name))),
        "items" if value.is_array() => Err(not_taken(
            "items is one schema; for a schema of each element, take prefixItems",
            at,
        )),
        "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" => {
            expect(value.is_boolean(), "true or false", at)
        }
        "title" | "description" | "$comment" | "format" | "contentEncoding"
        | "contentMediaType" => expect(value.is_string(), "a string", at),
        "examples" => expect(value.is_array(), "an array", at),
        "$ref" => reference::check_form(value, at),
        "$schema" => Err(not_taken("$schema stands in the schema as a whole, or nowhere", at)),
        "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$vocabulary" => Err(not_taken(
            "the schema names itself; refer to parts of it by $ref and a pointer",
            at,
        )),
        "definitions" => Err(not_taken("in JSON Schema 2020-12 this is $defs", at)),
        "dependencies" => Err(not_taken(
            "in JSON Schema 2020-12 this is dependentRequired or dependentSchemas",
            at,
        )),
        _ => match subschema::held_by(name) {
            Some(Holds::One) => check_schema(value, at),
            Some(Holds::Several) => check_schemas(value, at),
            Some(Holds::Named) => check_members(value, at),
            None => Ok(()),
        },
    }
}

fn check_type(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    let check_name = |value: &Value, at: &Pointer<'_>| match value.as_str() {
        Some(name) if TYPES.contains(&name) => Ok(()),
        Some(name) => Err(StatementError::new(at, Fault::UnknownType { name: name.into() })),
        None => Err(expected("the name of a type, or an array of some", at)),
    };
    let Value::Array(names) = value else { return check_name(value, at) };
    expect(!names.is_empty(), "at least one type", at)?;
    check_distinct(names, at)?;
    let mut names = names.iter().enumerate();
    names.try_for_each(|(index, name)| check_name(name, &Pointer::Element(at, index)))
}

fn check_enum(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value.as_array() {
        Some(values) if !values.is_empty() => check_distinct(values, at),
        Some(_) | None => Err(expected("an array of at least one value", at)),
    }
}

fn check_names(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value.as_array() {
        Some(names) if names.iter().all(Value::is_string) => check_distinct(names, at),
        Some(_) | None => Err(expected("an array of names", at)),
    }
}

fn check_distinct(values: &[Value], at: &Pointer<'_>) -> Result<(), StatementError> {
    // By their texts, for values have no order; a few thousand of them would take long in pairs.
    let mut texts: Vec<_> = values.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    match texts.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let value = pair[0].chars().take(SHOWN_CHARS_MAX).collect::<String>().into();
            Err(StatementError::new(at, Fault::Twice { value }))
        }
        None => Ok(()),
    }
}

fn check_members(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    members(value, at)?
        .iter()
        .try_for_each(|(name, schema)| check_schema(schema, &Pointer::Member(at, name)))
}

fn check_schemas(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value.as_array() {
        Some(schemas) if !schemas.is_empty() => schemas
            .iter()
            .enumerate()
            .try_for_each(|(index, schema)| check_schema(schema, &Pointer::Element(at, index))),
        Some(_) | None => Err(expected("an array of at least one schema", at)),
    }
}

fn members<'v>(
    value: &'v Value,
    at: &Pointer<'_>,
) -> Result<&'v serde_json::Map<String, Value>, StatementError> {
    value.as_object().ok_or_else(|| expected("an object", at))
}

/// JSON Schema takes `3.0` for a whole number.
fn is_count(value: &Value) -> bool {
    value.as_u64().is_some()
        || value.as_f64().is_some_and(|number| number >= 0.0 && number.fract() == 0.0)
}

fn expect(holds: bool, what: &'static str, at: &Pointer<'_>) -> Result<(), StatementError> {
    if holds { Ok(()) } else { Err(expected(what, at)) }
}

fn expected(what: &'static str, at: &Pointer<'_>) -> StatementError {
    StatementError::new(at, Fault::Expected { expected: what })
}

fn not_taken(advice: &'static str, at: &Pointer<'_>) -> StatementError {
    StatementError::new(at, Fault::NotTaken { advice })
}

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "object", "array"];

/// How much of a value an error repeats.
const SHOWN_CHARS_MAX: usize = 60;
