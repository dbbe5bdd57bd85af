//! The store of a node whose log is elsewhere.

use std::{
    ops::{Bound, ControlFlow},
    path::Path,
};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Offset, ReadFault, TableId, Tables,
    message::{decode_row, encode_row},
    port::{LogId, Opened, Store, StoreBatch, StoreError, TaskId},
};

use crate::{OpenError, SnapshotTables, database::Progress, keys, pending, tables};

/// The newest format of a store that this release knows.
const FORMAT: u8 = 2;

/// A format whose marks do not say of which log they are.
const FORMAT_WITHOUT_LOGS: u8 = 1;

/// Rows that one batch of [`FjallStore::clear`] removes.
const CLEAR_ROWS_MAX: usize = 10_000;

/// The tables of a node's tasks in one fjall database.
#[derive(Clone)]
pub struct FjallStore {
    database: Database,
    rows: Keyspace,
}

/// How far a task's tables are, and by which log.
#[derive(Serialize, Deserialize)]
struct Mark {
    progress: Progress,
    changelog: Offset,
    log: Option<LogId>,
}

/// A mark of [`FORMAT_WITHOUT_LOGS`].
#[derive(Serialize, Deserialize)]
struct MarkWithoutLog {
    progress: Progress,
    changelog: Offset,
}

impl FjallStore {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If another process has it open, it was written by a newer release, or it cannot be read.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let open = || Database::builder(path).cache_size(cache_bytes).worker_threads(1).open();
        let database = crate::database::open(path, open)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(16 * 1024 * 1024);
        let rows = database.keyspace("rows", options).map_err(failed)?;
        let store = Self { database, rows };
        store.check_folder(path)?;
        crate::database::sync_entry(path).map_err(|error| failed(fjall::Error::Io(error)))?;
        Ok(store)
    }

    /// Makes sure that the folder is a store, of a format that this release knows. One without
    /// anything in it is new.
    fn check_folder(&self, path: &Path) -> Result<(), OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        match self.rows.get(keys::STORE_FORMAT).map_err(failed)? {
            Some(format) if *format == [FORMAT] => Ok(()),
            Some(format) if *format == [FORMAT_WITHOUT_LOGS] => self.upgrade(path),
            Some(format) => {
                let found = format.to_vec();
                Err(OpenError::Format { path: path.into(), found, known: FORMAT })
            }
            None if self.rows.is_empty().map_err(failed)? => {
                let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
                batch.insert(&self.rows, keys::STORE_FORMAT, [FORMAT]);
                batch.commit().map_err(failed)
            }
            None => Err(OpenError::NoFormat { path: path.into() }),
        }
    }

    /// Makes a store of this format out of one whose marks do not say of which log they are.
    fn upgrade(&self, path: &Path) -> Result<(), OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for guard in self.rows.prefix(keys::TASK_PREFIX) {
            let (key, mark) = guard.into_inner().map_err(failed)?;
            let mark = decode_row(&mark).map_err(|error| OpenError::Damaged {
                path: path.into(),
                what: format!("how far a task is: {error}"),
            })?;
            let MarkWithoutLog { progress, changelog } = mark;
            batch.insert(&self.rows, key, encode_row(&Mark { progress, changelog, log: None }));
        }
        batch.insert(&self.rows, keys::STORE_FORMAT, [FORMAT]);
        batch.commit().map_err(failed)
    }
}

impl Store for FjallStore {
    type Tables = StoreTables;
    type Frozen = SnapshotTables;

    fn open(&self, task: TaskId) -> Result<Opened<StoreTables>, StoreError> {
        let tables = StoreTables { task, rows: self.rows.clone() };
        let mark = self.rows.get(keys::task(task)).map_err(failed)?;
        let Some(mark) = mark else {
            // What a clearing that did not end has left is no state.
            self.clear(task)?;
            let task_time = tidelog_core::Timestamp::ZERO;
            let (positions, changelog, log) = (Vec::new(), None, None);
            return Ok(Opened { tables, positions, changelog, log, task_time });
        };
        let Mark { progress, changelog, log } = decode_row(&mark)
            .map_err(|error| StoreError(format!("how far {task} is: {error}").into()))?;
        let Progress { positions, task_time } = progress;
        Ok(Opened { tables, positions, changelog: Some(changelog), log, task_time })
    }

    fn freeze(&self, task: TaskId) -> Result<SnapshotTables, StoreError> {
        Ok(SnapshotTables::new(task, self.database.snapshot(), self.rows.clone()))
    }

    fn apply(&self, batches: &[StoreBatch]) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        for done in batches {
            for (table, key, value) in done.rows.iter() {
                let key = keys::row(done.task, table, key);
                match value {
                    Some(value) => batch.insert(&self.rows, key, value.clone()),
                    None => batch.remove(&self.rows, key),
                }
            }
            let progress =
                Progress { positions: done.positions.clone(), task_time: done.task_time };
            let mark = Mark { progress, changelog: done.changelog, log: done.log };
            batch.insert(&self.rows, keys::task(done.task), encode_row(&mark));
        }
        batch.commit().map_err(failed)
    }

    fn clear(&self, task: TaskId) -> Result<(), StoreError> {
        // The mark goes first: rows without it are no state, however far the clearing gets.
        let mut batch = self.database.batch();
        batch.remove(&self.rows, keys::task(task));
        batch.commit().map_err(failed)?;
        loop {
            let mut batch = self.database.batch();
            for guard in self.rows.prefix(keys::rows(task)).take(CLEAR_ROWS_MAX) {
                batch.remove(&self.rows, guard.key().map_err(failed)?);
            }
            if batch.is_empty() {
                return Ok(());
            }
            batch.commit().map_err(failed)?;
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncAll).map_err(failed)
    }
}

/// The tables of one task.
#[derive(Clone)]
pub struct StoreTables {
    task: TaskId,
    rows: Keyspace,
}

impl Tables for StoreTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        let value = self.rows.get(keys::row(self.task, table, key)).map_err(tables::fault)?;
        Ok(value.map(Bytes::from))
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        if pending::is_empty(from, to) {
            return Ok(());
        }
        let stored = self.rows.range(tables::bounds(self.task, table, from, to));
        pending::merge(Vec::new(), stored.map(tables::row), visit)
    }
}

fn failed(error: fjall::Error) -> StoreError {
    StoreError(error.to_string().into())
}
