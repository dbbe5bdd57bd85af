//! How a transactional id is kept in `__transaction_state`: keyed by its name, the newest record
//! counts.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::state::{State, Transaction};
use crate::wire::{
    ProducerEpoch, ProducerId, ProducerIdentity, Record, Timestamp, TopicName, TopicPartition,
    TransactionResult,
};

/// The record that says how a transactional id stands; without one, that it is forgotten.
pub(super) fn encode(transactional_id: &str, transaction: Option<&Transaction>) -> Record {
    let key = Bytes::copy_from_slice(transactional_id.as_bytes());
    let Some(transaction) = transaction else { return Record::tombstone(key) };
    let value = postcard::to_stdvec(&Saved::from(transaction))
        .expect("numbers and text can always be written to memory");
    Record::new(key, value)
}

/// What a record says.
pub(super) fn decode(record: &Record) -> (String, Option<Transaction>) {
    let key = record.key.as_deref().expect("a record of a compacted topic has a key");
    let key = std::str::from_utf8(key).expect("the key was written from text");
    let transaction = record.value.as_deref().map(|value| {
        let saved: Saved<'_> = postcard::from_bytes(value).expect("this module has written it");
        saved.into()
    });
    (key.to_owned(), transaction)
}

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    producer: (u64, u16),
    previous: Option<(u64, u16)>,
    successor: Option<u64>,
    timeout_ms: u64,
    state: SavedState,
    #[serde(borrow)]
    partitions: Vec<(&'a str, u32)>,
    started: u64,
    updated: u64,
    raised: bool,
}

#[derive(Serialize, Deserialize)]
enum SavedState {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl<'a> From<&'a Transaction> for Saved<'a> {
    fn from(it: &'a Transaction) -> Self {
        let pair = |producer: ProducerIdentity| (producer.id.0, producer.epoch.0);
        let place = |at: &'a TopicPartition| (at.topic.as_str(), at.partition);
        Self {
            producer: pair(it.producer),
            previous: it.previous.map(pair),
            successor: it.successor.map(|id| id.0),
            timeout_ms: it.timeout_ms,
            state: it.state.into(),
            partitions: it.partitions.iter().map(place).collect(),
            started: it.started.0,
            updated: it.updated.0,
            raised: it.raised,
        }
    }
}

impl From<Saved<'_>> for Transaction {
    fn from(it: Saved<'_>) -> Self {
        let identity =
            |(id, epoch)| ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(epoch) };
        let place = |(topic, partition)| TopicPartition::new(&TopicName::from(topic), partition);
        Self {
            producer: identity(it.producer),
            previous: it.previous.map(identity),
            successor: it.successor.map(ProducerId),
            timeout_ms: it.timeout_ms,
            state: it.state.into(),
            partitions: it.partitions.into_iter().map(place).collect(),
            started: Timestamp(it.started),
            updated: Timestamp(it.updated),
            raised: it.raised,
        }
    }
}

impl From<State> for SavedState {
    fn from(state: State) -> Self {
        use TransactionResult::{Abort, Commit};
        match state {
            State::Empty => Self::Empty,
            State::Ongoing => Self::Ongoing,
            State::Prepare(Commit) => Self::PrepareCommit,
            State::Prepare(Abort) => Self::PrepareAbort,
            State::Complete(Commit) => Self::CompleteCommit,
            State::Complete(Abort) => Self::CompleteAbort,
        }
    }
}

impl From<SavedState> for State {
    fn from(state: SavedState) -> Self {
        use TransactionResult::{Abort, Commit};
        match state {
            SavedState::Empty => Self::Empty,
            SavedState::Ongoing => Self::Ongoing,
            SavedState::PrepareCommit => Self::Prepare(Commit),
            SavedState::PrepareAbort => Self::Prepare(Abort),
            SavedState::CompleteCommit => Self::Complete(Commit),
            SavedState::CompleteAbort => Self::Complete(Abort),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut transaction = Transaction::new(ProducerId(7), 60_000, Timestamp(5));
        transaction.previous = Some(transaction.producer);
        transaction.successor = Some(ProducerId(8));
        transaction.state = State::Prepare(TransactionResult::Abort);
        transaction.partitions.insert(TopicPartition::new(&TopicName::from("stock"), 3));
        transaction.raised = true;
        let record = encode("writer", Some(&transaction));
        assert_eq!(decode(&record), ("writer".to_owned(), Some(transaction)));
    }

    #[test]
    fn a_forgotten_id_is_a_tombstone() {
        assert_eq!(decode(&encode("writer", None)), ("writer".to_owned(), None));
    }
}
