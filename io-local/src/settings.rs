//! Settings of the embedded log.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tidelog_core::{
    Layout, Timestamp,
    limits::{RETENTION_MEDIUM, RETENTION_SHORT},
};

/// Settings of the embedded log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many partitions the topics have. Fixed for the life of a data folder.
    pub layout: Layout,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long records of topics with short retention are kept.
    pub retention_short: Duration,
    /// How long records of topics with medium retention are kept.
    pub retention_medium: Duration,
    /// How often records are looked for that need not be kept any longer.
    pub retention_interval: Duration,
    /// How long the writer waits for the services that answer clients before it makes durable what
    /// there is: a request and its answer then share one `fdatasync`.
    pub settle_max: Duration,
    /// How many bytes may wait to be written before appends are rejected and commits wait.
    pub backlog_bytes_max: usize,
    /// How many bytes of each partition's newest durable records are kept in memory.
    pub tail_bytes: usize,
    /// How many bytes of records make a segment: what is written, and removed, as one table.
    pub segment_bytes: usize,
    /// How many bytes of blocks the database keeps in memory.
    pub cache_bytes: u64,
    /// How long a query waits for the task to get to the record that it names.
    pub at_least_wait: Duration,
}

impl Settings {
    /// The settings that fit most, for that many partitions.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            clock: Arc::new(SystemClock),
            retention_short: RETENTION_SHORT,
            retention_medium: RETENTION_MEDIUM,
            retention_interval: Duration::from_secs(60),
            settle_max: Duration::from_millis(1),
            backlog_bytes_max: 64 * 1024 * 1024,
            tail_bytes: 128 * 1024,
            segment_bytes: 16 * 1024 * 1024,
            cache_bytes: 32 * 1024 * 1024,
            at_least_wait: Duration::from_secs(5),
        }
    }
}

/// Tells the time. The log takes care that append times never go back.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::ZERO.plus(since)
    }
}
