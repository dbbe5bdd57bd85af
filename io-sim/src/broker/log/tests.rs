mod laws;

use super::*;
use crate::wire::{ProducerEpoch, ProducerId, Record, Records};

#[test]
fn offsets_count_records_and_markers() {
    let mut log = Script::default();
    assert_eq!(log.write(None, &["a", "b"]), 0);
    assert_eq!(log.write(Some(1), &["c"]), 2);
    assert_eq!(log.end(1, TransactionResult::Commit), 3);
    assert_eq!(log.log.end(), Offset(4));
}

#[test]
fn the_last_stable_offset_stops_at_the_first_open_transaction() {
    let mut log = Script::default();
    log.write(None, &["a"]);
    log.write(Some(1), &["b"]);
    log.write(Some(2), &["c"]);
    assert_eq!(log.stable(4), 1);
    log.end(1, TransactionResult::Commit);
    assert_eq!(log.stable(4), 2, "the other one is open");
    log.end(2, TransactionResult::Abort);
    assert_eq!(log.stable(5), 5);
}

#[test]
fn a_marker_counts_once_all_replicas_have_it() {
    let mut log = Script::default();
    log.write(Some(1), &["a"]);
    log.end(1, TransactionResult::Commit);
    assert_eq!(log.stable(1), 0, "the marker is not on all of them");
    assert_eq!(log.stable(2), 2);
}

#[test]
fn a_reader_is_told_of_the_aborted_transactions_that_it_meets() {
    let mut log = Script::default();
    log.write(Some(1), &["a"]);
    log.write(Some(2), &["b"]);
    log.end(1, TransactionResult::Abort);
    log.write(Some(1), &["c"]);
    log.end(2, TransactionResult::Commit);
    log.end(1, TransactionResult::Abort);
    let told = |from, until| -> Vec<_> {
        let aborted = log.log.aborted(Offset(from), Offset(until));
        aborted.into_iter().map(|it| (it.first_offset.0, it.producer.0)).collect()
    };
    assert_eq!(told(0, 6), [(0, 1), (3, 1)]);
    assert_eq!(told(0, 3), [(0, 1)]);
    assert_eq!(told(3, 6), [(3, 1)]);
    assert_eq!(told(2, 3), [(0, 1)], "its marker is in there");
}

#[test]
fn a_batch_is_read_whole_and_at_least_one() {
    let mut log = Script::default();
    log.write(None, &["a", "b", "c"]);
    log.write(None, &["d"]);
    let bases = |from, until, bytes, at_least_one| -> Vec<_> {
        let slice = log.log.read(Offset(from), Offset(until), bytes, at_least_one);
        slice.batches.iter().map(|batch| batch.base_offset.0).collect()
    };
    assert_eq!(bases(1, 4, 1000, false), [0, 3]);
    assert_eq!(bases(1, 3, 1000, false), [0]);
    assert_eq!(bases(1, 2, 1000, true), [] as [u64; 0], "the end of the batch may not be read");
    assert_eq!(bases(0, 4, 1, true), [0]);
    assert_eq!(bases(0, 4, 1, false), [] as [u64; 0]);
}

#[test]
fn truncation_takes_back_what_was_known_of_producers() {
    let mut log = Script::default();
    log.write(Some(1), &["a"]);
    let before = log.log.producers().clone();
    log.log.roll();
    log.end(1, TransactionResult::Abort);
    log.write(Some(2), &["b"]);
    log.log.truncate(Offset(1));
    assert_eq!(*log.log.producers(), before);
    assert_eq!(log.log.aborted(Offset(0), Offset(9)), []);
    assert_eq!(log.stable(1), 0);
}

#[test]
fn an_epoch_that_was_begun_in_vain_is_forgotten_by_a_truncation_that_takes_nothing() {
    let mut log = Script::default();
    log.write(None, &["a"]);
    log.log.begin_epoch(LeaderEpoch(7));
    assert_eq!(log.log.latest_epoch(), Some(LeaderEpoch(7)));
    log.log.truncate(Offset(1));
    assert_eq!(log.log.latest_epoch(), Some(LeaderEpoch(0)));
    assert_eq!(log.log.end(), Offset(1));
}

#[test]
fn a_loss_of_power_takes_a_suffix_of_what_was_not_synced() {
    let mut log = Script::default();
    log.write(None, &["a"]);
    log.log.sync();
    log.write(None, &["b"]);
    log.write(None, &["c"]);
    assert_eq!(log.log.unsynced_batches(), 2);
    log.log.lose_power(1);
    assert_eq!(log.log.end(), Offset(2));
    log.log.lose_power(0);
    assert_eq!(log.log.end(), Offset(2), "what is left is on the disk");
}

#[test]
fn the_cleaner_keeps_the_newest_of_each_key() {
    let mut log = Script::default();
    log.write_keys(&[("a", Some("1")), ("b", Some("1"))]);
    log.write_keys(&[("a", Some("2"))]);
    log.compact();
    assert_eq!(log.offsets(), [1, 2]);
    log.write_keys(&[("b", None)]);
    log.compact();
    assert_eq!(log.offsets(), [2, 3], "a tombstone stays for a while");
    log.now += 10;
    log.compact();
    assert_eq!(log.offsets(), [2]);
    assert_eq!(log.log.end(), Offset(4), "offsets are never used again");
}

