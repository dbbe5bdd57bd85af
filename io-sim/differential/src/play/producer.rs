//! What producers do.

use bytes::Bytes;
use tidelog_io_sim::wire::{
    Acks, AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
    NewBatch, Offset, OffsetToCommit, ProduceRequest, ProducerIdentity, ProducerStamp, Record,
    Records, Reply, Request, Sequence, TransactionResult, TxnOffsetCommitRequest,
};

use super::{Play, error_of};
use crate::{Batch, End, Home, Speech};

/// A producer, as it knows itself.
#[derive(Default)]
pub(super) struct Producer {
    /// Which transactional id it goes by.
    id: Option<usize>,
    identity: Option<ProducerIdentity>,
    /// By partition.
    next: [u32; 2],
    sent: [Vec<NewBatch>; 2],
}

/// A minute.
const TIMEOUT_MS: u64 = 60_000;

const NOT_INITIALISED: &str = "was never initialised";
const NO_TRANSACTIONS: &str = "has no transactions";

impl<H: Home> Play<'_, H> {
    pub(super) fn init(&mut self, producer: usize, id: Option<usize>) -> String {
        self.producers[producer] = Producer { id, ..Producer::default() };
        self.init_as(producer, None)
    }

    pub(super) fn init_again(&mut self, producer: usize) -> String {
        let Some(identity) = self.producers[producer].identity else {
            return NOT_INITIALISED.into();
        };
        if self.producers[producer].id.is_none() {
            return NO_TRANSACTIONS.into();
        }
        self.init_as(producer, Some(identity))
    }

    fn init_as(&mut self, producer: usize, current: Option<ProducerIdentity>) -> String {
        let id = self.producers[producer].id;
        let reply = self.ask(InitProducerIdRequest {
            transactional_id: id.map(|id| self.names.ids[id].clone()),
            transaction_timeout_ms: TIMEOUT_MS,
            current,
        });
        self.home.settle(self.names);
        let Reply::InitProducerId(outcome) = reply else { unreachable!("{reply:?}") };
        match outcome {
            Ok(identity) => {
                let is_new = self.producers[producer].identity != Some(identity);
                if is_new {
                    let identity = Some(identity);
                    self.producers[producer] = Producer { id, identity, ..Producer::default() };
                }
                self.seen.identity(identity)
            }
            Err(error) => error.to_string(),
        }
    }

    /// A producer's transactional id and who it is, if it has both.
    fn transactional(&self, producer: usize) -> Result<(String, ProducerIdentity), String> {
        let producer = &self.producers[producer];
        let identity = producer.identity.ok_or(NOT_INITIALISED)?;
        let id = producer.id.ok_or(NO_TRANSACTIONS)?;
        Ok((self.names.ids[id].clone(), identity))
    }

    pub(super) fn add(&mut self, producer: usize, partition: usize) -> String {
        let (transactional_id, producer) = match self.transactional(producer) {
            Ok(found) => found,
            Err(why) => return why,
        };
        let partitions = vec![self.names.partition(partition)];
        let verify_only = false;
        self.outcome(AddPartitionsToTxnRequest {
            transactional_id,
            producer,
            verify_only,
            partitions,
        })
    }

    pub(super) fn add_offsets(&mut self, producer: usize) -> String {
        let (transactional_id, producer) = match self.transactional(producer) {
            Ok(found) => found,
            Err(why) => return why,
        };
        let group_id = self.names.group.clone();
        self.outcome(AddOffsetsToTxnRequest { transactional_id, producer, group_id })
    }

    pub(super) fn produce(
        &mut self,
        number: usize,
        partition: usize,
        batch: Batch,
        records: usize,
    ) -> String {
        let producer = &self.producers[number];
        let is_plain = batch == Batch::Plain;
        let (id, identity) = (producer.id, producer.identity);
        if identity.is_none() && !is_plain {
            return NOT_INITIALISED.into();
        }
        let sent = &producer.sent[partition];
        let next = producer.next[partition];
        let new = match batch {
            Batch::Again { back } => match sent.iter().rev().nth(back) {
                Some(batch) => batch.clone(),
                None => return "has not appended that much".into(),
            },
            Batch::Next => self.batch(identity, id.is_some(), next, records),
            Batch::Gap => self.batch(identity, id.is_some(), next + 1, records),
            Batch::Plain => self.batch(None, false, 0, records),
        };
        let transactional = id.filter(|_| !is_plain).map(|id| self.names.ids[id].clone());
        let reply = self.ask(ProduceRequest {
            adds_partitions: transactional.is_some() && self.speech == Speech::V2,
            transactional_id: transactional,
            acks: Acks::All,
            timeout_ms: TIMEOUT_MS,
            partitions: vec![(self.names.partition(partition), new.clone())],
        });
        let Reply::Produce(reply) = reply else { unreachable!("{reply:?}") };
        match &reply.partitions[0].result {
            Ok(appended) => {
                if batch == Batch::Next {
                    let producer = &mut self.producers[number];
                    producer.next[partition] += u32::try_from(records).expect("a few records");
                    producer.sent[partition].push(new);
                }
                format!("at {}, which starts at {}", appended.base_offset, appended.log_start)
            }
            Err(error) => error.to_string(),
        }
    }

    fn batch(
        &mut self,
        identity: Option<ProducerIdentity>,
        transactional: bool,
        sequence: u32,
        records: usize,
    ) -> NewBatch {
        let producer = identity.map(|ProducerIdentity { id, epoch }| {
            let sequence = Some(Sequence(sequence.cast_signed()));
            ProducerStamp { id, epoch, sequence, transactional }
        });
        let records = (0..records).map(|_| {
            self.count += 1;
            Record::new(Bytes::from_static(b"key"), Bytes::from(format!("v{}", self.count)))
        });
        NewBatch { producer, records: Records::new(records.collect()) }
    }

    pub(super) fn send_offsets(
        &mut self,
        producer: usize,
        (member, stale): (Option<usize>, bool),
        partition: usize,
        offset: u64,
    ) -> String {
        let (transactional_id, producer) = match self.transactional(producer) {
            Ok(found) => found,
            Err(why) => return why,
        };
        let me = self.standing(member, stale);
        let metadata = format!("of {}", me.is_member());
        let offset = OffsetToCommit { offset: Offset(offset), leader_epoch: None, metadata };
        self.outcome(TxnOffsetCommitRequest {
            transactional_id,
            producer,
            group_id: self.names.group.clone(),
            member_id: me.id,
            group_instance_id: me.instance,
            generation: me.generation,
            adds_partitions: self.speech == Speech::V2,
            offsets: vec![(self.names.partition(partition), offset)],
        })
    }

    pub(super) fn end(&mut self, number: usize, end: End) -> String {
        let (transactional_id, producer) = match self.transactional(number) {
            Ok(found) => found,
            Err(why) => return why,
        };
        let result = match end {
            End::Commit => TransactionResult::Commit,
            End::Abort => TransactionResult::Abort,
        };
        let bumps_epoch = self.speech == Speech::V2;
        let reply = self.ask(EndTxnRequest { transactional_id, producer, result, bumps_epoch });
        self.home.settle(self.names);
        let Reply::EndTxn(outcome) = reply else { unreachable!("{reply:?}") };
        match outcome {
            Ok(identity) => {
                if identity != producer {
                    let id = self.producers[number].id;
                    let identity = Some(identity);
                    self.producers[number] = Producer { id, identity, ..Producer::default() };
                }
                self.seen.identity(identity)
            }
            Err(error) => error.to_string(),
        }
    }

    /// Asks what is answered by nothing but an error.
    pub(super) fn outcome(&mut self, request: impl Into<Request>) -> String {
        error_of(&self.ask(request)).map_or("done".into(), |error| error.to_string())
    }
}
