//! Asking tasks.

use std::pin::Pin;

use super::TaskId;
use crate::{
    query::{Answer, Query},
    state::Tables,
    topic::{Offset, Position},
};

/// A boxed future that can go to any thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asks the task that owns a partition, wherever it is. In one process the answers are linearizable:
/// a query sees every write that was answered before it was asked.
pub trait Queries: Send + Sync + 'static {
    /// Asks a task. With `at_least`, the task must have read that record of its input first.
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>>;
}

/// Gives out the durable state of the tasks of this process, for queries.
pub trait Snapshots: Send + Sync + 'static {
    /// The tables of one task as they were at one moment.
    type Tables: Tables + Send;

    /// A snapshot of a task's tables that holds every commit of which something could be seen from
    /// outside when it was asked for. With `at_least`, the task must have read that record.
    ///
    /// # Errors
    ///
    /// If the task is not here, or does not get that far.
    fn snapshot(
        &self,
        task: TaskId,
        at_least: Option<Position>,
    ) -> impl Future<Output = Result<Self::Tables, AskError>> + Send;
}

/// Why a task could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The task is not here.
    #[error("{0} is not here")]
    NotOwner(TaskId),
    /// The task has not read the record that was named, and did not in time.
    #[error("{task} has not got to {position}")]
    NotReached {
        /// The task.
        task: TaskId,
        /// How far it was to be.
        position: Position,
    },
    /// The record that was named does not exist: when it was asked for, its partition had ended before
    /// it. Only for a log that was looked at for that, after the question had come: a node that merely
    /// is behind its log says [`AskError::NotReached`]. A backend that does not look may say that too.
    #[error("there is no record at {position}: the partition ends at {end}")]
    Beyond {
        /// The record that was named.
        position: Position,
        /// The offset after the last record.
        end: Offset,
    },
    /// The task cannot be asked at this time.
    #[error("the task cannot be asked: {0}")]
    Unavailable(Box<str>),
}
