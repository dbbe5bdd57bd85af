//! What a partition knows of its producers: epochs, the last five batches of each, open transactions.

mod check;

use std::collections::{BTreeMap, VecDeque};

pub use self::check::{Check, check_batch, check_marker};
use crate::wire::{
    Batch, LeaderEpoch, Offset, Payload, ProducerEpoch, ProducerId, ProducerStamp, Sequence,
    Timestamp, TransactionResult,
};

/// So many batches of a producer are remembered, to recognise a repeated one.
pub const BATCHES_REMEMBERED: usize = 5;

/// The producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    list: BTreeMap<ProducerId, Producer>,
    /// Open transactions by their first offset.
    open: BTreeMap<Offset, ProducerId>,
    /// Transactions that have ended, but whose marker is not yet known to be on all in-sync
    /// replicas: by first offset, with that of the marker.
    unreplicated: BTreeMap<Offset, Offset>,
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// Its newest batches of that epoch, the newest last.
    recent: VecDeque<Recent>,
    /// The epoch of the coordinator that wrote its newest marker.
    coordinator_epoch: Option<LeaderEpoch>,
    /// When it was last heard of.
    last_timestamp: Timestamp,
    /// The first offset of its open transaction.
    transaction: Option<Offset>,
    /// The last offset of its newest batch.
    last_data: Option<Offset>,
}

/// A batch that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    first: Sequence,
    last: Sequence,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// When it was appended.
    pub timestamp: Timestamp,
}

/// A transaction that a marker has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whose.
    pub producer: ProducerId,
    /// Its first offset.
    pub first: Offset,
    /// How it ended.
    pub result: TransactionResult,
}

impl Producers {
    /// Takes note of a batch that is in the log now. Says which transaction it ended, if any.
    pub fn apply(&mut self, batch: &Batch) -> Option<Ended> {
        let stamp = batch.producer?;
        match batch.payload {
            Payload::Records(_) => {
                self.apply_data(stamp, batch);
                None
            }
            Payload::Marker { result, coordinator_epoch } => {
                self.apply_marker(stamp, batch, result, coordinator_epoch)
            }
        }
    }

    /// The producer of that id.
    pub fn of(&self, id: ProducerId) -> Option<&Producer> {
        self.list.get(&id)
    }

    /// Where the first transaction begins that is open, or whose end is not known to be on all in-sync
    /// replicas.
    pub fn first_unstable(&self) -> Option<Offset> {
        let open = self.open.first_key_value().map(|(first, _)| *first);
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        open.into_iter().chain(unreplicated).min()
    }

    /// Where the first open transaction begins.
    pub fn first_open(&self) -> Option<Offset> {
        self.open.first_key_value().map(|(first, _)| *first)
    }

    /// All in-sync replicas have everything before `high_watermark`.
    pub fn replicated(&mut self, high_watermark: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, marker| *marker >= high_watermark);
        }
    }

    /// The log starts there now: transactions cannot begin before it.
    pub fn truncate_start(&mut self, start: Offset) {
        self.unreplicated.retain(|_, marker| *marker >= start);
    }

    /// Forgets producers that have been silent since before `since` and have no transaction open.
    pub fn expire(&mut self, since: Timestamp) {
        self.list.retain(|_, it| it.transaction.is_some() || it.last_timestamp >= since);
    }

    /// Whether that batch is the newest of its producer: compaction keeps it, if empty, so that the
    /// producer is not forgotten.
    pub fn is_newest(&self, batch: &Batch) -> bool {
        let Some((stamp, producer)) =
            batch.producer.and_then(|stamp| Some((stamp, self.of(stamp.id)?)))
        else {
            return false;
        };
        match producer.last_data {
            Some(last) => batch.last_offset == last,
            None => batch.is_marker() && stamp.epoch == producer.epoch,
        }
    }

    fn apply_data(&mut self, stamp: ProducerStamp, batch: &Batch) {
        let producer = self.list.entry(stamp.id).or_insert_with(|| Producer::new(stamp.epoch));
        producer.enter(stamp.epoch);
        producer.last_timestamp = batch.timestamp;
        producer.last_data = Some(batch.last_offset);
        if let Some(first) = stamp.sequence {
            let count = u32::try_from(batch.span()).expect("a batch is not that long");
            producer.remember(Recent {
                first,
                last: first.plus(count - 1),
                base_offset: batch.base_offset,
                last_offset: batch.last_offset,
                timestamp: batch.timestamp,
            });
        }
        if stamp.transactional && producer.transaction.is_none() {
            producer.transaction = Some(batch.base_offset);
            self.open.insert(batch.base_offset, stamp.id);
        }
    }

    fn apply_marker(
        &mut self,
        stamp: ProducerStamp,
        batch: &Batch,
        result: TransactionResult,
        coordinator_epoch: LeaderEpoch,
    ) -> Option<Ended> {
        let producer = self.list.entry(stamp.id).or_insert_with(|| Producer::new(stamp.epoch));
        producer.enter(stamp.epoch);
        producer.last_timestamp = batch.timestamp;
        producer.coordinator_epoch = Some(coordinator_epoch);
        let first = producer.transaction.take()?;
        self.open.remove(&first);
        self.unreplicated.insert(first, batch.base_offset);
        Some(Ended { producer: stamp.id, first, result })
    }
}

impl Producer {
    fn new(epoch: ProducerEpoch) -> Self {
        Self {
            epoch,
            recent: VecDeque::new(),
            coordinator_epoch: None,
            last_timestamp: Timestamp::default(),
            transaction: None,
            last_data: None,
        }
    }

    /// Whether it has a transaction open in this partition, in that epoch.
    pub fn has_open_transaction(&self, epoch: ProducerEpoch) -> bool {
        self.transaction.is_some() && self.epoch == epoch
    }

    /// Sequences begin anew with each epoch.
    fn enter(&mut self, epoch: ProducerEpoch) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.recent.clear();
        }
    }

    fn remember(&mut self, batch: Recent) {
        if self.recent.len() == BATCHES_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(batch);
    }
}
