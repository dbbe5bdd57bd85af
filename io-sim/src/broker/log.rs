//! A partition's log: batches in the order of their offsets, and what is known about them.
//!
//! Batches are found by binary search; nothing here scans the log but recovery, truncation and
//! compaction. Batches are handed out by cheap clones.
//!
//! Durability is a mark: everything before `synced` survives a loss of power. Kafka does not sync its
//! log; it is written back by the operating system, and when a segment is closed.

mod aborted;
mod compaction;
mod epochs;
mod recovery;
mod retention;
mod segments;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::{aborted::AbortedIndex, epochs::Epochs, segments::Segments};
use super::producers::Producers;
use crate::wire::{
    AbortedTransaction, Batch, EpochEnd, LeaderEpoch, Offset, Payload, ProducerStamp, Timestamp,
    TopicConfig, TransactionResult,
};

/// A partition's log.
#[derive(Clone, Debug)]
pub struct Log {
    entries: VecDeque<Entry>,
    segments: Segments,
    start: Offset,
    end: Offset,
    epochs: Epochs,
    producers: Producers,
    aborted: AbortedIndex,
    /// Everything before it survives a loss of power.
    synced: Offset,
    /// Everything before it has been compacted at least once.
    cleaned: Offset,
}

/// A batch, and what its replica knows about it.
#[derive(Clone, Debug)]
struct Entry {
    batch: Batch,
    /// The latest time of this and all earlier batches, for look-ups by time.
    latest: Timestamp,
    /// Once the cleaner has seen tombstones or a marker that could go: when they may (KIP-534).
    delete_horizon: Option<Timestamp>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Whole batches; the first one may begin before the offset that was asked for.
    pub batches: Vec<Batch>,
    /// How large they are.
    pub bytes: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            segments: Segments::new(Offset::ZERO, Producers::default()),
            start: Offset::ZERO,
            end: Offset::ZERO,
            epochs: Epochs::default(),
            producers: Producers::default(),
            aborted: AbortedIndex::default(),
            synced: Offset::ZERO,
            cleaned: Offset::ZERO,
        }
    }
}

impl Log {
    /// The offset of the first record that a reader can have.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Everything before it survives a loss of power.
    pub fn synced(&self) -> Offset {
        self.synced
    }

    /// Everything before it has been compacted.
    pub fn cleaned(&self) -> Offset {
        self.cleaned
    }

    /// Where the active segment begins: nothing from there on is compacted.
    pub fn active_segment(&self) -> Offset {
        self.segments.active().base
    }

    /// The producers.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// The batches, in the order of their offsets.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        self.entries.iter().map(|entry| &entry.batch)
    }

    /// Appends as the partition's leader: the records get their offsets and the time.
    pub fn append(
        &mut self,
        leader_epoch: LeaderEpoch,
        timestamp: Timestamp,
        producer: Option<ProducerStamp>,
        payload: Payload,
        config: &TopicConfig,
    ) -> Offset {
        let count = match &payload {
            Payload::Records(records) => records.len() as u64,
            Payload::Marker { .. } => 1,
        };
        assert!(count > 0, "an append has records");
        let (base_offset, last_offset) = (self.end, self.end + (count - 1));
        let batch = Batch { base_offset, last_offset, leader_epoch, timestamp, producer, payload };
        self.push(batch, config);
        base_offset
    }

    /// Appends a batch that the leader has.
    pub fn append_replica(&mut self, batch: Batch, config: &TopicConfig) {
        assert!(batch.base_offset >= self.end, "a replica appends what comes after its log's end");
        self.push(batch, config);
    }

    /// From now on records are appended in that epoch.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.end);
    }

    /// Reads from the batch with the record at `from` on, whole batches that end before `until`: at
    /// most `max_bytes`, but at least one batch if `at_least_one`.
    pub fn read(&self, from: Offset, until: Offset, max_bytes: usize, at_least_one: bool) -> Slice {
        let mut slice = Slice::default();
        for entry in self.entries.range(self.index_of(from)..) {
            let size = entry.batch.size();
            let fits =
                slice.bytes + size <= max_bytes || (at_least_one && slice.batches.is_empty());
            if entry.batch.last_offset >= until || !fits {
                break;
            }
            slice.bytes += size;
            slice.batches.push(entry.batch.clone());
        }
        slice
    }

    /// Whether there is a batch for a reader at `from` that ends before `until`.
    pub fn has_data(&self, from: Offset, until: Offset) -> bool {
        from < until
            && self
                .entries
                .get(self.index_of(from))
                .is_some_and(|entry| entry.batch.last_offset < until)
    }

    /// Where a reader of committed records has to stop. What was deleted of an open transaction holds nobody back.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        let first = self.producers.first_unstable().map(|first| first.max(self.start()));
        first.map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// All in-sync replicas have everything before `high_watermark`.
    pub fn replicated(&mut self, high_watermark: Offset) {
        self.producers.replicated(high_watermark);
    }

    /// The aborted transactions with records in `from..until`.
    pub fn aborted(&self, from: Offset, until: Offset) -> Vec<AbortedTransaction> {
        self.aborted.overlapping(from, until)
    }

    /// The epoch of the last record, or the newest that was begun.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// Where the newest epoch that is at most `epoch` ends.
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        self.epochs.end_of(epoch, self.end)
    }

    /// The first batch of that time or later: the offset of its first record, and its time.
    pub fn at_time(&self, timestamp: Timestamp) -> Option<(Offset, Timestamp)> {
        let index = self.entries.partition_point(|entry| entry.latest < timestamp);
        let batch = &self.entries.get(index)?.batch;
        Some((batch.base_offset.max(self.start), batch.timestamp))
    }

    /// Everything that is in the log now survives a loss of power.
    pub fn sync(&mut self) {
        self.synced = self.end;
    }

    /// Closes the active segment, unless it is empty.
    pub fn roll(&mut self) {
        if self.segments.active().base < self.end {
            self.segments.roll(self.end, self.producers.clone());
            self.sync();
        }
    }

    /// Forgets producers that have been silent since before `since`.
    pub fn expire_producers(&mut self, since: Timestamp) {
        self.producers.expire(since);
    }

    fn push(&mut self, batch: Batch, config: &TopicConfig) {
        if self.segments.active().is_full(&batch, config) {
            self.roll();
        }
        self.segments.active_mut().add(&batch);
        if self.epochs.latest() != Some(batch.leader_epoch) {
            self.epochs.assign(batch.leader_epoch, batch.base_offset);
        }
        self.end = batch.last_offset.next();
        self.note(&batch);
        let latest =
            self.entries.back().map_or(batch.timestamp, |it| it.latest.max(batch.timestamp));
        self.entries.push_back(Entry { batch, latest, delete_horizon: None });
    }

    /// Brings the producers, and with them the aborted transactions, up to that batch.
    fn note(&mut self, batch: &Batch) {
        let Some(ended) = self.producers.apply(batch) else { return };
        if ended.result == TransactionResult::Abort {
            let stable = self.producers.first_open().unwrap_or(batch.last_offset.next());
            self.aborted.push(ended.producer, ended.first, batch.base_offset, stable);
        }
    }

    /// The place of the first batch that ends at `offset` or later.
    fn index_of(&self, offset: Offset) -> usize {
        if offset >= self.end {
            return self.entries.len();
        }
        self.entries.partition_point(|entry| entry.batch.last_offset < offset)
    }
}
