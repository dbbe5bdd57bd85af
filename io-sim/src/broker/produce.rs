//! Appends: of producers, of transaction coordinators (markers), of this broker's own coordinators.

use super::{
    Broker,
    calls::Call,
    coordinator::{Event, Ticket, TransactionalAppend},
    owed::{Body, OwedId, Part},
    partition::Appending,
};
use crate::wire::{
    Acks, AddPartitionsToTxnReply, AddPartitionsToTxnRequest, ErrorCode, LeaderEpoch, NewBatch,
    Node, ProducePartitionReply, ProduceRequest, ProducerIdentity, ProducerStamp, Records,
    TRANSACTION_STATE, Token, TopicPartition, TxnMarker, WriteTxnMarkersRequest,
};

/// How long a coordinator's markers wait for replicas (`request.timeout.ms`; shorter than the host's
/// patience with a call).
const MARKERS_PATIENCE_MS: u64 = 5_000;

/// Batches that wait for the word of a transaction's coordinator.
#[derive(Debug)]
pub(super) struct Verified {
    batches: Vec<Unverified>,
    /// Whether its partitions come into the transaction by that (KIP-890).
    adds: bool,
}

#[derive(Debug)]
struct Unverified {
    at: TopicPartition,
    batch: NewBatch,
    guard: u64,
    origin: Origin,
}

/// Where a batch comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Producer { answer: OwedId, index: usize, acks: Acks },
    Coordinator { epoch: LeaderEpoch, ticket: Ticket },
}

impl Broker {
    pub(super) fn produce(&mut self, token: Token, request: ProduceRequest) {
        let open = |(at, _): &(TopicPartition, NewBatch)| ProducePartitionReply {
            partition: at.clone(),
            result: Err(ErrorCode::RequestTimedOut),
            current_leader: None,
        };
        let parts: Vec<_> = request.partitions.iter().map(open).collect();
        let open = parts.len();
        let answer = self.owe(token, Body::Produce(parts), open, request.timeout_ms);
        if open == 0 {
            return self.out_of_patience(answer);
        }
        let mut unverified = Vec::new();
        for (index, (at, batch)) in request.partitions.into_iter().enumerate() {
            let origin = Origin::Producer { answer, index, acks: request.acks };
            unverified.extend(self.append(at, batch, origin));
        }
        if !unverified.is_empty() {
            let id = request.transactional_id.unwrap_or_default();
            self.verify(id, request.adds_partitions, unverified);
        }
    }

    /// Appends what a coordinator of this broker wants to keep.
    pub(super) fn append_for_seat(
        &mut self,
        at: &TopicPartition,
        epoch: LeaderEpoch,
        ticket: Ticket,
        records: Records,
        transaction: Option<TransactionalAppend>,
    ) {
        let producer = transaction.as_ref().map(|transaction| ProducerStamp {
            id: transaction.producer.id,
            epoch: transaction.producer.epoch,
            sequence: None,
            transactional: true,
        });
        let origin = Origin::Coordinator { epoch, ticket };
        let unverified = self.append(at.clone(), NewBatch { producer, records }, origin);
        if let (Some(unverified), Some(transaction)) = (unverified, transaction) {
            let TransactionalAppend { transactional_id, adds_partitions, .. } = transaction;
            self.verify(transactional_id, adds_partitions, vec![unverified]);
        }
    }

    /// Appends a batch, or gives it back if the transaction's coordinator must be asked first.
    fn append(
        &mut self,
        at: TopicPartition,
        batch: NewBatch,
        origin: Origin,
    ) -> Option<Unverified> {
        let guard = self.calls.guard();
        let Some(partition) = self.partitions.get_mut(&at) else {
            self.appended(&at, origin, Err(self.unknown(&at)));
            return None;
        };
        let acks = origin.acks();
        match partition.produce(self.now, &batch, acks, false, &self.seen) {
            Ok(Appending::Verify) => {
                let stamp = batch.producer.expect("only a transaction's batches are verified");
                let verifying = partition.begin_verification(stamp, guard);
                let guard = verifying.expect("it leads, or it would have refused").guard;
                Some(Unverified { at, batch, guard, origin })
            }
            Ok(done @ Appending::Done { .. }) => {
                self.appended(&at, origin, Ok(done));
                None
            }
            Err(error) => {
                self.appended(&at, origin, Err(error));
                None
            }
        }
    }

