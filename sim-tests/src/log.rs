//! The log as it is when a run is over: the committed records of every partition, decoded.

mod asked;
#[cfg(test)]
pub(crate) mod build;
mod keys;
mod schemas;
mod zones;

pub use asked::asked;
pub(crate) use asked::{parsed, refusal_of, value};
pub use keys::keys_over_days;
pub use schemas::{definition_updates, published, schema_entries, schemas};
pub(crate) use zones::effect;
pub use zones::{
    Expected, expected_events, for_devices, forgets, notifications, subscription_of, zone_events,
};

use std::collections::BTreeMap;

use bytes::Bytes;
use tidelog_core::{Message, PartitionId, Topic, message::DecodeError, port::Record};

/// The committed records of every partition.
#[derive(Clone, Debug, Default)]
pub struct LogView {
    partitions: BTreeMap<(Topic, PartitionId), Vec<Logged>>,
}

/// A committed record.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Its offset.
    pub offset: u64,
    /// Its append time, in milliseconds.
    pub time_ms: u64,
    /// Its key.
    pub key: Bytes,
    /// Its payload; none for a tombstone.
    pub payload: Option<Bytes>,
    /// What it says. Records of changelogs are rows, which only their services can read.
    pub message: Option<Result<Message, DecodeError>>,
}

impl LogView {
    /// Takes the committed records of a partition.
    pub fn insert(
        &mut self,
        topic: Topic,
        partition: PartitionId,
        records: impl IntoIterator<Item = Record>,
    ) {
        let logged = records.into_iter().map(|record| Logged::new(topic, record));
        self.partitions.entry((topic, partition)).or_default().extend(logged);
    }

    /// Takes the committed records of a changelog, whose tombstones have no payload.
    pub fn insert_rows(
        &mut self,
        topic: Topic,
        partition: PartitionId,
        rows: impl IntoIterator<Item = (u64, Bytes, Option<Bytes>)>,
    ) {
        let logged = rows.into_iter().map(|(offset, key, payload)| Logged {
            offset,
            time_ms: 0,
            key,
            payload,
            message: None,
        });
        self.partitions.entry((topic, partition)).or_default().extend(logged);
    }

    /// The records of a partition, in the order of their offsets.
    #[must_use]
    pub fn records(&self, topic: Topic, partition: PartitionId) -> &[Logged] {
        self.partitions.get(&(topic, partition)).map_or(&[], Vec::as_slice)
    }

    /// The record at a place, if there is one.
    #[must_use]
    pub fn at(&self, topic: Topic, partition: PartitionId, offset: u64) -> Option<&Logged> {
        let records = self.records(topic, partition);
        let at = records.binary_search_by_key(&offset, |record| record.offset).ok()?;
        records.get(at)
    }

    /// The partitions of a topic that have records.
    pub fn partitions(&self, topic: Topic) -> impl Iterator<Item = (PartitionId, &[Logged])> {
        let of = self.partitions.iter().filter(move |((it, _), _)| *it == topic);
        of.map(|((_, partition), records)| (*partition, records.as_slice()))
    }

    /// Every partition that has records.
    pub fn all(&self) -> impl Iterator<Item = (Topic, PartitionId, &[Logged])> {
        let all = self.partitions.iter();
        all.map(|((topic, partition), records)| (*topic, *partition, records.as_slice()))
    }

    /// The messages of a topic that could be read, with their partition and offset.
    pub fn messages(&self, topic: Topic) -> impl Iterator<Item = (PartitionId, &Logged, &Message)> {
        self.partitions(topic).flat_map(|(partition, records)| {
            let readable = move |record| Some((partition, record, Logged::readable(record)?));
            records.iter().filter_map(readable)
        })
    }
}

impl Logged {
    fn new(topic: Topic, record: Record) -> Self {
        let Record { offset, time, key, payload, trace: _ } = record;
        let message = match topic {
            Topic::Changelog(_) | Topic::Owners | Topic::EntityChanges => None,
            _ => Some(Message::decode(topic, &payload)),
        };
        Self { offset: offset.0, time_ms: time.as_millis(), key, payload: Some(payload), message }
    }

    fn readable(record: &Self) -> Option<&Message> {
        record.message.as_ref()?.as_ref().ok()
    }
}
