//! The side of the drivers: appending and reading, without a group.

use bytes::Bytes;

use super::Record;
use crate::{
    headers::Headers,
    id::PartitionId,
    time::Timestamp,
    topic::{Layout, Offset, Topic},
};

/// A client of the log.
///
/// It reads only what is committed and durable. Its futures are `Send`, and can be dropped at any
/// time; what was to be appended may then be appended or not.
pub trait Client: Send + Sync + 'static {
    /// How many partitions the topics have.
    fn layout(&self) -> Layout;

    /// The client's clock.
    fn now(&self) -> Timestamp;

    /// Waits for as long as the clock has to go until then. Should it be set in the meantime, that puts
    /// the end off no further.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;

    /// Appends records, those of one partition in their order. The outcomes come in the order of the
    /// records, once all are known; they need not be the same. Appending begins with the call, not
    /// with the first poll, so that calls in order append in order.
    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static;

    /// Reads records from `from` on: at least one, in offset order, as soon as there is one; or none
    /// if there is none by `until`.
    ///
    /// # Errors
    ///
    /// If retention has taken `from` away, or the log cannot be read.
    fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, ClientError>> + Send;

    /// The first offset that a partition has, and the one after its last.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> impl Future<Output = Result<(Offset, Offset), ClientError>> + Send;
}

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: PartitionId,
    /// The record's key.
    pub key: Bytes,
    /// The record's payload.
    pub payload: Bytes,
    /// What it says about itself to outsiders.
    pub headers: Headers,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The record is in the log for good, at this offset.
    Appended(Offset),
    /// It is not, and never will be.
    Rejected(Box<str>),
    /// It is not known.
    Unknown(Box<str>),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Retention has taken the offset away.
    #[error("offset {from} of {topic}/{partition} is gone; the first one there is {start}")]
    Gone {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: PartitionId,
        /// The offset that was asked for.
        from: Offset,
        /// The first that is there.
        start: Offset,
    },
    /// The log cannot be read at this time.
    #[error("the log cannot be read: {0}")]
    Unavailable(Box<str>),
}
