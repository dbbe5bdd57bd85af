//! The rows of tasks in memory.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Offset, ReadFault, TableId, Tables, Timestamp, Topic,
    port::{LogId, TaskId},
};

use super::{SimStore, saved::Snapshot};
use crate::sim::lock;

/// All tasks. Whoever has taken one out as it was keeps that.
#[derive(Debug, Default)]
pub(super) struct State(BTreeMap<TaskId, Arc<Task>>);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Task {
    /// By the table's code.
    rows: BTreeMap<u8, BTreeMap<Bytes, Bytes>>,
    pub(super) positions: Vec<(Topic, Offset)>,
    pub(super) changelog: Offset,
    pub(super) log: Option<LogId>,
    pub(super) task_time: Timestamp,
}

impl State {
    pub(super) fn new(tasks: Vec<(TaskId, Task)>) -> Self {
        Self(tasks.into_iter().map(|(id, task)| (id, Arc::new(task))).collect())
    }

    pub(super) fn task(&self, task: TaskId) -> Option<&Arc<Task>> {
        self.0.get(&task)
    }

    pub(super) fn task_mut(&mut self, task: TaskId) -> &mut Task {
        Arc::make_mut(self.0.entry(task).or_default())
    }

    pub(super) fn clear(&mut self, task: TaskId) {
        self.0.remove(&task);
    }

    pub(super) fn snapshot(&self, generation: u64) -> Snapshot {
        let tasks = self.0.iter().map(|(id, task)| (*id, Task::clone(task))).collect();
        Snapshot { generation, tasks }
    }
}

impl Task {
    pub(super) fn put(&mut self, table: u8, key: &Bytes, value: Option<&Bytes>) {
        let rows = self.rows.entry(table).or_default();
        match value {
            Some(value) => drop(rows.insert(key.clone(), value.clone())),
            None => drop(rows.remove(key)),
        }
    }
}

/// The tables of one task, as they are at the time of each read.
#[derive(Clone)]
pub struct SimTables {
    store: SimStore,
    task: TaskId,
}

/// So many rows of a range are taken out of the store at once.
const CHUNK_ROWS: usize = 64;

impl SimTables {
    pub(super) fn new(store: &SimStore, task: TaskId) -> Self {
        Self { store: store.clone(), task }
    }

    fn read<T>(
        &self,
        table: TableId,
        read: impl FnOnce(&BTreeMap<Bytes, Bytes>) -> T,
    ) -> Result<Option<T>, ReadFault> {
        self.store.0.disk.check_read().map_err(|error| ReadFault(error.to_string().into()))?;
        let state = lock(&self.store.0.state);
        Ok(state.task(self.task).and_then(|task| task.rows.get(&table.code())).map(read))
    }
}

impl Tables for SimTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        Ok(self.read(table, |rows| rows.get(key).cloned())?.flatten())
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        let mut from = from.map(Bytes::copy_from_slice);
        // The visitor may read the tables too, so it is not called under the lock.
        loop {
            let begin = from.as_ref().map(|key| &**key);
            if is_empty(begin, to) {
                return Ok(());
            }
            let chunk = self.read(table, |rows| {
                let rows = rows.range::<[u8], _>((begin, to)).take(CHUNK_ROWS);
                rows.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
            })?;
            let chunk = chunk.unwrap_or_default();
            let Some((last, _)) = chunk.last() else { return Ok(()) };
            from = Bound::Excluded(last.clone());
            let is_last = chunk.len() < CHUNK_ROWS;
            for (key, value) in chunk {
                if visit(&key, value).is_break() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The tables of one task as they were at one moment.
#[derive(Clone, Debug)]
pub struct FrozenTables(pub(super) Arc<Task>);

impl Tables for FrozenTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        Ok(self.0.rows.get(&table.code()).and_then(|rows| rows.get(key).cloned()))
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        let Some(rows) = self.0.rows.get(&table.code()) else { return Ok(()) };
        if is_empty(from, to) {
            return Ok(());
        }
        let mut rows = rows.range::<[u8], _>((from, to));
        let _ = rows.try_for_each(|(key, value)| visit(key, value.clone()));
        Ok(())
    }
}

impl fmt::Debug for SimTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTables").field("task", &self.task).finish_non_exhaustive()
    }
}

/// Whether no key is within the bounds: a map's range would panic at some of those.
fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
