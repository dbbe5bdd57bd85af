//! Which number literals can be kept without loss.
//!
//! A number is kept as a 64-bit integer or as a double, and printed again in the shortest form
//! that reads back as the same. A literal is exact if that print denotes the same decimal number:
//! `1e2` may come back as `100.0`, but `0.12345678901234567890123` would lose digits.
//!
//! It is exact, too, if it has at most 17 significant digits and the double, rounded to as many,
//! is that decimal number: whoever has the double can have the literal back. So the prints of
//! encoders that give every double 17 digits are taken: `3.1000000000000001` comes back as `3.1`.

use serde_json::Number;

/// The first literal in a JSON text that would be changed by keeping it, and where it begins.
///
/// The text must be syntactically right up to that literal.
pub(super) fn first_inexact(text: &str) -> Option<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = bytes[at..].iter().position(|b| !is_literal_byte(*b));
                let end = end.map_or(bytes.len(), |length| at + length);
                let literal = &text[at..end];
                if !is_exact(literal) {
                    return Some((at, literal));
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

/// Whether a literal that follows the grammar for numbers can be kept without loss.
pub(super) fn is_exact(literal: &str) -> bool {
    // A minus zero becomes the double -0.0, which is the same number.
    if literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok() {
        return true;
    }
    let Some(decimal) = Decimal::of(literal) else {
        return false;
    };
    if decimal.survives_a_double() {
        return true;
    }
    let Some(double) = literal.parse().ok().and_then(Number::from_f64) else {
        return false;
    };
    let shortest = Decimal::of(&double.to_string());
    shortest.as_ref() == Some(&decimal) || double.as_f64().is_some_and(|f| decimal.is_print_of(f))
}

/// `digits` times ten to the power of `exponent`; no trailing zeros in `digits`, and zero is
/// `0, 0`. The sign is left out: a double keeps it, whatever happens to the digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    digits: u64,
    exponent: i64,
}

impl Decimal {
    /// `None` if the literal has more significant digits than any double needs, or an exponent
    /// that is far out of range.
    fn of(literal: &str) -> Option<Self> {
        let split = literal.find(['e', 'E']);
        let mantissa = &literal[..split.unwrap_or(literal.len())];
        let mut decimal = Self { digits: 0, exponent: 0 };
        let mut digits_read = 0;
        let mut zeros = 0;
        let mut after_point = false;
        for byte in mantissa.bytes() {
            match byte {
                b'0'..=b'9' => {
                    decimal.exponent -= i64::from(after_point);
                    if byte != b'0' {
                        digits_read += zeros + 1;
                        if digits_read > DOUBLE_DIGITS_MAX {
                            return None;
                        }
                        decimal.digits *= 10_u64.pow(zeros + 1);
                        decimal.digits += u64::from(byte - b'0');
                        zeros = 0;
                    } else if decimal.digits != 0 {
                        zeros += 1;
                    }
                }
                b'.' => after_point = true,
                _ => {}
            }
        }
        if decimal.digits == 0 {
            return Some(Self { digits: 0, exponent: 0 });
        }
        decimal.exponent += i64::from(zeros);
        if let Some(split) = split {
            let exponent: i64 = literal[split + 1..].parse().ok()?;
            decimal.exponent = decimal.exponent.checked_add(exponent)?;
        }
        Some(decimal)
    }

    /// Whether no look at the double is needed: two decimals of up to 15 digits never share a
    /// double (away from the ends of its range), so its shortest print is this one again.
    fn survives_a_double(&self) -> bool {
        self.digits < 10_u64.pow(15) && (-300..=290).contains(&self.exponent)
    }

    /// Whether the double, rounded to as many significant digits as this has, is this again.
    fn is_print_of(&self, double: f64) -> bool {
        let digits_after_point = self.digits.checked_ilog10().unwrap_or(0) as usize;
        Self::of(&format!("{double:.digits_after_point$e}")).as_ref() == Some(self)
    }
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match bytes[at.min(bytes.len())..].iter().position(|b| matches!(b, b'"' | b'\\')) {
            Some(skipped) if bytes[at + skipped] == b'\\' => at += skipped + 2,
            Some(skipped) => return at + skipped + 1,
            None => return bytes.len(),
        }
    }
}

fn is_literal_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// No double needs more significant digits to be told from all others.
const DOUBLE_DIGITS_MAX: u32 = 17;
