//! The ports: what joins services and clients to a log and a store.
//!
//! Their laws are numbered in [`Session`], [`Client`] and [`Store`], and checked by one contract
//! suite, the crate `tidelog-contract`, that every backend runs.

mod client;
mod queries;
mod store;
mod transport;

pub use client::{Append, AppendOutcome, Client, ClientError};
pub use queries::{AskError, BoxFuture, Queries, Snapshots};
pub use store::{LogId, LogIdError, Opened, Store, StoreBatch, StoreError};
pub use transport::{
    Commit, CommitOutcome, Event, Records, Restored, Session, SessionError, TaskCommit, Transport,
    Wait,
};

use std::{fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    id::PartitionId, service::ServiceName, time::Timestamp, topic::Offset, trace::TraceContext,
};

/// One service working on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The service.
    pub service: ServiceName,
    /// The partition of each of its inputs.
    pub partition: PartitionId,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.partition)
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let (name, partition) = text.split_once('/').ok_or(TaskIdError)?;
        let service = ServiceName::ALL.into_iter().find(|service| service.name() == name);
        let partition = partition.parse().map_err(|_| TaskIdError)?;
        Ok(Self { service: service.ok_or(TaskIdError)?, partition: PartitionId(partition) })
    }
}

/// A text that is no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task is written service/partition, as in entity-storage/3")]
pub struct TaskIdError;

/// A record as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in its partition.
    pub offset: Offset,
    /// The log's append time.
    pub time: Timestamp,
    /// Its key.
    pub key: Bytes,
    /// Its payload.
    pub payload: Bytes,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_reads_back_as_printed() {
        for service in ServiceName::ALL {
            let task = TaskId { service, partition: PartitionId(3) };
            assert_eq!(task.to_string().parse(), Ok(task));
        }
        for bad in ["", "entity-storage", "entity-storage/", "nobody/1", "entity-storage/1/2"] {
            assert_eq!(bad.parse::<TaskId>(), Err(TaskIdError), "{bad}");
        }
    }
}
