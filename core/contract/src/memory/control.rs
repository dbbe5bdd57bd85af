//! What a test can do to the log in memory, and see of it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Offset, PartitionId, ServiceName, TableId, Timestamp, Topic,
    port::{Record, TaskCommit, TaskId},
};

use super::Memory;

/// What is to become of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It becomes real, and its outcome is known.
    Committed,
    /// It does not, and that is known.
    Rejected,
    /// It becomes real, but nobody says so.
    UnknownAndDone,
    /// It does not, but nobody says so.
    UnknownAndNot,
    /// It does not, and the session is over.
    SessionLost,
}

/// A commit that became real.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The service that made it.
    pub service: ServiceName,
    /// When.
    pub at: Timestamp,
    /// What its tasks did.
    pub tasks: Vec<TaskCommit>,
}

/// What tests have asked for, and what is kept for them.
#[derive(Debug)]
pub(super) struct Controls {
    pub(super) fates: VecDeque<Fate>,
    pub(super) broken_reads: BTreeMap<TaskId, u32>,
    pub(super) commit_time: Duration,
    pub(super) tick: Duration,
    pub(super) records_max: usize,
    pub(super) history: Vec<Committed>,
    pub(super) joins: u32,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            fates: VecDeque::new(),
            broken_reads: BTreeMap::new(),
            commit_time: Duration::from_millis(2),
            tick: Duration::ZERO,
            records_max: 500,
            history: Vec::new(),
            joins: 0,
        }
    }
}

impl Memory {
    /// Says what is to become of the next commits, one by one. Those after them become real.
    pub fn decide(&self, fates: impl IntoIterator<Item = Fate>) {
        self.world().controls.fates.extend(fates);
    }

    /// Says how long a commit takes. Two milliseconds if nobody does.
    pub fn set_commit_time(&self, time: Duration) {
        self.world().controls.commit_time = time;
    }

    /// Lets time pass whenever a session is given records. None does if nobody says so.
    pub fn set_tick(&self, tick: Duration) {
        self.world().controls.tick = tick;
    }

    /// Says how many records a session is given at once. At most 500 if nobody does.
    pub fn set_records_max(&self, records: usize) {
        self.world().controls.records_max = records;
    }

    /// Lets the next reads of a task's tables fail.
    pub fn break_reads(&self, task: TaskId, count: u32) {
        self.world().controls.broken_reads.insert(task, count);
    }

    /// Asks the owner of a task for it. Once it is released it is assigned anew.
    pub fn revoke(&self, task: TaskId) {
        let mut world = self.world();
        world.group(task.service).revoke(task.partition);
        world.wake();
    }

    /// Takes a task from its owner without asking, and assigns it anew.
    pub fn lose(&self, task: TaskId) {
        let mut world = self.world();
        world.group(task.service).lose(task.partition);
        world.wake();
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let mut world = self.world();
        world.now = world.now.plus(time);
        world.wake();
    }

    /// The time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.world().now
    }

    /// The commits that became real, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<Committed> {
        self.world().controls.history.clone()
    }

    /// How often somebody joined.
    #[must_use]
    pub fn joins(&self) -> u32 {
        self.world().controls.joins
    }

    /// The committed rows of a task.
    #[must_use]
    pub fn rows(&self, task: TaskId) -> BTreeMap<(TableId, Bytes), Bytes> {
        self.world().stored.get(&task).map(|stored| stored.rows.clone()).unwrap_or_default()
    }

    /// The committed positions of a task.
    #[must_use]
    pub fn positions(&self, task: TaskId) -> BTreeMap<Topic, Offset> {
        self.world().stored.get(&task).map(|stored| stored.positions.clone()).unwrap_or_default()
    }

    /// The records of a partition.
    #[must_use]
    pub fn records(&self, topic: Topic, partition: PartitionId) -> Vec<Record> {
        self.world().log(topic, partition).records.clone()
    }
}
