//! The rows of aggregates, of their parts, and of deadlines.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    ClientId, RequestId, RequestName, TableId, Timestamp,
    message::PartAnswer,
    state::{Table, TableKey},
};

/// A request whose answers are gathered, or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aggregate {
    /// How many parts the request has.
    pub(super) of: u32,
    /// How many of them have their answer.
    pub(super) received: u32,
    /// Bytes of the documents of all answers, those included that were not kept.
    pub(super) value_bytes: u64,
    /// The task time of the first answer.
    pub(super) started: Timestamp,
    /// Whether it is a batch, be it of one part.
    pub(super) is_batch: bool,
}

impl Aggregate {
    pub(super) fn is_whole(&self) -> bool {
        self.received >= self.of
    }
}

/// The key of an aggregate: the client, the number and the first sending of its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AggregateKey(pub(super) RequestId);

impl TableKey for AggregateKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.name.client.to_bytes();
        bytes.extend_from_slice(&self.0.name.number.to_be_bytes());
        bytes.extend_from_slice(&self.0.first_sent.as_millis().to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rest, first_sent) = bytes.split_last_chunk()?;
        let (client, number) = rest.split_last_chunk()?;
        let client = ClientId::from_bytes(client)?;
        let name = RequestName { client, number: u64::from_be_bytes(*number) };
        let first_sent = Timestamp::from_millis(u64::from_be_bytes(*first_sent));
        Some(Self(RequestId { name, first_sent }))
    }
}

/// The key of a part's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartKey {
    pub(super) aggregate: AggregateKey,
    /// From 1.
    pub(super) number: u32,
}

impl TableKey for PartKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.aggregate.to_bytes();
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (aggregate, number) = bytes.split_last_chunk()?;
        let aggregate = AggregateKey::from_bytes(aggregate)?;
        Some(Self { aggregate, number: u32::from_be_bytes(*number) })
    }
}

/// The key of a deadline: its time, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeadlineKey {
    pub(super) at: Timestamp,
    pub(super) aggregate: AggregateKey,
}

impl TableKey for DeadlineKey {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.at.as_millis().to_be_bytes()[..], &self.aggregate.to_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, aggregate) = bytes.split_first_chunk()?;
        let aggregate = AggregateKey::from_bytes(aggregate)?;
        Some(Self { at: Timestamp::from_millis(u64::from_be_bytes(*at)), aggregate })
    }
}

/// What is to be done with an aggregate at its deadline.
///
/// The order is part of the store's format: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deadline {
    /// Answer it as it is, unless it is whole.
    Answer,
    /// Forget it.
    Forget,
}

/// Requests whose answers are gathered, or remembered.
pub(crate) const AGGREGATES: Table<AggregateKey, Aggregate> = Table::new(TableId::Aggregates);

/// The answers to their parts.
pub(crate) const PARTS: Table<PartKey, PartAnswer> = Table::new(TableId::AggregateParts);

/// The deadline of each aggregate, in the order of their times.
pub(crate) const DEADLINES: Table<DeadlineKey, Deadline> = Table::new(TableId::Deadlines);

/// The time before which there is no deadline.
pub(crate) const SWEEP: Table<(), Timestamp> = Table::new(TableId::Sweep);
