//! From the smallest to the largest.

use serde::{Deserialize, Serialize};

/// The smallest and the largest of what was seen, if anything was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span<T>(Option<(T, T)>);

impl<T> Default for Span<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Ord + Copy> Span<T> {
    pub(crate) fn include(&mut self, value: T) {
        self.join(Self(Some((value, value))));
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0 = match (self.0, other.0) {
            (Some((low, high)), Some((other_low, other_high))) => {
                Some((low.min(other_low), high.max(other_high)))
            }
            (span, None) | (None, span) => span,
        };
    }

    pub(crate) fn get(self) -> Option<(T, T)> {
        self.0
    }
}
