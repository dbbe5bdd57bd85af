//! A clock that goes when it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tidelog_core::Timestamp;
use tidelog_io_local::Clock;

/// A clock that goes when it is told. Clones go together.
#[derive(Clone, Debug)]
pub(crate) struct FakeClock(Arc<AtomicU64>);

impl Default for FakeClock {
    fn default() -> Self {
        const LATE: u64 = 1_764_000_000_000;
        Self(Arc::new(AtomicU64::new(LATE)))
    }
}

impl FakeClock {
    /// Lets it go on.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::Relaxed);
    }

    /// Turns it back.
    pub(crate) fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(millis(by), Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a time of people")
}
