//! Where in a schema there are schemas: nothing else in it is one, whatever it looks like.

use serde_json::Value;

/// What a keyword holds that has schemas in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// A schema.
    One,
    /// An array of schemas.
    Several,
    /// An object of schemas, each under a name.
    Named,
}

/// What a keyword holds; nothing, if there is no schema in it.
pub(super) fn held_by(keyword: &str) -> Option<Holds> {
    match keyword {
        "items"
        | "additionalProperties"
        | "propertyNames"
        | "contains"
        | "not"
        | "if"
        | "then"
        | "else"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema" => Some(Holds::One),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Some(Holds::Several),
        "properties" | "patternProperties" | "$defs" | "dependentSchemas" => Some(Holds::Named),
        _ => None,
    }
}

/// Whether what a keyword holds is said of the same value as the schema itself.
pub(super) fn is_of_the_same_value(keyword: &str) -> bool {
    matches!(
        keyword,
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
    )
}

/// Whether what a keyword holds is learned as well, where the schema itself is.
pub(super) fn is_learned(keyword: &str) -> bool {
    matches!(keyword, "properties" | "items" | "additionalProperties")
}

/// Calls `with` for each schema in a schema, with the keyword that holds it and what leads on to it.
pub(super) fn each<'v>(
    schema: &'v Value,
    mut with: impl FnMut(&'v str, Option<Step<'v>>, &'v Value),
) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members {
        match (held_by(keyword), value) {
            (Some(Holds::One), _) => with(keyword, None, value),
            (Some(Holds::Several), Value::Array(schemas)) => {
                (0..).zip(schemas).for_each(|(at, it)| with(keyword, Some(Step::Element(at)), it));
            }
            (Some(Holds::Named), Value::Object(schemas)) => {
                schemas.iter().for_each(|(name, it)| with(keyword, Some(Step::Member(name)), it));
            }
            (Some(Holds::Several | Holds::Named) | None, _) => {}
        }
    }
}

/// The same, for changing them.
pub(super) fn each_mut(schema: &mut Value, mut with: impl FnMut(&mut Value)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members {
        match (held_by(keyword), value) {
            (Some(Holds::One), value) => with(value),
            (Some(Holds::Several), Value::Array(schemas)) => schemas.iter_mut().for_each(&mut with),
            (Some(Holds::Named), Value::Object(schemas)) => {
                schemas.values_mut().for_each(&mut with);
            }
            (Some(Holds::Several | Holds::Named) | None, _) => {}
        }
    }
}

/// What leads from a keyword to a schema of several.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'v> {
    /// The name of a member.
    Member(&'v str),
    /// The index of an element.
    Element(usize),
}
