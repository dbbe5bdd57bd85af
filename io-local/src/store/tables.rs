//! The tables of a store.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;
use fjall::{Readable, Snapshot};
use tidelog_core::{ReadFault, TableId, Tables, port::TaskId};

use super::open::Open;
use crate::{keys, pending, tables};

/// The tables of one task.
#[derive(Clone)]
pub struct StoreTables {
    task: TaskId,
    open: Arc<Open>,
}

/// The tables of one task as they were at one moment.
pub struct FrozenTables {
    task: TaskId,
    snapshot: Snapshot,
    open: Arc<Open>,
}

impl StoreTables {
    pub(super) fn new(task: TaskId, open: Arc<Open>) -> Self {
        Self { task, open }
    }
}

impl FrozenTables {
    pub(super) fn new(task: TaskId, open: Arc<Open>) -> Self {
        Self { task, snapshot: open.database.snapshot(), open }
    }
}

impl Tables for StoreTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        let key = keys::row(self.task, table, key);
        self.open.read(|rows| Ok(rows.get(key)?.map(Bytes::from)))
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
        let bounds = tables::bounds(self.task, table, from, to);
        self.open.read(|rows| visit_all(rows.range(bounds), visit))
    }
}

impl Tables for FrozenTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        let key = keys::row(self.task, table, key);
        self.open.read(|rows| Ok(self.snapshot.get(rows, key)?.map(Bytes::from)))
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
        let bounds = tables::bounds(self.task, table, from, to);
        self.open.read(|rows| visit_all(self.snapshot.range(rows, bounds), visit))
    }
}

fn visit_all(
    rows: fjall::Iter,
    visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
) -> fjall::Result<()> {
    for guard in rows {
        let (key, row) = guard.into_inner()?;
        if visit(&key[keys::TABLE_PREFIX_BYTES..], Bytes::from(row)).is_break() {
            break;
        }
    }
    Ok(())
}
