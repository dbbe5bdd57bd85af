//! Requests in short.

use super::world::{World, stock};
use crate::wire::*;

/// Which version of transactions a producer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `transaction.version=0`: the epoch stays.
    V1,
    /// KIP-890: each transaction has an epoch of its own.
    V2,
}

impl World {
    /// A producer begins.
    pub(super) fn init(&mut self) -> Result<ProducerIdentity, ErrorCode> {
        self.init_as(None)
    }

    pub(super) fn init_as(
        &mut self,
        current: Option<ProducerIdentity>,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let token = self.send(init(current));
        match self.reply(token) {
            Some(Reply::InitProducerId(reply)) => reply,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// A producer begins, and nothing is in its way.
    pub(super) fn begin(&mut self) -> ProducerIdentity {
        self.init().expect("it can begin")
    }

    pub(super) fn begins(&mut self, current: Option<ProducerIdentity>) -> ProducerIdentity {
        self.init_as(current).expect("it can begin")
    }

    pub(super) fn writes(&mut self, producer: ProducerIdentity, partition: u32, label: u64) {
        self.write(producer, partition, label).expect("it can write");
    }

    pub(super) fn adds(&mut self, producer: ProducerIdentity, partition: u32) {
        self.add(producer, partition).expect("it can add a partition");
    }

    pub(super) fn ends(
        &mut self,
        version: Version,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> ProducerIdentity {
        self.end(version, producer, result).expect("it can end its transaction")
    }

    /// Adds a partition, and writes a record to it.
    pub(super) fn write(
        &mut self,
        producer: ProducerIdentity,
        partition: u32,
        label: u64,
    ) -> Result<(), ErrorCode> {
        self.add(producer, partition)?;
        self.produce(producer, partition, label)
    }

    pub(super) fn add(
        &mut self,
        producer: ProducerIdentity,
        partition: u32,
    ) -> Result<(), ErrorCode> {
        self.add_or_verify(producer, partition, false)
    }

    pub(super) fn verify(
        &mut self,
        producer: ProducerIdentity,
        partition: u32,
    ) -> Result<(), ErrorCode> {
        self.add_or_verify(producer, partition, true)
    }

    pub(super) fn end(
        &mut self,
        version: Version,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let token = self.send(end(version, producer, result));
        match self.reply(token) {
            Some(Reply::EndTxn(reply)) => reply,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// How the records of a partition ended.
    pub(super) fn outcome(&mut self, partition: u32) -> Vec<(Vec<u64>, TransactionResult)> {
        self.leader(partition).ended.clone()
    }

    fn add_or_verify(
        &mut self,
        producer: ProducerIdentity,
        partition: u32,
        verify_only: bool,
    ) -> Result<(), ErrorCode> {
        let token = self.send(add(producer, partition, verify_only));
        match self.reply(token) {
            Some(Reply::AddPartitionsToTxn(reply)) => reply.partitions[0].1,
            other => panic!("no answer: {other:?}"),
        }
    }
}

pub(super) fn init(current: Option<ProducerIdentity>) -> InitProducerIdRequest {
    let transaction_timeout_ms = 10_000;
    InitProducerIdRequest {
        transactional_id: Some("writer".into()),
        transaction_timeout_ms,
        current,
    }
}

pub(super) fn add(
    producer: ProducerIdentity,
    partition: u32,
    verify_only: bool,
) -> AddPartitionsToTxnRequest {
    AddPartitionsToTxnRequest {
        transactional_id: "writer".into(),
        producer,
        verify_only,
        partitions: vec![stock(partition)],
    }
}

pub(super) fn end(
    version: Version,
    producer: ProducerIdentity,
    result: TransactionResult,
) -> EndTxnRequest {
    let bumps_epoch = version == Version::V2;
    EndTxnRequest { transactional_id: "writer".into(), producer, result, bumps_epoch }
}

/// An identity of which only the epoch matters.
pub(super) fn with_epoch(producer: ProducerIdentity, epoch: u16) -> ProducerIdentity {
    ProducerIdentity { epoch: ProducerEpoch(epoch), ..producer }
}