    /// Asks the coordinator of a transaction whether partitions are part of it, or to make them so.
    fn verify(&mut self, transactional_id: String, adds: bool, batches: Vec<Unverified>) {
        let stamp = batches[0].batch.producer.expect("only a transaction's batches are verified");
        let to = self.coordinator_of(TRANSACTION_STATE, &transactional_id);
        let partitions = batches.iter().map(|it| it.at.clone()).collect();
        let verified = Verified { batches, adds };
        let Ok((Node::Broker(to), _)) = to else { return self.verified(verified, None) };
        let request = AddPartitionsToTxnRequest {
            transactional_id,
            producer: ProducerIdentity { id: stamp.id, epoch: stamp.epoch },
            verify_only: !adds,
            partitions,
        };
        self.call(Node::Broker(to), request, Call::Verify(verified));
    }

    pub(super) fn verified(&mut self, verified: Verified, reply: Option<AddPartitionsToTxnReply>) {
        let Verified { batches, adds } = verified;
        for unverified in batches {
            let said = reply.as_ref().and_then(|reply| {
                reply.partitions.iter().find(|(at, _)| *at == unverified.at).map(|(_, said)| *said)
            });
            let said = said.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable));
            let Unverified { at, batch, guard, origin } = unverified;
            let result = said.map_err(error_of_verification);
            let result =
                result.and_then(|()| self.append_verified(&at, &batch, (guard, adds), origin));
            self.appended(&at, origin, result);
        }
    }

    fn append_verified(
        &mut self,
        at: &TopicPartition,
        batch: &NewBatch,
        (guard, adds): (u64, bool),
        origin: Origin,
    ) -> Result<Appending, ErrorCode> {
        let unknown = self.unknown(at);
        let partition = self.partitions.get_mut(at).ok_or(unknown)?;
        let stamp = batch.producer.expect("only a transaction's batches are verified");
        partition.end_verification(stamp, guard, adds)?;
        partition.produce(self.now, batch, origin.acks(), true, &self.seen)
    }

    /// What became of a batch: whoever waits for it waits on, or is told.
    fn appended(
        &mut self,
        at: &TopicPartition,
        origin: Origin,
        result: Result<Appending, ErrorCode>,
    ) {
        if result.is_ok() {
            self.changed.insert(at.clone());
        }
        match (origin, result) {
            (_, Ok(Appending::Verify)) => unreachable!("it has been verified"),
            (Origin::Producer { answer, index, acks }, Ok(Appending::Done { appended, until })) => {
                match acks {
                    Acks::Leader => self.settle_batch(answer, index, Ok(appended)),
                    Acks::All => {
                        self.wait_for(at, until, Part::Batch { answer, index, appended });
                    }
                }
            }
            (Origin::Producer { answer, index, .. }, Err(error)) => {
                self.settle_batch(answer, index, Err(error));
            }
            (Origin::Coordinator { epoch, ticket }, Ok(Appending::Done { appended, until })) => {
                let event = Event::Written { ticket, result: Ok(appended.base_offset) };
                self.seat_event(at, Some(epoch), event);
                self.wait_for(at, until, Part::Ticket { epoch, ticket });
            }
            (Origin::Coordinator { epoch, ticket }, Err(error)) => {
                self.seat_event(at, Some(epoch), Event::Written { ticket, result: Err(error) });
            }
        }
    }

    /// Appends the ends of transactions.
    pub(super) fn write_markers(&mut self, token: Token, request: WriteTxnMarkersRequest) {
        let open = |at: &TopicPartition| (at.clone(), Err(ErrorCode::RequestTimedOut));
        let parts = request.markers.iter();
        let parts = parts.map(|it| (it.producer, it.partitions.iter().map(open).collect()));
        let count = request.markers.iter().map(|it| it.partitions.len()).sum();
        let body = Body::Markers(parts.collect());
        let answer = self.owe(token, body, count, MARKERS_PATIENCE_MS);
        if count == 0 {
            return self.out_of_patience(answer);
        }
        for (number, marker) in request.markers.iter().enumerate() {
            for (index, at) in marker.partitions.iter().enumerate() {
                let unknown = self.unknown(at);
                let partition = self.partitions.get_mut(at).ok_or(unknown);
                match partition.and_then(|it| it.mark(self.now, marker, &self.seen)) {
                    Ok(Appending::Done { appended, until }) => {
                        let TxnMarker { producer, epoch, result, .. } = *marker;
                        let ended = (producer, epoch, result, appended.base_offset);
                        let part = Part::Marker { answer, marker: number, index, ended };
                        self.wait_for(at, until, part);
                    }
                    Ok(Appending::Verify) => unreachable!("markers are not verified"),
                    Err(error) => self.settle_marker(answer, number, index, Err(error)),
                }
            }
        }
    }
}

impl Origin {
    const fn acks(self) -> Acks {
        match self {
            Self::Producer { acks, .. } => acks,
            Self::Coordinator { .. } => Acks::All,
        }
    }
}

/// What a producer is told when its transaction could not be verified: what it can do nothing about, it
/// is to try again; and that it was fenced, in the word that producers always had for that.
pub(super) fn error_of_verification(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        other => other,
    }
}
