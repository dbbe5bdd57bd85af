//! What producers say to leaders and coordinators.

use std::collections::{BTreeMap, BTreeSet};

use tidelog_core::Offset;

use super::{Cluster, Failure, GroupMetadata, Place, TransactionVersion, millis};
use crate::wire::{
    self, Acks, AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, Appended, BrokerId,
    CoordinatorKind, EndTxnRequest, ErrorCode, Generation, InitProducerIdRequest, NewBatch, Node,
    OffsetToCommit, ProduceRequest, ProducerIdentity, ProducerStamp, Record, Records, Reply,
    Sequence, TransactionResult, TxnOffsetCommitRequest,
};

/// A batch of a producer.
pub(super) fn batch_of(
    identity: ProducerIdentity,
    sequence: Sequence,
    transactional: bool,
    records: Vec<Record>,
) -> NewBatch {
    let ProducerIdentity { id, epoch } = identity;
    let producer = ProducerStamp { id, epoch, sequence: Some(sequence), transactional };
    NewBatch { producer: Some(producer), records: Records::new(records) }
}

impl Cluster {
    /// Appends batches to partitions of one leader, one to each. They are on their way with the call.
    pub(super) fn produce_at(
        &self,
        leader: BrokerId,
        transactional_id: Option<&str>,
        batches: Vec<(Place, NewBatch)>,
    ) -> impl Future<Output = Vec<(Place, Result<Appended, Failure>)>> + 'static + use<> {
        let places: Vec<_> = batches.iter().map(|(place, _)| *place).collect();
        let named = |(place, batch)| (self.0.names.partition(place), batch);
        let settings = self.settings();
        let request = ProduceRequest {
            transactional_id: transactional_id.map(Into::into),
            adds_partitions: transactional_id.is_some() && self.speaks_v2(),
            acks: Acks::All,
            timeout_ms: millis(settings.request_timeout),
            partitions: batches.into_iter().map(named).collect(),
        };
        let timeout = settings.request_timeout * 2;
        let asked = self.request_within(Node::Broker(leader), request, timeout);
        let cluster = self.clone();
        async move { cluster.produced(places, asked.await) }
    }

    /// What became of batches.
    fn produced(
        &self,
        places: Vec<Place>,
        answer: Result<Reply, Failure>,
    ) -> Vec<(Place, Result<Appended, Failure>)> {
        let reply = match answer {
            Ok(Reply::Produce(reply)) => reply,
            Ok(other) => unreachable!("{other:?}"),
            Err(failure) => {
                places.iter().for_each(|place| self.forget_leader(*place));
                return places.into_iter().map(|place| (place, Err(failure.clone()))).collect();
            }
        };
        let answers = reply.partitions.into_iter().filter_map(|answer| {
            let place = self.0.names.place(&answer.partition)?;
            self.hint(place, answer.result.as_ref().err().copied(), answer.current_leader);
            Some((place, answer.result.map_err(Failure::Said)))
        });
        answers.collect()
    }

    /// A producer id for a producer without transactions.
    pub(super) async fn init_idempotent(
        &self,
        current: Option<ProducerIdentity>,
    ) -> Result<ProducerIdentity, Failure> {
        let request =
            InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 0, current };
        let reply = self.request(self.anybody(), request).await;
        let reply = reply.inspect_err(|_| self.next_one())?;
        let Reply::InitProducerId(reply) = reply else { unreachable!("{reply:?}") };
        Ok(reply.inspect_err(|_| self.next_one())?)
    }

    /// A new life of a transactional id. What the one before has left open is ended.
    pub(super) async fn init_transactional(&self, id: &str) -> Result<ProducerIdentity, Failure> {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: millis(self.settings().transaction_timeout),
            current: None,
        };
        let reply = self.ask_coordinator(TRANSACTION, id, request).await?;
        let Reply::InitProducerId(reply) = reply else { unreachable!("{reply:?}") };
        reply.map_err(|code| self.refused(TRANSACTION, id, code))
    }

    pub(super) async fn add_partitions(
        &self,
        id: &str,
        producer: ProducerIdentity,
        places: &BTreeSet<Place>,
    ) -> Result<(), Failure> {
        let request = AddPartitionsToTxnRequest {
            transactional_id: id.into(),
            producer,
            verify_only: false,
            partitions: places.iter().map(|place| self.0.names.partition(*place)).collect(),
        };
        let reply = self.ask_coordinator(TRANSACTION, id, request).await?;
        let Reply::AddPartitionsToTxn(reply) = reply else { unreachable!("{reply:?}") };
        let answers = reply.partitions.into_iter().map(|(_, answer)| answer);
        first_error(answers).map_err(|code| self.refused(TRANSACTION, id, code))
    }

    pub(super) async fn add_offsets(
        &self,
        id: &str,
        producer: ProducerIdentity,
        group: &GroupMetadata,
    ) -> Result<(), Failure> {
        let request = AddOffsetsToTxnRequest {
            transactional_id: id.into(),
            producer,
            group_id: group.group.clone(),
        };
        let reply = self.ask_coordinator(TRANSACTION, id, request).await?;
        let Reply::AddOffsetsToTxn(reply) = reply else { unreachable!("{reply:?}") };
        reply.map_err(|code| self.refused(TRANSACTION, id, code))
    }

    pub(super) async fn transaction_offsets(
        &self,
        id: &str,
        producer: ProducerIdentity,
        group: &GroupMetadata,
        offsets: &BTreeMap<Place, Offset>,
    ) -> Result<(), Failure> {
        let commit = |(place, offset): (&Place, &Offset)| {
            let offset = wire::Offset(offset.0);
            let commit = OffsetToCommit { offset, leader_epoch: None, metadata: String::new() };
            (self.0.names.partition(*place), commit)
        };
        let request = TxnOffsetCommitRequest {
            transactional_id: id.into(),
            producer,
            group_id: group.group.clone(),
            member_id: group.member.clone(),
            group_instance_id: group.instance.clone(),
            generation: Generation(group.generation),
            adds_partitions: self.speaks_v2(),
            offsets: offsets.iter().map(commit).collect(),
        };
        let kind = CoordinatorKind::Group;
        let reply = self.ask_coordinator(kind, &group.group, request).await?;
        let Reply::TxnOffsetCommit(reply) = reply else { unreachable!("{reply:?}") };
        let answers = reply.partitions.into_iter().map(|(_, answer)| answer);
        first_error(answers).map_err(|code| self.refused(kind, &group.group, code))
    }

    /// Ends a transaction. Tells who the producer is in the next one.
    pub(super) async fn end_transaction(
        &self,
        id: &str,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> Result<ProducerIdentity, Failure> {
        let request = EndTxnRequest {
            transactional_id: id.into(),
            producer,
            result,
            bumps_epoch: self.speaks_v2(),
        };
        let reply = self.ask_coordinator(TRANSACTION, id, request).await?;
        let Reply::EndTxn(reply) = reply else { unreachable!("{reply:?}") };
        reply.map_err(|code| self.refused(TRANSACTION, id, code))
    }

    /// Whether partitions come into a transaction by what is sent to them.
    pub(super) fn speaks_v2(&self) -> bool {
        match self.settings().transactions {
            TransactionVersion::V1 => false,
            TransactionVersion::V2 => true,
        }
    }
}

const TRANSACTION: CoordinatorKind = CoordinatorKind::Transaction;

/// The answer that decides about all: an error that does not pass, or one that does.
fn first_error(answers: impl Iterator<Item = Result<(), ErrorCode>>) -> Result<(), ErrorCode> {
    let errors: Vec<_> = answers.filter_map(Result::err).collect();
    let decides = errors.iter().find(|code| !code.is_retriable()).or(errors.first());
    decides.map_or(Ok(()), |code| Err(*code))
}
