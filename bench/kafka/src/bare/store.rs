//! The rows: in fjall, and those of the open transaction beside it.

use std::{collections::HashMap, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Slice};

use crate::Result;

/// Under which the positions stand: no entity's id begins with a zero byte.
const POSITIONS: &[u8] = b"\0positions";

/// Rows by entity.
pub(super) struct Store {
    database: Database,
    rows: Keyspace,
    /// What the open transaction has written.
    pending: HashMap<Box<str>, Slice>,
}

impl Store {
    /// Opens a store with the settings of Tidelog's.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let database =
            Database::builder(folder).cache_size(32 * 1024 * 1024).worker_threads(1).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(16 * 1024 * 1024);
        let rows = database.keyspace("rows", options)?;
        Ok(Self { database, rows, pending: HashMap::new() })
    }

    pub(super) fn get(&self, entity: &str) -> Result<Option<Slice>> {
        match self.pending.get(entity) {
            Some(row) => Ok(Some(row.clone())),
            None => Ok(self.rows.get(entity)?),
        }
    }

    pub(super) fn put(&mut self, entity: &str, row: Vec<u8>) {
        self.pending.insert(entity.into(), row.into());
    }

    /// Writes what was committed, with the positions that were committed with it. It need not reach
    /// the disk now: the changelog has it.
    pub(super) fn write(&mut self, positions: &[Option<i64>]) -> Result<()> {
        let mut batch = self.database.batch();
        for (entity, row) in self.pending.drain() {
            batch.insert(&self.rows, entity.as_bytes(), row);
        }
        let positions = positions.iter().flat_map(|next| next.unwrap_or(-1).to_be_bytes());
        batch.insert(&self.rows, POSITIONS, positions.collect::<Vec<_>>());
        batch.commit()?;
        Ok(())
    }
}
