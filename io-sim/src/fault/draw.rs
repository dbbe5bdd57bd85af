//! What a fault that strikes has drawn.

use std::{num::NonZeroU32, time::Duration};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The value of a fault that strikes. All its details come from this one number, so a replay file has
/// a line for a fault, however many pages it tears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw(NonZeroU32);

impl Draw {
    /// The draw of a value; 0 is none.
    #[must_use]
    pub fn new(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// The draw of a hash.
    pub(crate) fn of(hash: u64) -> Self {
        Self(NonZeroU32::new((hash >> 32) as u32).unwrap_or(NonZeroU32::MIN))
    }

    /// The value.
    #[must_use]
    pub fn value(self) -> u32 {
        self.0.get()
    }

    /// One of `options` (at least one), for the detail of that name.
    #[must_use]
    pub fn pick(self, detail: &str, options: u64) -> u64 {
        let hash = xxh3_64_with_seed(detail.as_bytes(), u64::from(self.value()));
        scale(hash, options)
    }

    /// One of `options` (at least one), for the `nth` of the details of that name.
    #[must_use]
    pub fn pick_nth(self, detail: &str, nth: u64, options: u64) -> u64 {
        let seed = xxh3_64_with_seed(&nth.to_le_bytes(), u64::from(self.value()));
        scale(xxh3_64_with_seed(detail.as_bytes(), seed), options)
    }

    /// A number of `from..=to`, for the detail of that name.
    #[must_use]
    pub fn between(self, detail: &str, from: u64, to: u64) -> u64 {
        from + self.pick(detail, to - from + 1)
    }

    /// A time of `from..=to` milliseconds, for the detail of that name.
    #[must_use]
    pub fn millis(self, detail: &str, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(detail, from, to))
    }
}

/// The part of `options` that a hash stands for.
pub(crate) fn scale(hash: u64, options: u64) -> u64 {
    assert!(options > 0, "there is something to choose from");
    let scaled = (u128::from(hash) * u128::from(options)) >> 64;
    u64::try_from(scaled).expect("a part of a number is no greater than the number")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn details_stay_in_their_bounds_and_are_the_same_each_time(
            value in 1u32..,
            nth in 0u64..100,
            from in 0u64..1000,
            more in 0u64..1000,
        ) {
            let draw = Draw::new(value).expect("not zero");
            let between = draw.between("length", from, from + more);
            prop_assert!((from..=from + more).contains(&between));
            prop_assert_eq!(between, draw.between("length", from, from + more));
            prop_assert!(draw.pick_nth("page", nth, 3) < 3);
        }
    }

    #[test]
    fn zero_is_no_draw() {
        assert_eq!(Draw::new(0), None);
    }

    #[test]
    fn every_option_is_picked_at_some_time() {
        let draw = Draw::new(7).expect("not zero");
        let mut seen = [0; 3];
        (0..300).for_each(|nth| seen[draw.pick_nth("page", nth, 3) as usize] += 1);
        assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
    }
}
