//! What producers ask of their coordinator, and brokers on their behalf.

use super::{
    Answer, Entry, Phase, TransactionCoordinator, Turn,
    state::{Ended, Initialised, Transaction},
};
use crate::{
    broker::coordinator::Action,
    wire::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnReply, AddPartitionsToTxnRequest, EndTxnRequest,
        ErrorCode, InitProducerIdRequest, ProducerIdentity, Reply, Request, Token, TopicPartition,
        partition_for,
    },
};

/// The answer, unless it comes later.
type Now<T> = Option<Result<T, ErrorCode>>;

impl TransactionCoordinator {
    pub(super) fn request(&mut self, turn: &mut Turn<'_>, token: Token, request: Request) {
        let reply = match request {
            Request::InitProducerId(request) => {
                later(self.init(turn, token, &request)).map(Reply::InitProducerId)
            }
            Request::AddPartitionsToTxn(request) => self.add_or_verify(turn, token, request),
            Request::AddOffsetsToTxn(request) => {
                later(self.add_offsets(turn, token, &request)).map(Reply::AddOffsetsToTxn)
            }
            Request::EndTxn(request) => later(self.end(turn, token, &request)).map(Reply::EndTxn),
            other => {
                unreachable!("a coordinator of transactions is not asked for {}", other.name())
            }
        };
        if let Some(reply) = reply {
            turn.actions.push(Action::Reply { token, reply });
        }
    }

    fn init(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &InitProducerIdRequest,
    ) -> Result<Option<ProducerIdentity>, ErrorCode> {
        let id = request.transactional_id.as_deref().filter(|id| !id.is_empty());
        let id = id.ok_or(ErrorCode::InvalidRequest)?;
        let timeout_ms = request.transaction_timeout_ms;
        if timeout_ms == 0 || timeout_ms > turn.context.config.transaction_max_timeout_ms {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        self.check_ready(id)?;
        let now = turn.context.now.wall;
        let known = self.entries.get(id).and_then(|entry| entry.current.as_ref());
        let ids = &mut self.ids;
        let initialised = match known {
            Some(known) => known.init(timeout_ms, request.current, now, &mut || ids.take()),
            None => {
                ids.take().map(|id| Initialised::Producer(Transaction::new(id, timeout_ms, now)))
            }
        };
        self.want_producer_ids(turn);
        match initialised? {
            Initialised::Producer(next) => self.change(turn, id, Some(next), Answer::Init(token)),
            Initialised::Fence(next) => self.change(turn, id, Some(next), Answer::Fence(token)),
        }
        Ok(None)
    }

    fn add_or_verify(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: AddPartitionsToTxnRequest,
    ) -> Option<Reply> {
        if request.verify_only {
            return Some(self.verify(request));
        }
        let id = &request.transactional_id;
        match self.add(turn, id, request.producer, &request.partitions) {
            Ok(Some(next)) => {
                self.change(turn, id, Some(next), Answer::Add(token, request.partitions));
                None
            }
            Ok(None) => Some(added(request.partitions, Ok(()))),
            Err(error) => Some(added(request.partitions, Err(error))),
        }
    }

    fn verify(&self, request: AddPartitionsToTxnRequest) -> Reply {
        let known = self.read(&request.transactional_id);
        let verify = |partition: TopicPartition| {
            let result = known.and_then(|known| known.verify(request.producer, &partition));
            (partition, result)
        };
        let partitions = request.partitions.into_iter().map(verify).collect();
        Reply::AddPartitionsToTxn(AddPartitionsToTxnReply { partitions })
    }

    fn add_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &AddOffsetsToTxnRequest,
    ) -> Result<Option<()>, ErrorCode> {
        let partition = partition_for(&request.group_id, turn.context.config.offsets_partitions);
        let partition = TopicPartition::new(&self.offsets_topic, partition);
        let id = &request.transactional_id;
        match self.add(turn, id, request.producer, &[partition])? {
            Some(next) => {
                self.change(turn, id, Some(next), Answer::AddOffsets(token));
                Ok(None)
            }
            None => Ok(Some(())),
        }
    }

    fn add(
        &self,
        turn: &Turn<'_>,
        id: &str,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
    ) -> Result<Option<Transaction>, ErrorCode> {
        self.known(id)?.add(producer, partitions, turn.context.now.wall)
    }

    fn end(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &EndTxnRequest,
    ) -> Result<Option<ProducerIdentity>, ErrorCode> {
        let id = &request.transactional_id;
        let (producer, result, now) = (request.producer, request.result, turn.context.now.wall);
        self.check_ready(id)?;
        let known = self.entries.get(id).and_then(|entry| entry.current.as_ref());
        let known = known.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let ids = &mut self.ids;
        let ended = match request.bumps_epoch {
            true => known.end_and_raise(producer, result, now, &mut || ids.take()),
            false => known.end(producer, result, now),
        };
        self.want_producer_ids(turn);
        match ended? {
            Ended::Repeated(identity) => Ok(Some(identity)),
            Ended::Prepared(next) => {
                self.change(turn, id, Some(next), Answer::End(token));
                Ok(None)
            }
        }
    }

    /// The id, if nothing is being written about it.
    fn known(&self, id: &str) -> Result<&Transaction, ErrorCode> {
        self.check_ready(id)?;
        self.read(id)
    }

    /// The id, as all in-sync replicas know it.
    fn read(&self, id: &str) -> Result<&Transaction, ErrorCode> {
        if self.phase != Phase::Active {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let known = self.entries.get(id).and_then(|entry| entry.current.as_ref());
        known.ok_or(ErrorCode::InvalidProducerIdMapping)
    }

    fn check_ready(&self, id: &str) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Loading | Phase::Settling => Err(ErrorCode::CoordinatorLoadInProgress),
            Phase::Active => match self.entries.get(id) {
                Some(Entry { pending: Some(_), .. }) => Err(ErrorCode::ConcurrentTransactions),
                Some(_) | None => Ok(()),
            },
        }
    }
}

/// The same for all partitions of a request.
pub(super) fn added(partitions: Vec<TopicPartition>, result: Result<(), ErrorCode>) -> Reply {
    let partitions = partitions.into_iter().map(|partition| (partition, result)).collect();
    Reply::AddPartitionsToTxn(AddPartitionsToTxnReply { partitions })
}

/// An answer that is there already.
fn later<T>(result: Result<Option<T>, ErrorCode>) -> Now<T> {
    result.transpose()
}
