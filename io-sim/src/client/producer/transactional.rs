//! The producer of services: a transaction at a time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tidelog_core::{Offset, Timestamp};

use super::{Identity, Unsent, lane::after};
use crate::{
    client::{Batch, Cluster, Failure, GroupMetadata, Place},
    wire::ErrorCode,
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
    identity: Option<Identity>,
    sequences: BTreeMap<Place, i32>,
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
        let init = async || self.cluster.init_transactional(&self.id, self.identity).await;
        match self.cluster.patiently(init).await {
            Ok(identity) => {
                self.begin_as(identity);
                Ok(())
            }
            Err(failure) => Err(self.kind(failure)),
        }
    }

    /// Appends records, as a part of a transaction that is begun if none is open. Tells the offset of the
    /// last one of each partition.
    pub(crate) async fn send(
        &mut self,
        records: BTreeMap<Place, Vec<Unsent>>,
    ) -> Result<BTreeMap<Place, Offset>, TransactionError> {
        let until = self.cluster.now().plus(self.cluster.settings().transaction_limit);
        let transaction = self.transaction.get_or_insert_default();
        let places = records.keys().copied();
        let added: BTreeSet<Place> =
            places.filter(|place| !transaction.partitions.contains(place)).collect();
        transaction.partitions.extend(added.iter().copied());
        if !added.is_empty() {
            self.add(&added, until).await?;
        }
        let mut lanes: BTreeMap<Place, std::vec::IntoIter<Batch>> = BTreeMap::new();
        for (place, records) in records {
            let batches = self.batches(place, records)?;
            lanes.insert(place, batches.into_iter());
        }
        let mut last = BTreeMap::new();
        loop {
            let next = lanes.iter_mut().filter_map(|(place, rest)| Some((*place, rest.next()?)));
            let round: BTreeMap<Place, Batch> = next.collect();
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
        let until = self.cluster.now().plus(self.cluster.settings().transaction_limit);
        let transaction = self.transaction.get_or_insert_default();
        if !transaction.has_offsets {
            transaction.has_offsets = true;
            let add = async || self.cluster.add_offsets(&self.id, identity, group).await;
            let added = self.cluster.retry_until(until, add).await;
            added.map_err(|failure| self.kind(failure))?;
        }
        let commit = async || {
            self.cluster.transaction_offsets(&self.id, identity, group, &offsets).await
        };
        let committed = self.cluster.retry_until(until, commit).await;
        committed.map_err(|failure| self.kind(failure))
    }

    /// Makes the transaction real. [`TransactionError::Retriable`] says that nobody knows whether it is.
    pub(crate) async fn commit(&mut self) -> Result<(), TransactionError> {
        self.end(true).await
    }

    /// Makes sure that the transaction never becomes real.
    pub(crate) async fn abort(&mut self) -> Result<(), TransactionError> {
        self.end(false).await
    }

    async fn end(&mut self, commit: bool) -> Result<(), TransactionError> {
        let identity = self.identity()?;
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        if transaction.partitions.is_empty() && !transaction.has_offsets {
            return Ok(());
        }
        let until = self.cluster.now().plus(self.cluster.settings().transaction_limit);
        let mut unanswered = false;
        loop {
            let ended = self.cluster.end_transaction(&self.id, identity, commit).await;
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
            let retry = failure.is_retriable() && self.cluster.now() < until;
            if !retry {
                // An attempt that nobody answered may have done it, whatever is said to a later one.
                let unknown = unanswered || failure.is_retriable();
                return Err(match self.kind(failure) {
                    TransactionError::Abortable { why, .. } if unknown => {
                        TransactionError::Retriable(why)
                    }
                    error => error,
                });
            }
            self.cluster.back_off().await;
        }
    }

    async fn add(&self, places: &BTreeSet<Place>, until: Timestamp) -> Result<(), TransactionError> {
        let identity = self.identity()?;
        let add = async || self.cluster.add_partitions(&self.id, identity, places).await;
        let added = self.cluster.retry_until(until, add).await;
        added.map_err(|failure| self.kind(failure))
    }

    /// Appends a batch to each of some partitions, those of one leader in one request; again, with the
    /// same sequence, what did not get there.
    async fn produce(
        &self,
        mut batches: BTreeMap<Place, Batch>,
        until: Timestamp,
    ) -> Result<BTreeMap<Place, Offset>, TransactionError> {
        let mut last = BTreeMap::new();
        loop {
            let leaders = self.cluster.by_leader(batches.keys().copied()).await;
            let requests = leaders.into_iter().map(|(leader, places)| {
                let batches = places.into_iter().filter_map(|it| Some((it, batches.get(&it)?.clone())));
                self.cluster.produce_at(leader, Some(&self.id), batches.collect())
            });
            let answers: Vec<_> = join_all(requests).await.into_iter().flatten().collect();
            for (place, answer) in answers {
                match answer {
                    Ok(base) => {
                        let count = batches.remove(&place).map_or(0, |batch| batch.records.len());
                        last.insert(place, Offset(base.0 + (count as u64).saturating_sub(1)));
                    }
                    Err(failure) if failure.is_retriable() && self.cluster.now() < until => {}
                    Err(failure) => return Err(self.kind(failure)),
                }
            }
            if batches.is_empty() {
                return Ok(last);
            }
            if self.cluster.now() >= until {
                let why = "records did not get to their leaders in time";
                return Err(TransactionError::Abortable { why: why.into(), rearranged: false });
            }
            self.cluster.back_off().await;
        }
    }

    /// Cuts the records of a partition into batches, and numbers them.
    fn batches(
        &mut self,
        place: Place,
        records: Vec<Unsent>,
    ) -> Result<Vec<Batch>, TransactionError> {
        let identity = self.identity()?;
        let next = self.sequences.entry(place).or_default();
        let mut batches: Vec<Batch> = Vec::new();
        let mut bytes = 0;
        for record in records {
            let size = record.bytes();
            let fits = |batch: &&mut Batch| {
                bytes + size <= BATCH_BYTES_MAX && batch.records.len() < BATCH_RECORDS_MAX
            };
            match batches.last_mut().filter(fits) {
                Some(batch) => {
                    batch.records.push(record);
                    bytes += size;
                }
                None => {
                    bytes = size;
                    batches.push(Batch { identity, sequence: *next, records: vec![record] });
                }
            }
            *next = after(*next, 1);
        }
        Ok(batches)
    }

    fn begin_as(&mut self, identity: Identity) {
        self.identity = Some(identity);
        self.sequences.clear();
    }

    fn identity(&self) -> Result<Identity, TransactionError> {
        self.identity.ok_or_else(|| TransactionError::Fatal("it was never initialised".into()))
    }

    /// What a failure means for the transaction.
    fn kind(&self, failure: Failure) -> TransactionError {
        let why = format!("{}: {failure}", self.id).into();
        match failure.code() {
            Some(ErrorCode::ProducerFenced | ErrorCode::TransactionalIdAuthorizationFailed) => {
                TransactionError::Fatal(why)
            }
            Some(ErrorCode::IllegalGeneration) => {
                TransactionError::Abortable { why, rearranged: true }
            }
            Some(_) | None => TransactionError::Abortable { why, rearranged: false },
        }
    }
}
