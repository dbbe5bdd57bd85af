//! Size and depth of a value, without printing it.

use std::fmt::{self, Write};

use serde_json::{Number, Value};

/// How many bytes the value's compact JSON text has, or `None` if it nests deeper than
/// `depth_max`. Never recurses deeper than that.
pub fn measure(value: &Value, depth_max: usize) -> Option<usize> {
    match value {
        Value::Null => Some("null".len()),
        Value::Bool(true) => Some("true".len()),
        Value::Bool(false) => Some("false".len()),
        Value::Number(number) => Some(number_size(number)),
        Value::String(text) => Some(string_size(text)),
        Value::Array(elements) => {
            let depth_max = depth_max.checked_sub(1)?;
            let mut bytes = brackets_and_commas(elements.len());
            for element in elements {
                bytes += measure(element, depth_max)?;
            }
            Some(bytes)
        }
        Value::Object(members) => {
            let depth_max = depth_max.checked_sub(1)?;
            let mut bytes = brackets_and_commas(members.len());
            for (key, member) in members {
                bytes += key_size(key) + measure(member, depth_max)?;
            }
            Some(bytes)
        }
    }
}

/// Whether the value nests no deeper than `depth_max`.
pub(crate) fn within_depth(value: &Value, depth_max: usize) -> bool {
    match (value, depth_max.checked_sub(1)) {
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => true,
        (Value::Array(_) | Value::Object(_), None) => false,
        (Value::Array(elements), Some(left)) => elements.iter().all(|e| within_depth(e, left)),
        (Value::Object(members), Some(left)) => members.values().all(|m| within_depth(m, left)),
    }
}

/// Bytes of a member's key with the colon behind it.
pub(crate) fn key_size(key: &str) -> usize {
    string_size(key) + ":".len()
}

fn brackets_and_commas(count: usize) -> usize {
    "[]".len() + count.saturating_sub(1)
}

fn string_size(text: &str) -> usize {
    let escapes: usize = text.bytes().map(escape_extra).sum();
    "\"\"".len() + text.len() + escapes
}

/// How many bytes more than one a byte of a string takes in serde_json's print.
fn escape_extra(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0x00..=0x1f => 5,
        _ => 0,
    }
}

fn number_size(number: &Number) -> usize {
    if let Some(unsigned) = number.as_u64() {
        return digits(unsigned);
    }
    if let Some(signed) = number.as_i64() {
        return "-".len() + digits(signed.unsigned_abs());
    }
    let mut counter = Counter(0);
    write!(counter, "{number}").expect("counting never fails");
    counter.0
}

fn digits(unsigned: u64) -> usize {
    unsigned.checked_ilog10().map_or(1, |log| log as usize + 1)
}

struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
