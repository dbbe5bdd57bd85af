//! The log against a fold over all that was ever appended.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*};

use super::Script;
use crate::{
    broker::{log::Log, producers::Producers},
    wire::{
        Batch, CleanupPolicy, LeaderEpoch, Offset, Payload, ProducerId, Record, Records, Timestamp,
        TransactionResult,
    },
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_log_tells_what_a_fold_over_its_history_tells(
        ops in vec(any_op(), 1..60),
        is_compacted: bool,
    ) {
        let mut world = World::new(is_compacted);
        for op in ops {
            world.apply(&op);
            world.check();
        }
    }
}

#[test]
fn what_the_cleaner_relied_on_comes_back_after_a_loss_of_power() {
    let write = |producer, key| Op::Write { producer, keys: vec![key], is_tombstone: false };
    let mut world = World::new(true);
    for op in [
        write(None, 2),
        write(Some(0), 2),
        Op::Roll,
        // All replicas have this marker, but here it is not synced when the record before it goes.
        Op::End { producer: 0, commits: true },
        Op::Replicate(255),
        Op::Clean,
        Op::LosePower(0),
        Op::End { producer: 0, commits: false },
    ] {
        world.apply(&op);
        world.check();
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write {
        producer: Option<u64>,
        keys: Vec<u8>,
        is_tombstone: bool,
    },
    End {
        producer: u64,
        commits: bool,
    },
    /// All replicas have more of the log.
    Replicate(u8),
    Wait(u64),
    Roll,
    Sync,
    Clean,
    Delete(u8),
    /// The leader has less than this replica.
    Truncate(u8),
    LosePower(u8),
}

fn any_op() -> impl Strategy<Value = Op> {
    let write = (option::of(0..3_u64), vec(0..4_u8, 1..4), prop::bool::weighted(0.2));
    prop_oneof![
        8 => write.prop_map(|(producer, keys, is_tombstone)| {
            Op::Write { producer, keys, is_tombstone }
        }),
        4 => (0..3_u64, any::<bool>()).prop_map(|(producer, commits)| Op::End { producer, commits }),
        4 => any::<u8>().prop_map(Op::Replicate),
        1 => (0..8_u64).prop_map(Op::Wait),
        2 => Just(Op::Roll),
        1 => Just(Op::Sync),
        2 => Just(Op::Clean),
        1 => any::<u8>().prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Truncate),
        1 => any::<u8>().prop_map(Op::LosePower),
    ]
}

/// A log, and all that was appended to it and not taken back.
struct World {
    script: Script,
    history: Vec<Batch>,
    high_watermark: Offset,
    value: u64,
    /// Something was taken out of the log for good.
    was_cleaned: bool,
}

type Read = Vec<(Offset, Record)>;

impl World {
    fn new(is_compacted: bool) -> Self {
        let mut script = Script::default();
        if !is_compacted {
            script.config.cleanup_policy = CleanupPolicy::Delete;
            script.config.retention_ms = Some(20);
        }
        script.config.segment_bytes = 600;
        Self {
            script,
            history: Vec::new(),
            high_watermark: Offset::ZERO,
            value: 0,
            was_cleaned: false,
        }
    }

    fn log(&mut self) -> &mut Log {
        &mut self.script.log
    }

    fn apply(&mut self, op: &Op) {
        let now = Timestamp(self.script.now);
        let config = self.script.config;
        match op {
            Op::Write { producer, keys, is_tombstone } => {
                let record = |key: &u8| match is_tombstone {
                    true => Record::tombstone(vec![*key]),
                    false => Record::new(vec![*key], self.value.to_string()),
                };
                let records = Records::new(keys.iter().map(record).collect());
                self.value += 1;
                self.append(*producer, Payload::Records(records));
            }
            Op::End { producer, commits } => {
                let result = match commits {
                    true => TransactionResult::Commit,
                    false => TransactionResult::Abort,
                };
                let payload = Payload::Marker { result, coordinator_epoch: LeaderEpoch(0) };
                self.append(Some(*producer), payload);
            }
            Op::Replicate(part) => {
                let missing = self.log().end() - self.high_watermark;
                let up_to = self.high_watermark + missing * u64::from(*part) / 255;
                // Replicas have whole batches.
                let ends = self.history.iter().map(|batch| batch.last_offset.next());
                let high_watermark = ends.filter(|end| *end <= up_to).max();
                self.replicate(high_watermark.unwrap_or_default().max(self.high_watermark));
            }
            Op::Wait(ms) => self.script.now += ms,
            Op::Roll => self.log().roll(),
            Op::Sync => self.log().sync(),
            Op::Clean => {
                let high_watermark = self.high_watermark;
                let limit = self.log().first_uncleanable(now, high_watermark, &config);
                match config.cleanup_policy {
                    CleanupPolicy::Compact | CleanupPolicy::CompactAndDelete => {
                        self.was_cleaned |= self.log().compact(now, limit, &config);
                    }
                    CleanupPolicy::Delete => {
                        let start = self.log().start();
                        self.log().retain(now, high_watermark, &config);
                        self.was_cleaned |= self.log().start() > start;
                    }
                }
            }
            Op::Delete(part) => {
                let start = self.log().start();
                let deleted = (self.high_watermark - start) * u64::from(*part) / 255;
                self.log().move_start(start + deleted);
                self.was_cleaned |= deleted > 0;
            }
            Op::Truncate(part) => {
                let kept = (self.log().end() - self.high_watermark) * u64::from(*part) / 255;
                let end = self.high_watermark + kept;
                self.log().truncate(end);
                self.forget_the_end();
            }
            Op::LosePower(part) => {
                let kept = self.log().unsynced_batches() * usize::from(*part) / 255;
                self.log().lose_power(kept);
                // The cleaner relies on markers that all replicas have: they are fetched again.
                if self.was_cleaned {
                    self.fetch_what_others_have();
                }
                self.high_watermark = self.high_watermark.min(self.log().end());
                self.forget_the_end();
            }
        }
    }

