//! How large batches get, and how often what fails is tried.

use std::time::Duration;

/// The settings of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a batch may grow while there is more to read. As soon as there is not, it is
    /// committed at once.
    pub commit_interval: Duration,
    /// How long a batch may wait that has changed nothing but positions. Should something else come
    /// to be committed in the meantime, it goes along.
    pub positions_interval: Duration,
    /// Records of one batch.
    pub batch_records_max: usize,
    /// Bytes of what one batch sends and writes, from which on it is committed.
    pub batch_bytes_max: usize,
    /// Failures in a row after which the runner gives up: of one task, or of the session.
    pub failures_max: u32,
    /// How long a task waits before it is restored after its second failure in a row; after each
    /// further one twice as long. After the first it does not wait. The runner waits as long before it
    /// joins again when its session was lost.
    pub retry_delay: Duration,
    /// How long either waits at most.
    pub retry_delay_max: Duration,
    /// How long a task waits for its next timeout if the last one neither did anything nor moved the
    /// deadline.
    pub timeout_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(20),
            positions_interval: Duration::from_secs(1),
            batch_records_max: 10_000,
            batch_bytes_max: 8 * 1024 * 1024,
            failures_max: 20,
            retry_delay: Duration::from_millis(100),
            retry_delay_max: Duration::from_secs(5),
            timeout_pause: Duration::from_secs(1),
        }
    }
}
