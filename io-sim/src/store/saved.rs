//! What a store writes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Offset, Timestamp, Topic,
    port::{LogId, StoreBatch, TaskId},
};

use super::tables::{State, Task};

/// A change of the store.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// What some tasks did.
    Apply(Vec<Batch>),
    /// A task was cleared.
    Clear(TaskId),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Batch {
    task: TaskId,
    rows: Vec<(u8, Bytes, Option<Bytes>)>,
    positions: Vec<(Topic, Offset)>,
    changelog: Offset,
    log: Option<LogId>,
    task_time: Timestamp,
}

/// All that a store has.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// The journal that follows.
    pub(super) generation: u64,
    pub(super) tasks: Vec<(TaskId, Task)>,
}

impl Entry {
    pub(super) fn of(batches: &[StoreBatch]) -> Self {
        let batch = |batch: &StoreBatch| Batch {
            task: batch.task,
            rows: batch
                .rows
                .iter()
                .map(|(table, key, value)| (table.code(), key.clone(), value.cloned()))
                .collect(),
            positions: batch.positions.clone(),
            changelog: batch.changelog,
            log: batch.log,
            task_time: batch.task_time,
        };
        Self::Apply(batches.iter().map(batch).collect())
    }

    pub(super) fn apply(&self, state: &mut State) {
        match self {
            Self::Apply(batches) => batches.iter().for_each(|batch| batch.apply(state)),
            Self::Clear(task) => state.clear(*task),
        }
    }
}

impl Batch {
    fn apply(&self, state: &mut State) {
        let task = state.task_mut(self.task);
        for (table, key, value) in &self.rows {
            task.put(*table, key, value.as_ref());
        }
        task.positions.clone_from(&self.positions);
        task.changelog = self.changelog;
        task.log = self.log;
        task.task_time = self.task_time;
    }
}

impl Snapshot {
    /// That of a new store.
    pub(super) fn empty() -> Self {
        Self { generation: 0, tasks: Vec::new() }
    }
}
