//! The committed tables of a task of the embedded log.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;
use fjall::{Keyspace, Readable, Snapshot};
use tidelog_core::{ReadFault, TableId, Tables, port::TaskId};

use crate::{keys, pending, pending::Pending};

/// The committed tables of one task: what the database has, under what is still to be written.
#[derive(Clone)]
pub struct LocalTables {
    task: TaskId,
    rows: Keyspace,
    pending: Arc<Pending>,
}

impl LocalTables {
    pub(crate) fn new(task: TaskId, rows: Keyspace, pending: Arc<Pending>) -> Self {
        Self { task, rows, pending }
    }
}

impl Tables for LocalTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        if let Some(written) = self.pending.get(table, key) {
            return Ok(written);
        }
        // What the writer has taken away from the pending rows meanwhile is in the database.
        let value = self.rows.get(keys::row(self.task, table, key)).map_err(fault)?;
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
        // The pending rows first: what the writer takes away from them later is in the database
        // already when it is read then.
        let pending = self.pending.range(table, from, to);
        let stored = self.rows.range(bounds(self.task, table, from, to));
        pending::merge(pending, stored.map(row), visit)
    }
}

/// Rows of a task as a snapshot of the database has them.
pub(crate) fn get_in(
    snapshot: &Snapshot,
    rows: &Keyspace,
    task: TaskId,
    table: TableId,
    key: &[u8],
) -> Result<Option<Bytes>, ReadFault> {
    let value = snapshot.get(rows, keys::row(task, table, key)).map_err(fault)?;
    Ok(value.map(Bytes::from))
}

/// As [`Tables::range`], of a snapshot.
pub(crate) fn range_in(
    snapshot: &Snapshot,
    rows: &Keyspace,
    task: TaskId,
    table: TableId,
    (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
) -> Result<(), ReadFault> {
    if pending::is_empty(from, to) {
        return Ok(());
    }
    let stored = snapshot.range(rows, bounds(task, table, from, to));
    pending::merge(Vec::new(), stored.map(row), visit)
}

/// The bounds of a task's rows in the database.
pub(crate) fn bounds(
    task: TaskId,
    table: TableId,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let row = |key: &[u8]| keys::row(task, table, key);
    let from = match from {
        Bound::Unbounded => Bound::Included(row(&[])),
        bound => bound.map(row),
    };
    let to = match to {
        Bound::Unbounded => {
            let mut end = keys::table(task, table);
            // Codes of tables are far below 255.
            end[5] += 1;
            Bound::Excluded(end.to_vec())
        }
        bound => bound.map(row),
    };
    (from, to)
}

/// A row as it stands in the database: its key within the table, and its value.
pub(crate) fn row(guard: fjall::Guard) -> Result<(Bytes, Bytes), ReadFault> {
    let (key, value) = guard.into_inner().map_err(fault)?;
    let key = Bytes::from(key).slice(keys::TABLE_PREFIX_BYTES..);
    Ok((key, Bytes::from(value)))
}

pub(crate) fn fault(error: fjall::Error) -> ReadFault {
    ReadFault(error.to_string().into())
}
