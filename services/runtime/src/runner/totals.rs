//! How much a batch holds, over all tasks.

use tidelog_core::Timestamp;

use crate::Settings;

/// What the tasks of a worker have done since the last commit began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// The records that were handled.
    pub(super) records: usize,
    /// The bytes of what is sent and written.
    pub(super) bytes: usize,
    /// Whether anything is sent or written, and not only positions moved.
    pub(super) effects: bool,
    /// Since when there is something to commit.
    pub(super) since: Option<Timestamp>,
}

impl Totals {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            effects: self.effects || other.effects,
            since: self.since.into_iter().chain(other.since).min(),
        }
    }

    /// Whether there is anything to commit.
    pub(super) fn is_work(&self) -> bool {
        self.since.is_some()
    }

    /// Whether the batch is not to grow any more.
    pub(super) fn is_full(&self, settings: &Settings, now: Timestamp) -> bool {
        self.records >= settings.batch_records_max
            || self.bytes >= settings.batch_bytes_max
            || self.deadline(settings).is_some_and(|deadline| deadline <= now)
    }

    /// When the batch is to be committed, whatever else comes.
    pub(super) fn deadline(&self, settings: &Settings) -> Option<Timestamp> {
        let interval =
            if self.effects { settings.commit_interval } else { settings.positions_interval };
        Some(self.since?.plus(interval))
    }
}
