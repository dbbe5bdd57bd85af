//! What was learned and what a user states, as one definition.
//!
//! A statement is laid over what was learned, keyword by keyword, at each place that it speaks of. What
//! it says wins, and stays won, whatever is learned; what it does not speak of stays learned.

use serde_json::{Map, Value};
use tidelog_core::Document;

use crate::{
    statement::{BOUNDS, NOTES, Statement, is_above},
    types::Types,
};

/// The definition of a collection's documents: what was learned, under what a user states.
///
/// `learned` is a definition of [`Model`](crate::Model)'s; one that cannot be read counts as nothing.
#[must_use]
pub fn combined(learned: Option<&Document>, stated: Option<&Statement>) -> Value {
    let learned = learned.and_then(|learned| learned.to_value().ok());
    let learned = learned.unwrap_or_else(|| Value::Object(Map::new()));
    match stated {
        Some(stated) => laid_over(learned, stated.value()),
        None => learned,
    }
}

fn laid_over(learned: Value, stated: &Value) -> Value {
    match (learned, stated) {
        (Value::Object(learned), Value::Object(stated)) => over_schema(learned, stated).into(),
        // `true` and `false` say all that there is to say; and nothing is learned but objects.
        _ => stated.clone(),
    }
}

fn over_schema(mut learned: Map<String, Value>, stated: &Map<String, Value>) -> Map<String, Value> {
    let notes = learned.shift_remove(NOTES);
    if stated.keys().any(|keyword| WHOLE.contains(&&**keyword)) {
        learned.clear();
    }
    let types = Types::of(stated);
    learned.retain(|keyword, _| types.concern(keyword) && !is_replaced(keyword, stated));
    leave_out_others(&mut learned, stated);
    leave_out_lengths(&mut learned, stated);
    let mut schema = learned;
    for (keyword, value) in stated {
        let learned = schema.get_mut(keyword).map(Value::take);
        let learned = learned.unwrap_or_else(|| Map::new().into());
        let value = match &**keyword {
            "properties" => members_laid_over(learned, value),
            "items" | "additionalProperties" => laid_over(learned, value),
            _ => value.clone(),
        };
        schema.insert(keyword.clone(), value);
    }
    drop_contradicted(&mut schema, stated);
    if let Some(notes) = notes.or_else(|| says_something(stated).then(|| Map::new().into())) {
        schema.insert(NOTES.into(), noted(notes, stated));
    }
    schema
}

fn members_laid_over(mut learned: Value, stated: &Value) -> Value {
    let (Value::Object(members), Value::Object(stated)) = (&mut learned, stated) else {
        return stated.clone();
    };
    for (name, stated) in stated {
        let schema = match members.get_mut(name) {
            Some(learned) => laid_over(learned.take(), stated),
            None => laid_over(Value::Object(Map::new()), stated),
        };
        members.insert(name.clone(), schema);
    }
    learned
}

/// Whether a learned keyword says what a stated one says in another way.
fn is_replaced(keyword: &str, stated: &Map<String, Value>) -> bool {
    let by: &[&str] = match keyword {
        "type" => &["type"],
        "minimum" => &["exclusiveMinimum"],
        "maximum" => &["exclusiveMaximum"],
        // What few values there were is no rule where a user gives one.
        "enum" => &ENUM_REPLACED_BY,
        "items" => &["prefixItems", "unevaluatedItems"],
        "additionalProperties" => &["unevaluatedProperties"],
        "format" => &["pattern", "minLength", "maxLength"],
        // Which there are, and how many, is then for the user to say.
        "required" => &["maxProperties", "propertyNames"],
        _ => &[],
    };
    by.iter().any(|by| stated.contains_key(*by))
}

/// Where a statement says what properties it does not name are like, those that were learned and are
/// not named are among them.
fn leave_out_others(learned: &mut Map<String, Value>, stated: &Map<String, Value>) {
    let named = stated.get("properties").and_then(Value::as_object);
    let is_named = |name: &str| named.is_some_and(|named| named.contains_key(name));
    let is_said = OTHERS
        .iter()
        .any(|keyword| stated.get(*keyword).is_some_and(|value| *value != Value::Bool(true)));
    let is_barred = |name: &str| {
        named.and_then(|named| named.get(name)) == Some(&Value::Bool(false))
            || (is_said && !is_named(name))
    };
    if let Some(Value::Object(properties)) = learned.get_mut("properties") {
        properties.retain(|name, _| !is_barred(name));
    }
    if let Some(Value::Array(required)) = learned.get_mut("required") {
        required.retain(|name| name.as_str().is_some_and(|name| !is_barred(name)));
    }
    for keyword in ["properties", "required"] {
        let is_empty = learned.get(keyword).is_some_and(|value| match value {
            Value::Object(members) => members.is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        });
        if is_empty {
            learned.shift_remove(keyword);
        }
    }
}

/// Where a statement has no place for more elements, no array can be as long as the shortest that there was.
fn leave_out_lengths(learned: &mut Map<String, Value>, stated: &Map<String, Value>) {
    let is_closed = MORE_ELEMENTS.iter().any(|it| stated.get(*it) == Some(&Value::Bool(false)));
    if is_closed {
        learned.shift_remove("minItems");
        learned.shift_remove("maxItems");
    }
}

/// Takes learned bounds away that no value could keep together with a stated one.
fn drop_contradicted(schema: &mut Map<String, Value>, stated: &Map<String, Value>) {
    for (low, high, is_strict) in BOUNDS {
        let (Some(least), Some(most)) = (schema.get(low), schema.get(high)) else { continue };
        if is_above(least, most) || (is_strict && !is_above(most, least)) {
            let learned = if stated.contains_key(low) { high } else { low };
            schema.shift_remove(learned);
        }
    }
}

/// Notes that tell what a user states here.
fn noted(notes: Value, stated: &Map<String, Value>) -> Value {
    let Value::Object(mut notes) = notes else { return notes };
    let mut pinned: Vec<_> = stated.keys().filter(|name| !is_container(name)).cloned().collect();
    if !pinned.is_empty() {
        pinned.sort_unstable();
        notes.insert("by".into(), "user".into());
        notes.insert("pinned".into(), pinned.into());
    }
    notes.into()
}

fn says_something(stated: &Map<String, Value>) -> bool {
    stated.keys().any(|name| !is_container(name))
}

/// Keywords that say nothing about a value itself: what is in them has notes of its own.
fn is_container(keyword: &str) -> bool {
    matches!(keyword, "properties" | "items" | "$defs")
}

/// Keywords that speak of the value as a whole, whatever else is known of it.
const WHOLE: [&str; 9] =
    ["$ref", "const", "enum", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas"];

/// Keywords beside which no few values that were learned are listed: they say what values may come.
const ENUM_REPLACED_BY: [&str; 10] = [
    "type",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Keywords that speak of the properties which are not named.
const OTHERS: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];

/// Keywords that speak of the elements which no other keyword speaks of.
const MORE_ELEMENTS: [&str; 2] = ["items", "unevaluatedItems"];
