//! Sets of JSON Schema's types.

use serde_json::{Map, Value};

/// A set of types. `integer` is the part of `number` without a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    /// The types that `type` names; all of them where it is missing.
    pub(crate) fn of(schema: &Map<String, Value>) -> Self {
        let bit = |value: &Value| match value.as_str() {
            Some("null") => NULL,
            Some("boolean") => BOOLEAN,
            Some("integer") => INTEGER,
            Some("number") => INTEGER | FRACTION,
            Some("string") => STRING,
            Some("object") => OBJECT,
            Some("array") => ARRAY,
            _ => 0,
        };
        match schema.get("type") {
            None => Self(ALL),
            Some(Value::Array(names)) => Self(names.iter().fold(0, |bits, name| bits | bit(name))),
            Some(name) => Self(bit(name)),
        }
    }

    pub(crate) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a value is of one of the types.
    pub(crate) fn has(self, value: &Value) -> bool {
        let bit = match value {
            Value::Null => NULL,
            Value::Bool(_) => BOOLEAN,
            Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => INTEGER,
            Value::Number(_) => FRACTION,
            Value::String(_) => STRING,
            Value::Array(_) => ARRAY,
            Value::Object(_) => OBJECT,
        };
        self.0 & bit != 0
    }

    /// Whether a keyword says something about values of one of the types.
    pub(crate) fn concern(self, keyword: &str) -> bool {
        let bits = match keyword {
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                INTEGER | FRACTION
            }
            "minLength" | "maxLength" | "pattern" | "format" | "enum" => STRING,
            "minItems" | "maxItems" | "items" => ARRAY,
            "properties" | "required" | "additionalProperties" => OBJECT,
            _ => ALL,
        };
        self.0 & bits != 0
    }
}

const NULL: u8 = 1;
const BOOLEAN: u8 = 1 << 1;
const INTEGER: u8 = 1 << 2;
const FRACTION: u8 = 1 << 3;
const STRING: u8 = 1 << 4;
const OBJECT: u8 = 1 << 5;
const ARRAY: u8 = 1 << 6;
const ALL: u8 = NULL | BOOLEAN | INTEGER | FRACTION | STRING | OBJECT | ARRAY;
