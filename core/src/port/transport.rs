//! The side of the services: joining, reading, restoring, committing.

use std::{future::ready, sync::Arc, time::Duration};

use super::Record;
use crate::{
    effects::Outgoing,
    id::PartitionId,
    service::Spec,
    state::{Overlay, Tables},
    time::Timestamp,
    topic::{Layout, Offset, Topic},
};

/// Joins services to a log.
pub trait Transport {
    /// A member of a service's consumer group.
    type Session: Session;

    /// Joins the consumer group of a service. Instances of a service take distinct partitions, and a
    /// partition has at most one owner.
    ///
    /// # Errors
    ///
    /// If the log cannot be reached, or will not have us.
    fn join(
        &self,
        spec: &'static Spec,
    ) -> impl Future<Output = Result<Self::Session, SessionError>>;

    /// Waits that long. It is for the time between two sessions, when there is none to wait with.
    ///
    /// By default it does not wait, which suits a transport whose `join` does before it tries again
    /// and no other: the contract suite checks the time.
    fn pause(&self, _length: Duration) -> impl Future<Output = ()> {
        ready(())
    }
}

/// A member of a service's consumer group, for one worker. Dropping it leaves the group.
///
/// The laws:
///
/// 1. Records of a partition arrive in offset order. Offsets rise, and may have gaps.
/// 2. A commit is atomic: sends, rows and positions become visible together or never.
/// 3. Its outcome is known, or known to be unknown. After anything but
///    [`CommitOutcome::Committed`] the tasks that it covered are to be dropped and restored.
/// 4. An owner that has lost its partition can commit nothing, whatever it still believes.
/// 5. Only committed records are read.
/// 6. A restored partition equals the fold of what was committed.
/// 7. Input that retention took away before it was read stops the task, with
///    [`Event::InputLost`]; nothing starts again from the beginning by itself.
///
/// Futures need not be `Send`. [`Session::next`] can be dropped at any time without loss, and so can
/// [`Session::restore`]: the partition is then still to be restored.
pub trait Session {
    /// The committed tables of a task.
    type Tables: Tables;

    /// How many partitions the topics have.
    fn layout(&self) -> Layout;

    /// The session's clock.
    fn now(&self) -> Timestamp;

    /// Waits for the next event.
    ///
    /// Records come only for partitions that have been restored since they were assigned. While a
    /// commit is under way, `next` may give records or wait for its outcome, as the backend can.
    ///
    /// # Errors
    ///
    /// If the session is over.
    fn next(&mut self, wait: Wait) -> impl Future<Output = Result<Event, SessionError>>;

    /// Brings the tables of an assigned partition to what was committed, and reading to the
    /// committed positions.
    ///
    /// # Errors
    ///
    /// If the session is over, or the tables cannot be restored.
    fn restore(
        &mut self,
        partition: PartitionId,
    ) -> impl Future<Output = Result<Restored<Self::Tables>, SessionError>>;

    /// For each input, the offset after the last record that the partition has at this time.
    ///
    /// # Errors
    ///
    /// If the session is over.
    fn ends(
        &mut self,
        partition: PartitionId,
    ) -> impl Future<Output = Result<Vec<(Topic, Offset)>, SessionError>>;

    /// Begins a commit. Its outcome comes as [`Event::Committed`]; until then there is no other.
    ///
    /// # Panics
    ///
    /// If a commit is under way.
    fn begin_commit(&mut self, commit: Commit);

    /// Gives a revoked partition away. What was not committed is lost, for others to do again.
    fn release(&mut self, partition: PartitionId);

    /// Stops reading a partition without giving it away, until it is restored.
    fn park(&mut self, partition: PartitionId);
}

/// How long [`Session::next`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: [`Event::Idle`] says that there is nothing to read.
    No,
    /// Until then at most, or for as long as the clock had to go when the wait began: setting it puts
    /// the end off no further.
    Until(Timestamp),
    /// For as long as it takes.
    Forever,
    /// For the outcome of the commit under way, and nothing else.
    Commit,
}

/// What a session has to tell.
#[derive(Debug)]
pub enum Event {
    /// The partition is ours: restore it.
    Assigned(PartitionId),
    /// The partition is to go to another member: commit what there is, then release it.
    Revoked(PartitionId),
    /// The partition has gone already: drop the task.
    Lost(PartitionId),
    /// Records to handle.
    Records(Records),
    /// The outcome of the commit under way.
    Committed(CommitOutcome),
    /// The wait is over, and nothing has come.
    Idle,
    /// Records that the task has not read are gone. It is not read on until it is restored.
    InputLost {
        /// The task's partition.
        partition: PartitionId,
        /// The input.
        topic: Topic,
        /// The offset that was to be read next.
        position: Offset,
        /// The first offset that is still there.
        start: Offset,
    },
}

/// Records of one partition, in offset order.
#[derive(Debug)]
pub struct Records {
    /// The input.
    pub topic: Topic,
    /// The partition.
    pub partition: PartitionId,
    /// At least one record.
    pub records: Vec<Record>,
}

/// A task as it was committed last.
#[derive(Debug)]
pub struct Restored<T> {
    /// Its tables.
    pub tables: T,
    /// For each input, the offset to be read next.
    pub positions: Vec<(Topic, Offset)>,
    /// Its task time.
    pub task_time: Timestamp,
}

/// What a worker's tasks did since the last commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Each task that did something.
    pub tasks: Vec<TaskCommit>,
}

/// What one task did.
#[derive(Clone, Debug)]
pub struct TaskCommit {
    /// The task's partition.
    pub partition: PartitionId,
    /// For each input, the offset to be read next, moved or not.
    pub positions: Vec<(Topic, Offset)>,
    /// The task time.
    pub task_time: Timestamp,
    /// The rows that it wrote.
    pub rows: Arc<Overlay>,
    /// What it sent, in order.
    pub sends: Vec<Outgoing>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All of it is real.
    Committed,
    /// None of it is, and never will be.
    Rejected(Box<str>),
    /// It is not known.
    Unknown(Box<str>),
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// This one is; another one can be had by joining again.
    #[error("the session is over: {0}")]
    Lost(Box<str>),
    /// The log cannot be used by this process any more.
    #[error("the log cannot be used any more: {0}")]
    Fatal(Box<str>),
}
