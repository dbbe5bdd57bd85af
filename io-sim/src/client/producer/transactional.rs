//! The producer of services: a transaction at a time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tidelog_core::Offset;

use super::Unsent;
use crate::{
    client::{Cluster, Failure, GroupMetadata, Place, producing::batch_of},
    wire::{ErrorCode, Instant, NewBatch, ProducerIdentity, Sequence, TransactionResult},
};

/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 10_000;

/// Bytes of one batch; one record may be larger.
const BATCH_BYTES_MAX: usize = 1_000_000;

/// Why a step of a transaction failed, in librdkafka's three kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionError {
    /// The same step can be tried again. Of a commit: nobody knows whether it took place.
    Retriable(Box<str>),
    /// The transaction is to be aborted.
    Abortable {
        /// What happened.
        why: Box<str>,
        /// Whether it was only that the consumer group has another generation.
        rearranged: bool,
    },
    /// The producer can do nothing any more.
    Fatal(Box<str>),
}

/// A producer with a transactional id.
#[derive(Debug)]
pub(crate) struct TransactionalProducer {
    cluster: Cluster,
    id: Box<str>,
    identity: Option<ProducerIdentity>,
    sequences: BTreeMap<Place, Sequence>,
    transaction: Option<Transaction>,
}

/// What the transaction that is open consists of.
#[derive(Debug, Default)]
struct Transaction {
    partitions: BTreeSet<Place>,
    has_offsets: bool,
}

impl TransactionalProducer {
    pub(crate) fn new(cluster: Cluster, id: Box<str>) -> Self {
        Self { cluster, id, identity: None, sequences: BTreeMap::new(), transaction: None }
    }

    /// Begins a life: whatever an earlier one of this id has left open is aborted, and it can do nothing
    /// any more.
    pub(crate) async fn init(&mut self) -> Result<(), TransactionError> {
        self.transaction = None;
        let init = async || self.cluster.init_transactional(&self.id).await;
        match self.cluster.patiently(init).await {
            Ok(identity) => {
                self.begin_as(identity);
                Ok(())
            }
            Err(failure) => Err(self.kind(&failure)),
        }
    }

    /// Appends records, as a part of a transaction that is begun if none is open. Tells the offset of the
    /// last one of each partition.
    pub(crate) async fn send(
        &mut self,
        records: BTreeMap<Place, Vec<Unsent>>,
    ) -> Result<BTreeMap<Place, Offset>, TransactionError> {
        let until = self.limit();
        let transaction = self.transaction.get_or_insert_default();
        let places = records.keys().copied();
        let added: BTreeSet<Place> =
            places.filter(|place| !transaction.partitions.contains(place)).collect();
        transaction.partitions.extend(added.iter().copied());
        if !added.is_empty() && !self.cluster.speaks_v2() {
            self.add(&added, until).await?;
        }
        let mut lanes: BTreeMap<Place, std::vec::IntoIter<NewBatch>> = BTreeMap::new();
        for (place, records) in records {
            let batches = self.batches(place, records)?;
            lanes.insert(place, batches.into_iter());
        }
        let mut last = BTreeMap::new();
        loop {
            let next = lanes.iter_mut().filter_map(|(place, rest)| Some((*place, rest.next()?)));
            let round: BTreeMap<Place, NewBatch> = next.collect();
            if round.is_empty() {
                return Ok(last);
            }
            last.extend(self.produce(round, until).await?);
        }
    }

    /// Makes the group's positions a part of the transaction.
    pub(crate) async fn send_offsets(
        &mut self,
        group: &GroupMetadata,
        offsets: BTreeMap<Place, Offset>,
    ) -> Result<(), TransactionError> {
        let identity = self.identity()?;
        let until = self.limit();
        let transaction = self.transaction.get_or_insert_default();
        if !std::mem::replace(&mut transaction.has_offsets, true) && !self.cluster.speaks_v2() {
            let add = async || self.cluster.add_offsets(&self.id, identity, group).await;
            let added = self.cluster.retry_until(until, add).await;
            added.map_err(|failure| self.kind(&failure))?;
        }
        let commit =
            async || self.cluster.transaction_offsets(&self.id, identity, group, &offsets).await;
        let committed = self.cluster.retry_until(until, commit).await;
        committed.map_err(|failure| self.kind(&failure))
    }

    /// Makes the transaction real. [`TransactionError::Retriable`] says that nobody knows whether it is.
    pub(crate) async fn commit(&mut self) -> Result<(), TransactionError> {
        self.end(TransactionResult::Commit).await
    }

    /// Makes sure that the transaction never becomes real.
    pub(crate) async fn abort(&mut self) -> Result<(), TransactionError> {
        self.end(TransactionResult::Abort).await
    }

