//! Settings of a runner.

use std::time::Duration;

/// Settings of a runner.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a batch may grow while there is always more to read.
    pub commit_interval: Duration,
    /// How long records that had no effect may stay uncommitted.
    pub positions_interval: Duration,
    /// How many records a batch may have.
    pub batch_records_max: usize,
    /// How many bytes of rows and sends a batch may have; the record that reaches it is the last one.
    pub batch_bytes_max: usize,
    /// How many commits, restores or sessions may fail one after another before the runner gives up.
    pub failures_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(20),
            positions_interval: Duration::from_secs(1),
            batch_records_max: 10_000,
            batch_bytes_max: 8 * 1024 * 1024,
            failures_max: 20,
        }
    }
}
