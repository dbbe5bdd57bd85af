//! The database of a store while it is open.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::OnceLock,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use tidelog_core::{
    ReadFault,
    message::{decode_row, encode_row},
    port::StoreError,
};

use super::{
    FORMAT, FORMAT_WITHOUT_LOGS, Mark, MarkWithoutLog,
    damage::{check_journals, is_damage, keeps_closed, set_aside},
};
use crate::{OpenError, keys};

/// The database of a store while it is open. It is closed when the last one drops it who reads from it.
pub(super) struct Open {
    pub(super) database: Database,
    pub(super) rows: Keyspace,
    /// Whether it was begun in the place of a damaged one.
    pub(super) is_anew: bool,
    /// What was found to be damaged in it.
    damage: OnceLock<Box<str>>,
}

impl Open {
    pub(super) fn new(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        // fjall takes the names of files for granted, and asserts what it has read.
        let opened = catch_unwind(AssertUnwindSafe(|| Self::recover(path, cache_bytes)));
        opened.unwrap_or_else(|_| {
            let what = "the database panics on what is in it".into();
            Err(OpenError::Damaged { path: path.into(), what })
        })
    }

    fn recover(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let open = || Database::builder(path).cache_size(cache_bytes).worker_threads(1).open();
        check_journals(path)?;
        let database = crate::database::open(path, open)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(16 * 1024 * 1024);
        let rows = database.keyspace("rows", options).map_err(failed)?;
        let open = Self { database, rows, is_anew: false, damage: OnceLock::new() };
        open.check_folder(path)?;
        crate::database::sync_entry(path).map_err(|error| failed(fjall::Error::Io(error)))?;
        Ok(open)
    }

    /// As [`new`](Self::new), and sets a damaged database aside to begin with an empty one.
    pub(super) fn new_or_anew(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        match Self::new(path, cache_bytes) {
            Err(error) if keeps_closed(&error) => Self::anew(path, cache_bytes, &error.to_string()),
            opened => opened,
        }
    }

    /// Sets a database aside, which is not open, and begins with an empty one.
    pub(super) fn anew(path: &Path, cache_bytes: u64, damage: &str) -> Result<Self, OpenError> {
        let aside = set_aside(path)?;
        tracing::warn!(
            store = %path.display(),
            damage,
            aside = %aside.display(),
            "the store is damaged: it was set aside, and what was in it is rebuilt"
        );
        Ok(Self { is_anew: true, ..Self::new(path, cache_bytes)? })
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

    /// What was found to be damaged.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(|what| &**what)
    }

    /// Takes note of damage.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged(self.damage.get_or_init(|| what.into()).clone())
    }

    /// Reads something for a task.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Keyspace) -> fjall::Result<T>,
    ) -> Result<T, ReadFault> {
        self.whole()
            .and_then(|()| read(&self.rows).map_err(|error| self.failed(&error)))
            .map_err(|error| ReadFault(error.to_string().into()))
    }

    /// Writes a batch.
    pub(super) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), StoreError> {
        self.whole()?;
        batch.commit().map_err(|error| self.failed(&error))
    }

    /// Makes sure that nothing was found to be damaged.
    pub(super) fn whole(&self) -> Result<(), StoreError> {
        self.damage().map_or(Ok(()), |what| Err(self.damaged(what)))
    }

    /// What an error of the database means, of which note is taken if it is damage.
    pub(super) fn failed(&self, error: &fjall::Error) -> StoreError {
        if is_damage(error) {
            return self.damaged(&error.to_string());
        }
        // Something has failed in the background, of which no more is told: merging what is damaged,
        // say, or writing to a disk that is full.
        if matches!(error, fjall::Error::Poisoned)
            && let Some(found) = self.look_for_damage()
        {
            return self.damaged(&found);
        }
        StoreError::Failed(error.to_string().into())
    }

    /// Reads everything, for whatever cannot be read.
    fn look_for_damage(&self) -> Option<String> {
        let errors = self.rows.iter().filter_map(|guard| guard.into_inner().err());
        errors.into_iter().find(is_damage).map(|error| error.to_string())
    }
}
