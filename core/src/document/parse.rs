//! Strict reading of JSON from outside.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::document::{BODY_DEPTH_MAX, DEPTH_MAX, DocumentError, number, shortened};

/// Parses a request's body (a patch, a batch) as strictly as a document, but without a bound on
/// its size, which is the caller's, and nested up to [`BODY_DEPTH_MAX`].
pub fn parse_value(bytes: &[u8]) -> Result<Value, DocumentError> {
    parse_within(bytes, BODY_DEPTH_MAX)
}

pub(super) fn parse_within(bytes: &[u8], depth_max: usize) -> Result<Value, DocumentError> {
    let text = str::from_utf8(bytes)
        .map_err(|error| DocumentError::NotUtf8 { position: error.valid_up_to() })?;
    let mut notes = Notes::default();
    let value = read(text, depth_max, &mut notes)?;
    // Integers that fit come as integers; only what became a double can have lost something.
    if notes.has_doubles
        && let Some((at, literal)) = number::first_inexact(text)
    {
        return Err(inexact(text, at, literal));
    }
    Ok(value)
}

/// Parses the text of a document, whose numbers were checked when it came in.
///
/// Not by way of `Value`'s own `Deserialize`: where some crate of the build enables serde_json's
/// `raw_value`, that one takes an object with a certain private key for the JSON in its value.
pub(super) fn parse_stored(text: &str) -> Result<Value, DocumentError> {
    read(text, BODY_DEPTH_MAX, &mut Notes::default())
}

fn read(text: &str, depth_max: usize, notes: &mut Notes) -> Result<Value, DocumentError> {
    let mut json = serde_json::Deserializer::from_str(text);
    ValueSeed { depth_left: depth_max, notes }
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        .map_err(|error| explained(&error, notes.fault.take(), text, depth_max))
}

/// What a visitor sees and an error of serde's cannot carry.
#[derive(Default)]
struct Notes {
    has_doubles: bool,
    fault: Option<Fault>,
}

enum Fault {
    DuplicateKey(String),
    TooDeep,
}

struct ValueSeed<'n> {
    depth_left: usize,
    notes: &'n mut Notes,
}

impl ValueSeed<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, notes: self.notes }),
            None => Err(failed(self.notes, Fault::TooDeep)),
        }
    }

    fn again(&mut self) -> ValueSeed<'_> {
        ValueSeed { depth_left: self.depth_left, notes: self.notes }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.notes.has_doubles = true;
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom(OUT_OF_RANGE))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner.again())? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(members.next_value_seed(inner.again())?);
                }
                Entry::Occupied(entry) => {
                    let key = shortened(entry.key(), KEY_CHARS_MAX);
                    return Err(failed(inner.notes, Fault::DuplicateKey(key)));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

/// Notes the fault; the error only makes serde_json stop and say where.
fn failed<E: Error>(notes: &mut Notes, fault: Fault) -> E {
    notes.fault = Some(fault);
    E::custom("refused")
}

/// What is wrong with a text that is to be JSON and nothing more.
pub(super) fn syntax_error(text: &str, error: &serde_json::Error) -> DocumentError {
    explained(error, None, text, DEPTH_MAX)
}

fn explained(
    error: &serde_json::Error,
    fault: Option<Fault>,
    text: &str,
    depth_max: usize,
) -> DocumentError {
    let (line, column) = (error.line(), error.column());
    match fault {
        Some(Fault::DuplicateKey(key)) => return DocumentError::DuplicateKey { key, line, column },
        Some(Fault::TooDeep) => return DocumentError::TooDeep { limit: depth_max },
        None => {}
    }
    if text.is_empty() {
        return DocumentError::Syntax { line: 1, column: 1, message: EMPTY.to_owned() };
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        return DocumentError::Syntax { line: 1, column: 1, message: MARKED.to_owned() };
    }
    let message = error.to_string();
    if message.starts_with(OUT_OF_RANGE)
        && let Some((at, literal)) = number::first_inexact(text)
    {
        return inexact(text, at, literal);
    }
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    DocumentError::Syntax { line, column, message }
}

fn inexact(text: &str, at: usize, literal: &str) -> DocumentError {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    DocumentError::Number {
        literal: shortened(literal, LITERAL_CHARS_MAX),
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: at - line_start + 1,
    }
}

/// How serde_json's error for a number beyond any double begins.
const OUT_OF_RANGE: &str = "number out of range";

/// What RFC 8259 forbids to put in front of JSON, though some editors and encoders do.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is wrong with a text that a syntax error would explain badly; its place follows.
const EMPTY: &str = "it is empty";
const MARKED: &str = "send it without the byte order mark (UTF-8 BOM) that is";

/// How much of a key or of a number an error repeats.
const KEY_CHARS_MAX: usize = 100;
const LITERAL_CHARS_MAX: usize = 40;
