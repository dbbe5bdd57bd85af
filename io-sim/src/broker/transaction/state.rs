//! What a coordinator knows of a transactional id, and which changes it may make.

use std::collections::BTreeSet;

use crate::wire::{
    ErrorCode, ProducerEpoch, ProducerId, ProducerIdentity, Timestamp, TopicPartition,
    TransactionResult,
};

/// A transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    /// The newest producer of that id. Batches and markers carry it.
    pub(super) producer: ProducerIdentity,
    /// Who it was before the newest change of its identity, if a repeat of the request that changed
    /// it is answered like the first.
    pub(super) previous: Option<ProducerIdentity>,
    /// The id that the producer goes on with once the transaction has ended: its epochs are used up.
    pub(super) successor: Option<ProducerId>,
    /// After how long a transaction is aborted.
    pub(super) timeout_ms: u64,
    /// Where it stands.
    pub(super) state: State,
    /// The partitions of the open transaction.
    pub(super) partitions: BTreeSet<TopicPartition>,
    /// When the open transaction began.
    pub(super) started: Timestamp,
    /// When something changed the last time.
    pub(super) updated: Timestamp,
    /// Whether the end of the transaction raised the epoch, so that its markers carry a larger one
    /// than its records.
    pub(super) raised: bool,
}

/// Where a transactional id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There was no transaction since the producer began.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// It is decided how the transaction ends; the markers are on their way.
    Prepare(TransactionResult),
    /// All markers are written.
    Complete(TransactionResult),
}

/// What an `InitProducerId` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Initialised {
    /// A new identity.
    Producer(Transaction),
    /// The open transaction is aborted first; the producer asks again.
    Fence(Transaction),
}

/// What an `EndTxn` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The transaction has ended like that before.
    Repeated(ProducerIdentity),
    /// It ends now.
    Prepared(Transaction),
}

impl Transaction {
    /// A transactional id that was never used.
    pub(super) fn new(id: ProducerId, timeout_ms: u64, now: Timestamp) -> Self {
        Self {
            producer: ProducerIdentity { id, epoch: ProducerEpoch(0) },
            previous: None,
            successor: None,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            started: now,
            updated: now,
            raised: false,
        }
    }

    /// A producer begins: it gets an epoch that fences its predecessors. `current` is who it thinks
    /// that it is (KIP-360).
    ///
    /// # Errors
    ///
    /// `ProducerFenced` to a zombie, `ConcurrentTransactions` while a transaction is being ended, or
    /// that there is no producer id.
    pub(super) fn init(
        &self,
        timeout_ms: u64,
        current: Option<ProducerIdentity>,
        now: Timestamp,
        fresh: &mut impl FnMut() -> Result<ProducerId, ErrorCode>,
    ) -> Result<Initialised, ErrorCode> {
        if current.is_some_and(|current| !self.is_or_was(current)) {
            return Err(ErrorCode::ProducerFenced);
        }
        let (producer, previous) = match self.state {
            State::Prepare(_) => return Err(ErrorCode::ConcurrentTransactions),
            State::Ongoing => return Ok(Initialised::Fence(self.fence(now))),
            State::Empty | State::Complete(_) => match current {
                // Its answer was lost: it is that producer already.
                Some(current) if self.previous == Some(current) => (self.producer, self.previous),
                Some(current) if current != self.producer => return Err(ErrorCode::ProducerFenced),
                Some(_) | None => (self.next_identity(fresh)?, current),
            },
        };
        Ok(Initialised::Producer(Self {
            producer,
            previous,
            timeout_ms,
            state: State::Empty,
            updated: now,
            raised: false,
            ..self.clone()
        }))
    }

    /// Adds partitions, to a new transaction if none is open. None: nothing changes.
    ///
    /// # Errors
    ///
    /// `InvalidProducerIdMapping` and `ProducerFenced` to a producer that has been replaced,
    /// `ConcurrentTransactions` while the transaction before is being ended.
    pub(super) fn add(
        &self,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
        now: Timestamp,
    ) -> Result<Option<Self>, ErrorCode> {
        self.check_producer(producer)?;
        let mut next = match self.state {
            State::Prepare(_) => return Err(ErrorCode::ConcurrentTransactions),
            State::Ongoing => {
                if partitions.iter().all(|partition| self.partitions.contains(partition)) {
                    return Ok(None);
                }
                self.clone()
            }
            State::Empty | State::Complete(_) => {
                Self { state: State::Ongoing, started: now, raised: false, ..self.clone() }
            }
        };
        next.partitions.extend(partitions.iter().cloned());
        next.updated = now;
        Ok(Some(next))
    }

    /// Whether a partition is part of the open transaction (KIP-890).
    ///
    /// # Errors
    ///
    /// `TransactionAbortable` if it is not, or as for [`Transaction::add`].
    pub(super) fn verify(
        &self,
        producer: ProducerIdentity,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        self.check_producer(producer)?;
        match self.state {
            State::Prepare(_) => Err(ErrorCode::ConcurrentTransactions),
            State::Ongoing if self.partitions.contains(partition) => Ok(()),
            State::Ongoing | State::Empty | State::Complete(_) => {
                Err(ErrorCode::TransactionAbortable)
            }
        }
    }