#[test]
fn a_pass_may_go_less_far_than_an_earlier_one() {
    let mut log = Script::default();
    log.write_keys(&[("a", None), ("b", Some("1"))]);
    log.log.roll();
    let short = log.log.end();
    log.write_keys(&[("b", Some("2"))]);
    log.compact();
    assert_eq!(log.offsets(), [0, 2]);
    log.now += 10;
    assert!(log.log.compact(Timestamp(log.now), short, &log.config.clone()));
    assert_eq!(log.offsets(), [2], "its tombstones go, and nothing else");
}

#[test]
fn the_cleaner_leaves_the_active_segment_and_open_transactions_alone() {
    let mut log = Script::default();
    log.write_keys(&[("a", Some("1"))]);
    log.write_keys(&[("a", Some("2"))]);
    log.log.compact(Timestamp(0), log.uncleanable(), &log.config.clone());
    assert_eq!(log.offsets(), [0, 1], "the segment is active");
    log.log.roll();
    log.write(Some(1), &["x"]);
    log.log.roll();
    log.write_keys(&[("a", Some("3"))]);
    log.compact();
    assert_eq!(log.offsets(), [1, 2, 3], "the cleaner stops where the transaction begins");
}

#[test]
fn markers_go_late_and_with_them_what_was_known_of_an_abort() {
    let mut log = Script::default();
    log.write(Some(1), &["a"]);
    log.end(1, TransactionResult::Abort);
    log.write(Some(1), &["a"]);
    log.end(1, TransactionResult::Commit);
    log.compact();
    assert_eq!(log.bases(), [1, 2, 3], "aborted records go at once");
    log.compact();
    log.now += 10;
    log.compact();
    assert_eq!(log.bases(), [2, 3]);
    assert_eq!(log.log.aborted(Offset(0), Offset(9)), []);
}

#[test]
fn old_segments_go_as_far_as_all_replicas_have_them() {
    let mut log = Script::default();
    log.config.cleanup_policy = crate::wire::CleanupPolicy::Delete;
    log.config.retention_ms = Some(100);
    log.write(None, &["a"]);
    log.log.roll();
    log.write(None, &["b"]);
    log.log.retain(Timestamp(101), Offset(0), &log.config.clone());
    assert_eq!(log.log.start(), Offset(0));
    log.log.retain(Timestamp(101), Offset(2), &log.config.clone());
    assert_eq!(log.log.start(), Offset(2), "the active segment is closed when it is too old");
    assert!(log.bases().is_empty());
}

#[test]
fn times_are_looked_up_by_the_latest_so_far() {
    let mut log = Script::default();
    for time in [10, 30, 20, 40] {
        log.now = time;
        log.write(None, &["a"]);
    }
    let at = |time| log.log.at_time(Timestamp(time)).map(|(offset, time)| (offset.0, time.0));
    assert_eq!(at(0), Some((0, 10)));
    assert_eq!(at(15), Some((1, 30)));
    assert_eq!(at(35), Some((3, 40)));
    assert_eq!(at(41), None);
}

/// A log that is written by hand.
pub(super) struct Script {
    pub(super) log: Log,
    pub(super) config: TopicConfig,
    pub(super) now: u64,
}

impl Default for Script {
    fn default() -> Self {
        let config = TopicConfig {
            cleanup_policy: crate::wire::CleanupPolicy::Compact,
            delete_retention_ms: 5,
            ..TopicConfig::default()
        };
        Self { log: Log::default(), config, now: 0 }
    }
}

impl Script {
    fn write(&mut self, producer: Option<u64>, keys: &[&str]) -> u64 {
        let records = keys.iter().map(|key| Record::new((*key).to_owned(), "value")).collect();
        self.append(producer, Payload::Records(Records::new(records))).0
    }

    fn write_keys(&mut self, records: &[(&'static str, Option<&'static str>)]) {
        let record = |(key, value): &(&'static str, Option<&'static str>)| match value {
            Some(value) => Record::new(*key, *value),
            None => Record::tombstone(*key),
        };
        self.append(None, Payload::Records(Records::new(records.iter().map(record).collect())));
    }

    fn end(&mut self, producer: u64, result: TransactionResult) -> u64 {
        let coordinator_epoch = LeaderEpoch(0);
        self.append(Some(producer), Payload::Marker { result, coordinator_epoch }).0
    }

    pub(super) fn append(&mut self, producer: Option<u64>, payload: Payload) -> Offset {
        let stamp = producer.map(|id| ProducerStamp {
            id: ProducerId(id),
            epoch: ProducerEpoch(0),
            sequence: None,
            transactional: true,
        });
        let now = Timestamp(self.now);
        self.log.append(LeaderEpoch(0), now, stamp, payload, &self.config)
    }

    fn stable(&mut self, high_watermark: u64) -> u64 {
        self.log.replicated(Offset(high_watermark));
        self.log.last_stable_offset(Offset(high_watermark)).0
    }

    fn uncleanable(&self) -> Offset {
        self.log.first_uncleanable(Timestamp(self.now), self.log.end(), &self.config)
    }

    /// Closes the active segment, all replicas have it, and the cleaner runs as far as it may.
    fn compact(&mut self) {
        self.log.roll();
        self.log.replicated(self.log.end());
        self.log.compact(Timestamp(self.now), self.uncleanable(), &self.config);
    }

    fn offsets(&self) -> Vec<u64> {
        self.log.batches().flat_map(Batch::records).map(|(offset, _)| offset.0).collect()
    }

    fn bases(&self) -> Vec<u64> {
        self.log.batches().map(|batch| batch.base_offset.0).collect()
    }
}
