//! How groups and offsets are kept in `__consumer_offsets`: keyed by group, or by group and partition;
//! the newest record counts.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    offsets::Committed,
    state::{Loaded, LoadedMember},
};
use crate::wire::{
    CommittedOffset, Generation, LeaderEpoch, Offset, Record, Timestamp, TopicName, TopicPartition,
};

/// What a record is about.
pub(super) enum Key {
    /// A group.
    Group(String),
    /// A group's offset for a partition.
    Offset(String, TopicPartition),
}

/// The record that says how a group stands; without one, that it is forgotten.
pub(super) fn encode_group(id: &str, group: Option<&Loaded>) -> Record {
    encode(&SavedKey { group: id, partition: None }, group.map(SavedGroup::from).as_ref())
}

/// The record of a group's offset; without one, that it is forgotten.
pub(super) fn encode_offset(
    group: &str,
    of: &TopicPartition,
    committed: Option<&Committed>,
) -> Record {
    let partition = Some((of.topic.as_str(), of.partition));
    let saved = committed.map(|it| SavedOffset {
        offset: it.value.offset.0,
        leader_epoch: it.value.leader_epoch.map(|epoch| epoch.0),
        metadata: it.value.metadata.clone(),
        time: it.time.0,
    });
    encode(&SavedKey { group, partition }, saved.as_ref())
}

/// What a record is about.
pub(super) fn key(record: &Record) -> Key {
    let key = record.key.as_deref().expect("a record of a compacted topic has a key");
    let key: SavedKey<'_> = postcard::from_bytes(key).expect("this module has written it");
    let group = key.group.to_owned();
    match key.partition {
        None => Key::Group(group),
        Some((topic, partition)) => {
            Key::Offset(group, TopicPartition::new(&TopicName::from(topic), partition))
        }
    }
}

/// What a record says about a group; none: it is forgotten.
pub(super) fn group(record: &Record) -> Option<Loaded> {
    decode::<SavedGroup>(record).map(Loaded::from)
}

/// What a record says about an offset; none: it is forgotten. Where the record lies, it does not know.
pub(super) fn offset(record: &Record) -> Option<Committed> {
    let saved: SavedOffset = decode(record)?;
    let value = CommittedOffset {
        offset: Offset(saved.offset),
        leader_epoch: saved.leader_epoch.map(LeaderEpoch),
        metadata: saved.metadata,
    };
    Some(Committed { value, time: Timestamp(saved.time), at: Offset::ZERO })
}

fn encode(key: &SavedKey<'_>, value: Option<&impl Serialize>) -> Record {
    let key = to_bytes(key);
    match value {
        Some(value) => Record::new(key, to_bytes(value)),
        None => Record::tombstone(key),
    }
}

fn decode<T: DeserializeOwned>(record: &Record) -> Option<T> {
    let value = record.value.as_deref()?;
    Some(postcard::from_bytes(value).expect("this module has written it"))
}

fn to_bytes(value: &impl Serialize) -> Bytes {
    let bytes = postcard::to_stdvec(value);
    bytes.expect("numbers and text can always be written to memory").into()
}

#[derive(Serialize, Deserialize)]
struct SavedKey<'a> {
    group: &'a str,
    #[serde(borrow)]
    partition: Option<(&'a str, u32)>,
}

#[derive(Serialize, Deserialize)]
struct SavedOffset {
    offset: u64,
    leader_epoch: Option<u32>,
    metadata: String,
    time: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedGroup {
    generation: i32,
    protocol_type: String,
    protocol: String,
    leader: String,
    since: u64,
    members: Vec<SavedMember>,
}

#[derive(Serialize, Deserialize)]
struct SavedMember {
    id: String,
    instance: Option<String>,
    session_ms: u64,
    rebalance_ms: u64,
    subscription: Bytes,
    assignment: Bytes,
}

impl From<&Loaded> for SavedGroup {
    fn from(it: &Loaded) -> Self {
        let member = |it: &LoadedMember| SavedMember {
            id: it.id.clone(),
            instance: it.instance.clone(),
            session_ms: it.session_ms,
            rebalance_ms: it.rebalance_ms,
            subscription: it.subscription.clone(),
            assignment: it.assignment.clone(),
        };
        Self {
            generation: it.generation.0,
            protocol_type: it.protocol_type.clone(),
            protocol: it.protocol.clone(),
            leader: it.leader.clone(),
            since: it.since.0,
            members: it.members.iter().map(member).collect(),
        }
    }
}

impl From<SavedGroup> for Loaded {
    fn from(it: SavedGroup) -> Self {
        let member = |it: SavedMember| LoadedMember {
            id: it.id,
            instance: it.instance,
            session_ms: it.session_ms,
            rebalance_ms: it.rebalance_ms,
            subscription: it.subscription,
            assignment: it.assignment,
        };
        Self {
            generation: Generation(it.generation),
            protocol_type: it.protocol_type,
            protocol: it.protocol,
            leader: it.leader,
            since: Timestamp(it.since),
            members: it.members.into_iter().map(member).collect(),
        }
    }
}