    /// The producer ends its transaction; the epoch stays (`transaction.version` 0 and 1). The same
    /// request, delayed, ends the producer's next transaction as well: KAFKA-17754.
    ///
    /// # Errors
    ///
    /// As for [`Transaction::add`]; `InvalidTxnState` where no transaction is open, or one that has
    /// ended otherwise.
    pub(super) fn end(
        &self,
        producer: ProducerIdentity,
        result: TransactionResult,
        now: Timestamp,
    ) -> Result<Ended, ErrorCode> {
        self.check_producer(producer)?;
        match self.state {
            State::Ongoing => Ok(Ended::Prepared(self.prepare(result, now))),
            State::Complete(was) if was == result => Ok(Ended::Repeated(self.producer)),
            State::Prepare(was) if was == result => Err(ErrorCode::ConcurrentTransactions),
            State::Complete(_) | State::Prepare(_) | State::Empty => {
                Err(ErrorCode::InvalidTxnState)
            }
        }
    }

    /// The producer ends its transaction and goes on with the next epoch (KIP-890,
    /// `transaction.version` 2). It may abort one that was never begun, to be sure.
    ///
    /// # Errors
    ///
    /// As for [`Transaction::end`], or that there is no producer id.
    pub(super) fn end_and_raise(
        &self,
        producer: ProducerIdentity,
        result: TransactionResult,
        now: Timestamp,
        fresh: &mut impl FnMut() -> Result<ProducerId, ErrorCode>,
    ) -> Result<Ended, ErrorCode> {
        let is_repeat = match self.state {
            State::Prepare(_) | State::Complete(_) => self.previous == Some(producer),
            State::Empty | State::Ongoing => false,
        };
        match self.state {
            State::Prepare(was) if is_repeat && was == result => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            State::Complete(was) if is_repeat && was == result => {
                Ok(Ended::Repeated(self.producer))
            }
            State::Prepare(_) | State::Complete(_) if is_repeat => Err(ErrorCode::InvalidTxnState),
            State::Prepare(_) => {
                self.check_producer(producer)?;
                Err(ErrorCode::ProducerFenced)
            }
            State::Empty | State::Complete(_) if result == TransactionResult::Commit => {
                self.check_producer(producer)?;
                Err(ErrorCode::InvalidTxnState)
            }
            State::Ongoing | State::Empty | State::Complete(_) => {
                self.check_producer(producer)?;
                let mut next = self.prepare(result, now).raise(Some(producer));
                if producer.epoch >= ProducerEpoch::LAST {
                    next.successor = Some(fresh()?);
                }
                Ok(Ended::Prepared(next))
            }
        }
    }

    /// The coordinator aborts the open transaction: its producer is gone, or too slow. Whoever it is
    /// can begin again by saying who it was, and do nothing else any more.
    #[must_use]
    pub(super) fn fence(&self, now: Timestamp) -> Self {
        self.prepare(TransactionResult::Abort, now).raise(Some(self.producer))
    }

    /// All markers are written.
    #[must_use]
    pub(super) fn complete(&self, result: TransactionResult, now: Timestamp) -> Self {
        Self {
            producer: self.next_producer(),
            successor: None,
            state: State::Complete(result),
            partitions: BTreeSet::new(),
            updated: now,
            ..self.clone()
        }
    }

    /// Who the producer is once the transaction has ended.
    pub(super) fn next_producer(&self) -> ProducerIdentity {
        match self.successor {
            Some(id) => ProducerIdentity { id, epoch: ProducerEpoch(0) },
            None => self.producer,
        }
    }

    /// Whether the open transaction has been open for too long.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == State::Ongoing && self.started.0 + self.timeout_ms < now.0
    }

    /// Whether nothing has happened for so long, and nothing is open.
    pub(super) fn is_idle_for(&self, limit_ms: u64, now: Timestamp) -> bool {
        let is_open = match self.state {
            State::Ongoing | State::Prepare(_) => true,
            State::Empty | State::Complete(_) => false,
        };
        !is_open && self.updated.0 + limit_ms <= now.0
    }

    fn prepare(&self, result: TransactionResult, now: Timestamp) -> Self {
        Self { state: State::Prepare(result), updated: now, raised: false, ..self.clone() }
    }

    fn raise(mut self, previous: Option<ProducerIdentity>) -> Self {
        self.producer.epoch = self.producer.epoch.next();
        self.previous = previous;
        self.raised = true;
        self
    }

    fn next_identity(
        &self,
        fresh: &mut impl FnMut() -> Result<ProducerId, ErrorCode>,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let ProducerIdentity { id, epoch } = self.producer;
        match epoch < ProducerEpoch::LAST {
            true => Ok(ProducerIdentity { id, epoch: epoch.next() }),
            false => Ok(ProducerIdentity { id: fresh()?, epoch: ProducerEpoch(0) }),
        }
    }

    fn is_or_was(&self, producer: ProducerIdentity) -> bool {
        producer.id == self.producer.id || self.previous == Some(producer)
    }

    fn check_producer(&self, producer: ProducerIdentity) -> Result<(), ErrorCode> {
        if producer.id != self.producer.id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        match producer.epoch == self.producer.epoch {
            true => Ok(()),
            false => Err(ErrorCode::ProducerFenced),
        }
    }
}
