//! The end of a transaction: a marker into each of its partitions.
//!
//! Each partition's leader takes it independently of the others. What has failed is tried again for
//! ever; a coordinator that takes over begins with all partitions anew, and a marker that comes twice
//! does no harm.

use std::collections::BTreeMap;

use super::{
    Answer, Call, Entry, TransactionCoordinator, Turn,
    state::{State, Transaction},
};
use crate::{
    broker::coordinator::Target,
    wire::{
        BrokerId, ErrorCode, LeaderEpoch, Reply, Request, TopicPartition, TransactionResult,
        TxnMarker, Unreachable, WriteTxnMarkersRequest,
    },
};

impl TransactionCoordinator {
    /// It is decided how the transaction ends: the partitions are told.
    pub(super) fn begin_marking(&mut self, turn: &mut Turn<'_>, id: &str) {
        let entry = self.entries.get_mut(id).expect("a prepared transaction belongs to an id");
        let (transaction, _) = entry.prepared().expect("the caller has seen that it is prepared");
        let partitions = transaction.partitions.clone();
        entry.unmarked.clone_from(&partitions);
        entry.unsent = partitions;
        self.go_on_marking(turn, id);
    }

    /// Sends the markers that are not on their way, those of one leader together; completes the
    /// transaction when there are none left.
    pub(super) fn go_on_marking(&mut self, turn: &mut Turn<'_>, id: &str) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let Some((transaction, result)) = entry.prepared() else { return };
        if entry.unmarked.is_empty() {
            if entry.pending.is_none() {
                let completed = transaction.complete(result, turn.context.now.wall);
                self.change(turn, id, Some(completed), Answer::Nobody);
            }
            return;
        }
        let mut by_leader: BTreeMap<BrokerId, Vec<TopicPartition>> = BTreeMap::new();
        let unsent = std::mem::take(&mut entry.unsent);
        for partition in unsent {
            let state = turn.context.image.partition(&partition);
            match state.and_then(|state| state.leader) {
                Some(leader) => by_leader.entry(leader).or_default().push(partition),
                None => drop(entry.unsent.insert(partition)),
            }
        }
        let is_incomplete = !entry.unsent.is_empty();
        let (transaction, result) = entry.prepared().expect("it was a moment ago");
        let epoch = self.seat.leader_epoch;
        let requests: Vec<_> = by_leader
            .into_values()
            .map(|partitions| (request(transaction, result, epoch, &partitions), partitions))
            .collect();
        for (request, partitions) in requests {
            let first = partitions.first().expect("a leader has partitions").clone();
            let call = Call::Markers { transactional_id: id.to_owned(), partitions };
            self.call(turn, call, Target::LeaderOf(first), request);
        }
        if is_incomplete {
            self.retry_later(turn);
        }
    }

    /// What became of markers.
    pub(super) fn marked(
        &mut self,
        turn: &mut Turn<'_>,
        id: &str,
        partitions: Vec<TopicPartition>,
        reply: Result<Reply, Unreachable>,
    ) {
        let entry = self.entries.get_mut(id).expect("it stays until all markers are written");
        let results = match reply {
            Ok(Reply::WriteTxnMarkers(reply)) => {
                reply.markers.into_iter().flat_map(|(_, results)| results).collect()
            }
            Ok(_) | Err(Unreachable) => BTreeMap::new(),
        };
        let mut has_failed = false;
        for partition in partitions {
            match results.get(&partition) {
                // One that has gone on to a newer epoch has had its marker.
                Some(Ok(()) | Err(ErrorCode::InvalidProducerEpoch)) => {
                    entry.unmarked.remove(&partition);
                }
                // The coordinator that has taken over sends them.
                Some(Err(ErrorCode::TransactionCoordinatorFenced)) => {}
                Some(Err(_)) | None => {
                    entry.unsent.insert(partition);
                    has_failed = true;
                }
            }
        }
        if has_failed {
            self.retry_later(turn);
        }
        if entry_is_marked(&self.entries, id) {
            self.go_on_marking(turn, id);
        }
    }
}

impl Entry {
    /// The transaction, if it is decided how it ends.
    pub(super) fn prepared(&self) -> Option<(&Transaction, TransactionResult)> {
        let current = self.current.as_ref()?;
        match current.state {
            State::Prepare(result) => Some((current, result)),
            State::Empty | State::Ongoing | State::Complete(_) => None,
        }
    }

    pub(super) fn is_prepared(&self) -> bool {
        self.prepared().is_some()
    }
}

fn entry_is_marked(entries: &BTreeMap<String, Entry>, id: &str) -> bool {
    entries.get(id).is_some_and(|entry| entry.unmarked.is_empty())
}

fn request(
    transaction: &Transaction,
    result: TransactionResult,
    coordinator_epoch: LeaderEpoch,
    partitions: &[TopicPartition],
) -> Request {
    let marker = TxnMarker {
        producer: transaction.producer.id,
        epoch: transaction.producer.epoch,
        result,
        coordinator_epoch,
        bumps_epoch: transaction.raised,
        partitions: partitions.to_vec(),
    };
    WriteTxnMarkersRequest { markers: vec![marker] }.into()
}