    async fn end(&mut self, result: TransactionResult) -> Result<(), TransactionError> {
        let identity = self.identity()?;
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        if transaction.partitions.is_empty() && !transaction.has_offsets {
            return Ok(());
        }
        let until = self.limit();
        let mut unanswered = false;
        loop {
            let ended = self.cluster.end_transaction(&self.id, identity, result).await;
            let failure = match ended {
                Ok(next) => {
                    // Since KIP-890 every transaction has an epoch of its own.
                    if next != identity {
                        self.begin_as(next);
                    }
                    return Ok(());
                }
                Err(failure) => failure,
            };
            unanswered |= failure.is_unknown();
            if !failure.is_retriable() || self.cluster.now() >= until {
                // An attempt that nobody answered may have done it, whatever is said to a later one.
                let unknown = unanswered || failure.is_retriable();
                return Err(match self.kind(&failure) {
                    TransactionError::Abortable { why, .. } if unknown => {
                        TransactionError::Retriable(why)
                    }
                    error => error,
                });
            }
            self.cluster.back_off_after(&failure).await;
        }
    }

    /// Until when a step is tried that begins now.
    fn limit(&self) -> Instant {
        self.cluster.after(self.cluster.settings().transaction_limit)
    }

    async fn add(&self, places: &BTreeSet<Place>, until: Instant) -> Result<(), TransactionError> {
        let identity = self.identity()?;
        let add = async || self.cluster.add_partitions(&self.id, identity, places).await;
        let added = self.cluster.retry_until(until, add).await;
        added.map_err(|failure| self.kind(&failure))
    }

    /// Appends a batch to each of some partitions, those of one leader in one request; again, with the
    /// same sequence, what did not get there.
    async fn produce(
        &self,
        mut batches: BTreeMap<Place, NewBatch>,
        until: Instant,
    ) -> Result<BTreeMap<Place, Offset>, TransactionError> {
        let mut last = BTreeMap::new();
        loop {
            let leaders = self.cluster.by_leader(batches.keys().copied()).await;
            let requests = leaders.into_iter().map(|(leader, places)| {
                let batches =
                    places.into_iter().filter_map(|it| Some((it, batches.get(&it)?.clone())));
                self.cluster.produce_at(leader, Some(&self.id), batches.collect())
            });
            let answers: Vec<_> = join_all(requests).await.into_iter().flatten().collect();
            let mut is_concurrent = false;
            for (place, answer) in answers {
                match answer {
                    Ok(appended) => {
                        let count = batches.remove(&place).map_or(0, |batch| batch.records.len());
                        let base = appended.base_offset.0;
                        last.insert(place, Offset(base + (count as u64).saturating_sub(1)));
                    }
                    Err(failure) if failure.is_retriable() && self.cluster.now() < until => {
                        is_concurrent |= failure.code() == Some(ErrorCode::ConcurrentTransactions);
                    }
                    // What was done in the meantime (a time-out, say) is learnt at the next step.
                    Err(failure @ Failure::Said(ErrorCode::InvalidProducerEpoch)) => {
                        let why = format!("{}: {failure}", self.id).into();
                        return Err(TransactionError::Abortable { why, rearranged: false });
                    }
                    Err(failure) => return Err(self.kind(&failure)),
                }
            }
            if batches.is_empty() {
                return Ok(last);
            }
            if self.cluster.now() >= until {
                let why = "records did not get to their leaders in time";
                return Err(TransactionError::Abortable { why: why.into(), rearranged: false });
            }
            if is_concurrent {
                let failure = Failure::Said(ErrorCode::ConcurrentTransactions);
                self.cluster.back_off_after(&failure).await;
            } else {
                self.cluster.back_off().await;
            }
        }
    }

    /// Cuts the records of a partition into batches, and numbers them.
    fn batches(
        &mut self,
        place: Place,
        records: Vec<Unsent>,
    ) -> Result<Vec<NewBatch>, TransactionError> {
        let identity = self.identity()?;
        let next = self.sequences.entry(place).or_default();
        let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut close = |batch: &mut Vec<_>| {
            let records = std::mem::take(batch);
            let count = u32::try_from(records.len()).expect("a batch has a bound");
            batches.push(batch_of(identity, *next, true, records));
            *next = next.plus(count);
        };
        for record in records {
            let is_full = bytes + record.bytes() > BATCH_BYTES_MAX;
            if !batch.is_empty() && (is_full || batch.len() >= BATCH_RECORDS_MAX) {
                close(&mut batch);
                bytes = 0;
            }
            bytes += record.bytes();
            batch.push(record.to_record());
        }
        if !batch.is_empty() {
            close(&mut batch);
        }
        Ok(batches)
    }

    fn begin_as(&mut self, identity: ProducerIdentity) {
        self.identity = Some(identity);
        self.sequences.clear();
    }

    fn identity(&self) -> Result<ProducerIdentity, TransactionError> {
        self.identity.ok_or_else(|| TransactionError::Fatal("it was never initialised".into()))
    }

    /// What a failure means for the transaction, as librdkafka has it.
    fn kind(&self, failure: &Failure) -> TransactionError {
        let why = format!("{}: {failure}", self.id).into();
        match failure.code() {
            Some(
                ErrorCode::ProducerFenced
                | ErrorCode::InvalidProducerEpoch
                | ErrorCode::InvalidTxnState
                | ErrorCode::InvalidTransactionTimeout,
            ) => TransactionError::Fatal(why),
            Some(ErrorCode::IllegalGeneration) => {
                TransactionError::Abortable { why, rearranged: true }
            }
            Some(_) | None => TransactionError::Abortable { why, rearranged: false },
        }
    }
}
