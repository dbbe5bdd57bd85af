//! The extent of numbers: integers and doubles side by side.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::Span;

/// From the smallest to the largest integer, and from the smallest to the largest double.
///
/// They are kept apart, for a large integer has no double; they are compared when they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    integers: Span<i128>,
    doubles: Span<Double>,
}

impl Extent {
    pub(crate) fn include_integer(&mut self, value: i128) {
        self.integers.include(value);
    }

    pub(crate) fn include_double(&mut self, value: f64) {
        self.doubles.include(Double(value));
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.integers.join(other.integers);
        self.doubles.join(other.doubles);
    }

    /// The smallest and the largest number of both.
    pub(crate) fn ends(self) -> Option<(Number, Number)> {
        let ends = match (self.integers.get(), self.doubles.get()) {
            (None, None) => return None,
            (Some((low, high)), None) => (integer(low), integer(high)),
            (None, Some((low, high))) => (double(low), double(high)),
            (Some(integers), Some(doubles)) => {
                let low = match compare(integers.0, doubles.0.0) {
                    Ordering::Greater => double(doubles.0),
                    Ordering::Less | Ordering::Equal => integer(integers.0),
                };
                let high = match compare(integers.1, doubles.1.0) {
                    Ordering::Less => double(doubles.1),
                    Ordering::Greater | Ordering::Equal => integer(integers.1),
                };
                (low, high)
            }
        };
        Some(ends)
    }
}

/// A double in its total order; JSON has none that is not a number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Double(f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Double {}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Double {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Compares without loss: an integer of 64 bits may lie between two doubles.
fn compare(integer: i128, double: f64) -> Ordering {
    let floor = double.floor();
    // Beyond its range the cast gives the nearest `i128`, which is beyond every integer here.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the floor is whole, and the cast saturates"
    )]
    let whole = floor as i128;
    integer.cmp(&whole).then(if double > floor { Ordering::Less } else { Ordering::Equal })
}

/// Documents hold integers that fit 64 bits, signed or not.
pub(crate) fn integer(value: i128) -> Number {
    Number::from_i128(value).expect("it was read from a number of 64 bits")
}

fn double(value: Double) -> Number {
    Number::from_f64(value.0).expect("JSON has finite numbers alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_and_a_double_are_compared_without_loss() {
        const P53: i128 = 1 << 53;
        assert_eq!(compare(P53 + 1, P53 as f64), Ordering::Greater);
        assert_eq!(compare(P53, P53 as f64), Ordering::Equal);
        assert_eq!(compare(-1, -0.5), Ordering::Less);
        assert_eq!(compare(0, -0.5), Ordering::Greater);
        assert_eq!(compare(i128::from(u64::MAX), 1e300), Ordering::Less);
        assert_eq!(compare(i128::from(i64::MIN), -1e300), Ordering::Greater);
    }

    #[test]
    fn the_ends_are_those_of_both_kinds() {
        let mut extent = Extent::default();
        assert_eq!(extent.ends(), None);
        extent.include_double(2.5);
        extent.include_integer(3);
        extent.include_integer(-7);
        let ends = extent.ends().map(|(low, high)| format!("{low} {high}"));
        assert_eq!(ends.as_deref(), Some("-7 3"));
        extent.include_double(-7.25);
        let ends = extent.ends().map(|(low, high)| format!("{low} {high}"));
        assert_eq!(ends.as_deref(), Some("-7.25 3"));
    }
}
