//! Records and the batches that they travel and are kept in.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3Default;

use super::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// One record of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// How far its offset is from its batch's base offset. After compaction there are gaps.
    pub offset_delta: u32,
    /// The key; compaction keeps the newest record of each.
    pub key: Option<Bytes>,
    /// The value; none for a tombstone.
    pub value: Option<Bytes>,
    /// Headers, in the order in which the producer wrote them.
    pub headers: Vec<(Bytes, Bytes)>,
}

impl Record {
    /// A record without headers; its place in the batch is set by [`Records::new`].
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            offset_delta: 0,
            key: Some(key.into()),
            value: Some(value.into()),
            headers: Vec::new(),
        }
    }

    /// A tombstone: compaction will remove the key.
    pub fn tombstone(key: impl Into<Bytes>) -> Self {
        Self { offset_delta: 0, key: Some(key.into()), value: None, headers: Vec::new() }
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let part = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
        10 + part(&self.key) + part(&self.value) + headers
    }
}

/// The records of a batch: shared by every log and message that holds them, and hashed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    list: Arc<[Record]>,
    digest: u64,
    size: usize,
}

impl Records {
    /// Numbers the records from 0 and seals them.
    pub fn new(mut list: Vec<Record>) -> Self {
        for (delta, record) in (0..).zip(&mut list) {
            record.offset_delta = delta;
        }
        Self::with_gaps(list)
    }

    /// Seals records that have their places already: what compaction leaves of a batch.
    pub fn with_gaps(list: Vec<Record>) -> Self {
        assert!(
            list.is_sorted_by(|a, b| a.offset_delta < b.offset_delta),
            "offsets rise within a batch"
        );
        let mut hasher = Xxh3Default::new();
        list.hash(&mut hasher);
        let size = list.iter().map(Record::size).sum();
        Self { digest: hasher.finish(), size, list: list.into() }
    }

    /// The records in the order of their offsets.
    pub fn iter(&self) -> std::slice::Iter<'_, Record> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether compaction has removed them all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// About how many bytes they take.
    pub const fn size(&self) -> usize {
        self.size
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = &'a Record;
    type IntoIter = std::slice::Iter<'a, Record>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Hash for Records {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// Who wrote a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerStamp {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The number of the batch's first record. None for what a coordinator writes on a producer's
    /// behalf and for markers.
    pub sequence: Option<Sequence>,
    /// Whether it is part of a transaction.
    pub transactional: bool,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    /// Its records count.
    Commit,
    /// Its records are as if never written.
    Abort,
}

/// What a batch holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Records of a producer or of a coordinator.
    Records(Records),
    /// The end of a transaction in this partition. Takes one offset; clients never see it as a
    /// record.
    Marker {
        /// How the transaction ended.
        result: TransactionResult,
        /// The leader epoch of the coordinator's partition: a marker of a replaced coordinator is
        /// refused.
        coordinator_epoch: LeaderEpoch,
    },
}

/// A batch as it lies in a log. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The offset of the first record at the time of the append. Stays when compaction removes that
    /// record.
    pub base_offset: Offset,
    /// The offset of the last record at the time of the append. Stays as well.
    pub last_offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// When the leader appended it, by its clock (`LogAppendTime`).
    pub timestamp: Timestamp,
    /// Who wrote it, if that is known.
    pub producer: Option<ProducerStamp>,
    /// What it holds.
    pub payload: Payload,
}

impl Batch {
    /// The batch as a stream of records with their offsets; none for a marker.
    pub fn records(&self) -> impl Iterator<Item = (Offset, &Record)> {
        let records = match &self.payload {
            Payload::Records(records) => records.iter(),
            Payload::Marker { .. } => [].iter(),
        };
        records.map(|record| (self.base_offset + u64::from(record.offset_delta), record))
    }

    /// How many offsets it takes, gaps included.
    pub fn span(&self) -> u64 {
        self.last_offset - self.base_offset + 1
    }

    /// Whether it is the end of a transaction.
    pub const fn is_marker(&self) -> bool {
        matches!(self.payload, Payload::Marker { .. })
    }

    /// Whether it is data of a transaction.
    pub fn is_transactional_data(&self) -> bool {
        !self.is_marker() && self.producer.is_some_and(|producer| producer.transactional)
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        61 + match &self.payload {
            Payload::Records(records) => records.size(),
            Payload::Marker { .. } => 17,
        }
    }
}

/// A batch that a producer sends: it has no offset yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewBatch {
    /// Who writes it; none for a producer without idempotence.
    pub producer: Option<ProducerStamp>,
    /// The records.
    pub records: Records,
}
