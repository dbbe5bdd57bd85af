//! Counting what came and what went.

use serde::{Deserialize, Serialize};

/// How many came, and how many went again.
///
/// Both only grow, so adding tallies up is commutative and associative, and in between more may have
/// gone than came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    came: u64,
    gone: u64,
}

impl Tally {
    pub(crate) fn came(&mut self) {
        self.came += 1;
    }

    pub(crate) fn gone(&mut self) {
        self.gone += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.came += other.came;
        self.gone += other.gone;
    }

    /// How many are there.
    pub(crate) fn count(self) -> u64 {
        self.came.saturating_sub(self.gone)
    }

    /// Whether there ever was one.
    pub(crate) fn is_seen(self) -> bool {
        self.came > 0
    }
}
