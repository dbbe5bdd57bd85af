//! When two JSON values are equal (RFC 6902, section 4.6): numbers by what they are worth, arrays
//! element by element, objects in whatever order.

use serde_json::{Number, Value};

/// Whether the values are equal; adds to `work` how much had to be compared.
pub(super) fn equal(one: &Value, other: &Value, work: &mut usize) -> bool {
    *work += 1;
    match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Number(one), Value::Number(other)) => numbers_equal(one, other),
        (Value::String(one), Value::String(other)) => {
            if one.len() != other.len() {
                return false;
            }
            *work += one.len();
            one == other
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equal(a, b, work))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, member)| {
                    *work += key.len();
                    other.get(key).is_some_and(|found| equal(member, found, work))
                })
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => false,
    }
}

/// The number as an integer, if it was written as one.
pub(super) fn integer(number: &Number) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}

/// The integer as a double, if there is one that is worth exactly as much.
pub(super) fn exact_double(integer: i128) -> Option<f64> {
    // 2^64 and below, so the cast back neither saturates nor rounds.
    let double = integer as f64;
    (double as i128 == integer).then_some(double)
}

fn numbers_equal(one: &Number, other: &Number) -> bool {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one == other,
        (Some(integer), None) => exact_double(integer) == other.as_f64(),
        (None, Some(integer)) => exact_double(integer) == one.as_f64(),
        (None, None) => one.as_f64() == other.as_f64(),
    }
}
