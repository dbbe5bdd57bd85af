//! Which session of this process may write a task's tables.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use tidelog_core::port::{Opened, Store, StoreBatch, StoreError, TaskId};

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
    /// Held by whoever begins the store anew.
    begins_anew: Mutex<()>,
}

impl<S: Store> Leased<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store, owners: Mutex::default(), begins_anew: Mutex::default() }
    }

    /// Makes a session the only one that writes a task's tables, and opens them. A damaged store is begun
    /// anew before, unless the session has taken something of it: then it has to end first.
    pub(crate) fn take(
        &self,
        task: TaskId,
        session: SessionNumber,
    ) -> Result<Opened<S::Tables>, StoreError> {
        if let Some(damage) = self.store.damage() {
            if self.owners().values().any(|owner| *owner == session) {
                return Err(StoreError::Damaged(damage));
            }
            self.begin_anew()?;
        }
        self.owners().insert(task, session);
        self.store.open(task)
    }

    /// What was found to be damaged in the store, until it is begun anew.
    pub(crate) fn damage(&self) -> Option<Box<str>> {
        self.store.damage()
    }

    /// Begins anew with nothing. What sessions have still to write is none of what is there then.
    fn begin_anew(&self) -> Result<(), StoreError> {
        let _one = self.begins_anew.lock().expect("a store says what is wrong and does not panic");
        if self.store.damage().is_none() {
            return Ok(());
        }
        self.owners().clear();
        self.store.begin_anew()
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
        if !self.owners().contains_key(&task) {
            let reason = format!("the store was begun anew, and {task} is not in it yet");
            return Err(StoreError::Failed(reason.into()));
        }
        self.store.freeze(task)
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<TaskId, SessionNumber>> {
        self.owners.lock().expect("a store says what is wrong and does not panic")
    }
}
