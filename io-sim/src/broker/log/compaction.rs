//! The cleaner: of each key the newest record stays.
//!
//! Modelled on Kafka's `Cleaner`. A pass looks at closed segments before the last stable offset, from
//! the log's start to some boundary. It removes, for good:
//! - records whose key comes again in the part that was not clean before (`cleaned..up_to`);
//! - records of aborted transactions, at once;
//! - tombstones, in a pass after the one that first saw them, once `delete.retention.ms` has passed;
//! - markers, likewise, counted from the pass in which no batch of their transaction was left.
//!
//! A batch that loses all its records goes, unless it is its producer's newest. Offsets never change,
//! so gaps are left behind.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Entry, Log};
use crate::wire::{Batch, Offset, Payload, ProducerId, Record, Records, Timestamp, TopicConfig};

impl Log {
    /// Where the cleaner must stop: at the active segment, at the last stable offset, and at records
    /// that are too young.
    pub fn first_uncleanable(
        &self,
        now: Timestamp,
        high_watermark: Offset,
        config: &TopicConfig,
    ) -> Offset {
        let stable = self.last_stable_offset(high_watermark).min(self.active_segment());
        if config.min_compaction_lag_ms == 0 {
            return self.segments.boundary(stable);
        }
        let oldest_kept = now.0.saturating_sub(config.min_compaction_lag_ms);
        let young = self.at_time(Timestamp(oldest_kept + 1)).map_or(stable, |(offset, _)| offset);
        self.segments.boundary(stable.min(young))
    }

    /// Runs the cleaner up to the last boundary of segments that is not after `up_to`, which must not be
    /// after [`Log::first_uncleanable`]. Says whether anything was cleaned.
    pub fn compact(&mut self, now: Timestamp, up_to: Offset, config: &TopicConfig) -> bool {
        let up_to = self.segments.boundary(up_to);
        if up_to <= self.start || self.index_of(up_to) == 0 {
            return false;
        }
        let aborted = AbortedData::new(self, up_to);
        let newest = self.newest_of_dirty(up_to, &aborted);
        let count = self.index_of(up_to);
        let mut pass = Pass {
            log_start: self.start,
            aborted,
            newest,
            now,
            delete_retention_ms: config.delete_retention_ms,
            with_data: BTreeSet::new(),
        };
        let mut kept = Vec::with_capacity(count);
        let head: Vec<Entry> = self.entries.drain(..count).collect();
        for entry in head {
            let is_newest = self.producers.is_newest(&entry.batch);
            let marker = entry.batch.is_marker().then_some(entry.batch.base_offset);
            match pass.clean(entry, is_newest) {
                Some(entry) => kept.push(entry),
                None => marker.into_iter().for_each(|marker| self.aborted.remove(marker)),
            }
        }
        for entry in kept.into_iter().rev() {
            self.entries.push_front(entry);
        }
        self.index_times();
        self.cleaned = self.cleaned.max(up_to);
        // Cleaned segments are synced before they take the place of the old ones.
        self.synced = self.synced.max(up_to);
        true
    }

    /// For each key of the part that is not clean: its last offset. There is no such part where the pass
    /// goes less far than an earlier one did; tombstones and markers may go even so.
    fn newest_of_dirty(&self, up_to: Offset, aborted: &AbortedData) -> BTreeMap<Bytes, Offset> {
        let mut newest = BTreeMap::new();
        let first = self.index_of(self.cleaned.min(up_to));
        for entry in self.entries.range(first..self.index_of(up_to)) {
            if aborted.covers(&entry.batch) {
                continue;
            }
            for (offset, record) in entry.batch.records() {
                if let Some(key) = &record.key {
                    newest.insert(key.clone(), offset);
                }
            }
        }
        newest
    }
}

/// One pass of the cleaner.
struct Pass {
    log_start: Offset,
    aborted: AbortedData,
    newest: BTreeMap<Bytes, Offset>,
    now: Timestamp,
    delete_retention_ms: u64,
    /// Producers with transactional batches since their last marker.
    with_data: BTreeSet<ProducerId>,
}

impl Pass {
    /// What is left of a batch.
    fn clean(&mut self, entry: Entry, is_newest_of_producer: bool) -> Option<Entry> {
        match &entry.batch.payload {
            Payload::Marker { .. } => self.clean_marker(entry, is_newest_of_producer),
            Payload::Records(records) => {
                let records = records.clone();
                self.clean_records(entry, &records, is_newest_of_producer)
            }
        }
    }

    fn clean_marker(&mut self, mut entry: Entry, is_newest_of_producer: bool) -> Option<Entry> {
        let producer = entry.batch.producer.map(|stamp| stamp.id);
        let had_data = producer.is_some_and(|producer| self.with_data.remove(&producer));
        if had_data || is_newest_of_producer {
            return Some(entry);
        }
        self.is_before_horizon(&mut entry).then_some(entry)
    }

    fn clean_records(
        &mut self,
        mut entry: Entry,
        records: &Records,
        is_newest_of_producer: bool,
    ) -> Option<Entry> {
        if let Some(stamp) = entry.batch.producer.filter(|stamp| stamp.transactional) {
            self.with_data.insert(stamp.id);
        }
        let is_aborted = self.aborted.covers(&entry.batch);
        let base = entry.batch.base_offset;
        let has_tombstones = records.iter().any(|record| record.value.is_none());
        let keeps_tombstones = !has_tombstones || self.is_before_horizon(&mut entry);
        let stays = |record: &&Record| {
            !is_aborted
                && self.is_newest(base + u64::from(record.offset_delta), record)
                && (record.value.is_some() || keeps_tombstones)
        };
        let kept: Vec<Record> = records.iter().filter(stays).cloned().collect();
        if kept.is_empty() && !is_newest_of_producer {
            return None;
        }
        if kept.len() < records.len() {
            entry.batch.payload = Payload::Records(Records::with_gaps(kept));
        }
        Some(entry)
    }

    fn is_newest(&self, offset: Offset, record: &Record) -> bool {
        let Some(key) = &record.key else { return false };
        offset >= self.log_start && self.newest.get(key).is_none_or(|newest| offset >= *newest)
    }

    /// Whether what could go has to stay for now. The first pass that asks sets the time.
    fn is_before_horizon(&self, entry: &mut Entry) -> bool {
        match entry.delete_horizon {
            Some(horizon) => self.now < horizon,
            None => {
                entry.delete_horizon = Some(Timestamp(self.now.0 + self.delete_retention_ms));
                true
            }
        }
    }
}

/// Which batches are data of aborted transactions.
struct AbortedData(BTreeMap<ProducerId, Vec<(Offset, Offset)>>);

impl AbortedData {
    fn new(log: &Log, up_to: Offset) -> Self {
        let mut ranges: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (producer, first, marker) in log.aborted.list() {
            if first < up_to {
                ranges.entry(producer).or_default().push((first, marker));
            }
        }
        Self(ranges)
    }

    fn covers(&self, batch: &Batch) -> bool {
        let Some(stamp) = batch.producer.filter(|_| batch.is_transactional_data()) else {
            return false;
        };
        let Some(ranges) = self.0.get(&stamp.id) else { return false };
        let after = ranges.partition_point(|(first, _)| *first <= batch.base_offset);
        after > 0 && batch.base_offset < ranges[after - 1].1
    }
}
