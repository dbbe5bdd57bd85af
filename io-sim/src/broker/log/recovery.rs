//! The end of the log comes off: truncation to what the leader has, and what a loss of power takes.

use super::{Log, Producers, Segments};
use crate::wire::{Offset, Timestamp};

impl Log {
    /// Removes everything from `end` on, and the batch that `end` lies within.
    pub fn truncate(&mut self, end: Offset) {
        // Also where no record goes: an epoch that was begun here and has no records is not the leader's.
        self.epochs.truncate_end(end);
        if end >= self.end {
            return;
        }
        let keep = self.index_of(end);
        let end = self.entries.get(keep).map_or(end, |entry| end.min(entry.batch.base_offset));
        self.entries.truncate(keep);
        self.end = end;
        self.start = self.start.min(end);
        self.epochs.truncate_end(end);
        self.synced = self.synced.min(end);
        self.cleaned = self.cleaned.min(end);
        self.segments.truncate_end(end);
        self.rebuild();
    }

    /// Removes everything: the log begins anew at `start`, behind what the leader still has.
    pub fn restart_at(&mut self, start: Offset) {
        *self = Self { start, end: start, synced: start, cleaned: start, ..Self::default() };
        self.segments = Segments::new(start, Producers::default());
    }

    /// How many batches a loss of power can take.
    pub fn unsynced_batches(&self) -> usize {
        self.entries.len() - self.index_of(self.synced)
    }

    /// The power is lost: of the batches that were not synced, the first `kept` are on the disk. What
    /// comes after the first missing or torn one is cut off, as Kafka's recovery does.
    pub fn lose_power(&mut self, kept: usize) {
        let first_lost = self.index_of(self.synced) + kept;
        if let Some(entry) = self.entries.get(first_lost) {
            self.truncate(entry.batch.base_offset);
        }
        self.sync();
    }

    /// Builds what is known of producers and aborted transactions from the last segment's beginning.
    fn rebuild(&mut self) {
        let base = self.segments.active().base;
        self.producers = self.segments.active().producers.clone();
        self.aborted.truncate_end(base);
        self.segments.active_mut().reset();
        let tail: Vec<_> = self.entries.range(self.index_of(base)..).cloned().collect();
        for entry in tail {
            self.segments.active_mut().add(&entry.batch);
            self.note(&entry.batch);
        }
    }

    /// Works out anew what look-ups by time need.
    pub(super) fn index_times(&mut self) {
        let mut latest = Timestamp::default();
        for entry in &mut self.entries {
            latest = latest.max(entry.batch.timestamp);
            entry.latest = latest;
        }
    }
}
