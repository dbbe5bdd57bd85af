//! Which session of this process may write a task's tables.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use tidelog_core::port::{Store, StoreBatch, StoreError, TaskId};

/// The number of a session of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionNumber(pub(crate) u64);

/// A store that a task's last owner alone can write.
///
/// The log fences its writers by itself; this keeps a session that was slow from writing what it has
/// committed over what its successor in the same process has written since.
pub(crate) struct Leased<S> {
    store: S,
    owners: Mutex<BTreeMap<TaskId, SessionNumber>>,
}

impl<S: Store> Leased<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store, owners: Mutex::default() }
    }

    /// Makes a session the only one that writes a task's tables, and opens them.
    pub(crate) fn take(
        &self,
        task: TaskId,
        session: SessionNumber,
    ) -> Result<tidelog_core::port::Opened<S::Tables>, StoreError> {
        self.owners().insert(task, session);
        self.store.open(task)
    }

    /// Writes the batches of those tasks that are still the session's. The others are in the log, where
    /// their owner finds them.
    pub(crate) fn apply(
        &self,
        session: SessionNumber,
        mut batches: Vec<StoreBatch>,
    ) -> Result<(), StoreError> {
        let owners = self.owners();
        batches.retain(|batch| owners.get(&batch.task) == Some(&session));
        if batches.is_empty() { Ok(()) } else { self.store.apply(&batches) }
    }

    /// Removes everything of a task.
    pub(crate) fn clear(&self, session: SessionNumber, task: TaskId) -> Result<(), StoreError> {
        let owners = self.owners();
        if owners.get(&task) == Some(&session) { self.store.clear(task) } else { Ok(()) }
    }

    /// The tables of a task as they are now.
    pub(crate) fn freeze(&self, task: TaskId) -> Result<S::Frozen, StoreError> {
        self.store.freeze(task)
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<TaskId, SessionNumber>> {
        self.owners.lock().expect("a store says what is wrong and does not panic")
    }
}
