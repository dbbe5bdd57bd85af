//! Deterministic dice: the same seed and name, the same throws.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Dice of a seed and a name.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    /// The dice that a seed has for some purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self { seed: xxh3_64_with_seed(purpose.as_bytes(), seed), thrown: 0 }
    }

    /// A number below `sides`.
    ///
    /// # Panics
    ///
    /// If there are no sides.
    pub fn below(&mut self, sides: u64) -> u64 {
        assert!(sides > 0, "dice have sides");
        self.thrown += 1;
        xxh3_64_with_seed(&self.thrown.to_le_bytes(), self.seed) % sides
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let sides = u64::try_from(of.len()).expect("a list in memory");
        &of[usize::try_from(self.below(sides)).expect("an index of a list in memory")]
    }
}