    fn append(&mut self, producer: Option<u64>, payload: Payload) {
        self.script.append(producer, payload);
        let batch = self.script.log.batches().next_back().expect("it was appended").clone();
        self.history.push(batch);
    }

    fn fetch_what_others_have(&mut self) {
        let (end, config) = (self.log().end(), self.script.config);
        for batch in &self.history {
            if batch.base_offset >= end && batch.last_offset < self.high_watermark {
                self.script.log.append_replica(batch.clone(), &config);
            }
        }
    }

    fn replicate(&mut self, high_watermark: Offset) {
        self.high_watermark = high_watermark;
        self.log().replicated(high_watermark);
    }

    fn forget_the_end(&mut self) {
        let end = self.log().end();
        self.history.retain(|batch| batch.last_offset < end);
        self.replicate(self.high_watermark);
    }

    fn check(&mut self) {
        let log = &self.script.log;
        let offsets: Vec<_> = log.batches().map(|it| (it.base_offset, it.last_offset)).collect();
        assert!(offsets.iter().all(|(base, last)| base <= last));
        assert!(offsets.is_sorted_by(|(_, last), (base, _)| last < base), "offsets rise");
        let stable = log.last_stable_offset(self.high_watermark);
        assert_eq!(stable, self.stable_by_the_fold().max(log.start()));
        let (read, folded) = (read_committed(log, stable), self.committed_by_the_fold(stable));
        if self.was_cleaned && self.script.config.cleanup_policy == CleanupPolicy::Compact {
            assert_eq!(newest(&read), newest(&folded), "the newest of each key is there");
            let folded: BTreeSet<_> = folded.iter().map(|(offset, _)| *offset).collect();
            assert!(read.iter().all(|(offset, _)| folded.contains(offset)));
        } else {
            assert_eq!(read, folded);
        }
        if !self.was_cleaned {
            assert_eq!(*log.producers(), self.producers_by_the_fold());
        }
    }

    /// Where the first transaction begins whose end is not on all replicas.
    fn stable_by_the_fold(&self) -> Offset {
        let mut open = BTreeMap::<ProducerId, Offset>::new();
        let mut firsts = vec![self.high_watermark];
        for batch in &self.history {
            let Some(stamp) = batch.producer else { continue };
            if !batch.is_marker() {
                open.entry(stamp.id).or_insert(batch.base_offset);
            } else if let Some(first) = open.remove(&stamp.id)
                && batch.base_offset >= self.high_watermark
            {
                firsts.push(first);
            }
        }
        firsts.into_iter().chain(open.into_values()).min().expect("it has one")
    }

    fn committed_by_the_fold(&self, stable: Offset) -> Read {
        let mut committed = Read::new();
        for (nth, batch) in self.history.iter().enumerate() {
            let ends = |it: &&Batch| it.is_marker() && it.producer == batch.producer;
            let counts = batch.producer.is_none()
                || self.history[nth..].iter().find(ends).is_some_and(|marker| {
                    matches!(
                        marker.payload,
                        Payload::Marker { result: TransactionResult::Commit, .. }
                    )
                });
            if counts {
                committed.extend(batch.records().map(|(offset, it)| (offset, bare(it))));
            }
        }
        let start = self.script.log.start();
        committed.retain(|(offset, _)| (start..stable).contains(offset));
        committed
    }

    fn producers_by_the_fold(&self) -> Producers {
        let mut producers = Producers::default();
        for batch in &self.history {
            producers.apply(batch);
        }
        producers.replicated(self.high_watermark);
        producers
    }
}

/// What a reader of committed records gets, batch by batch, with the list of aborted transactions of
/// each answer.
fn read_committed(log: &Log, stable: Offset) -> Read {
    let (mut read, mut from) = (Read::new(), log.start());
    let mut aborting = BTreeSet::new();
    while let Some(batch) = log.read(from, stable, 1, true).batches.pop() {
        let stamp = batch.producer;
        for aborted in log.aborted(from, batch.last_offset.next()) {
            if aborted.first_offset <= batch.last_offset
                && stamp.is_some_and(|stamp| stamp.id == aborted.producer)
            {
                aborting.insert(aborted.producer);
            }
        }
        let is_aborted = stamp.is_some_and(|stamp| aborting.contains(&stamp.id));
        if let Some(stamp) = stamp.filter(|_| batch.is_marker()) {
            aborting.remove(&stamp.id);
        } else if !is_aborted {
            read.extend(batch.records().map(|(offset, it)| (offset, bare(it))));
        }
        from = batch.last_offset.next();
    }
    read.retain(|(offset, _)| *offset >= log.start());
    read
}

/// A record as it is, wherever it lies in its batch.
fn bare(record: &Record) -> Record {
    Record { offset_delta: 0, ..record.clone() }
}

fn newest(read: &Read) -> BTreeMap<Vec<u8>, Record> {
    let mut newest = BTreeMap::new();
    for (_, record) in read {
        let key = record.key.clone().expect("all have keys").to_vec();
        match record.value {
            Some(_) => newest.insert(key, record.clone()),
            None => newest.remove(&key),
        };
    }
    newest
}
