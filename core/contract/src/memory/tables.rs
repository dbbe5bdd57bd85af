//! Reading what was committed.

use std::{
    fmt,
    ops::{Bound, ControlFlow},
};

use bytes::Bytes;
use tidelog_core::{
    Position, ReadFault, TableId, Tables,
    port::{AskError, Snapshots, TaskId},
};

use super::{Memory, flaw::Flaw, world::Rows};

/// The tables of a task as they stand.
pub struct MemoryTables {
    memory: Memory,
    task: TaskId,
    /// How they were when they were restored, for a flaw.
    frozen: Option<Rows>,
}

/// The tables of a task as they stood.
#[derive(Debug)]
pub struct MemorySnapshot(Reading);

/// A snapshot shows what was there; a flawed one what is.
#[derive(Debug)]
enum Reading {
    Then(Rows, Shape),
    Now(MemoryTables),
}

/// How the rows are to be read.
#[derive(Clone, Copy, Debug)]
struct Shape {
    too_far: bool,
    after_break: bool,
    mixed: bool,
}

impl MemoryTables {
    pub(super) fn new(memory: Memory, task: TaskId) -> Self {
        let frozen = {
            let world = memory.world();
            let stored = world.stored.get(&task);
            let rows = || stored.map(|stored| stored.rows.clone()).unwrap_or_default();
            world.has(Flaw::FreezesTables).then(rows)
        };
        Self { memory, task, frozen }
    }

    /// Reads the rows as they are, unless reading is to fail.
    fn read<T>(&self, read: impl FnOnce(&Rows, Shape) -> T) -> Result<T, ReadFault> {
        let mut world = self.memory.world();
        if let Some(left @ 1..) = world.controls.broken_reads.get_mut(&self.task) {
            *left -= 1;
            return Err(ReadFault("a test broke it".into()));
        }
        let shape = Shape {
            too_far: world.has(Flaw::ScansTooFar),
            after_break: world.has(Flaw::ScansAfterBreak),
            mixed: world.has(Flaw::MixesTables),
        };
        let empty = Rows::new();
        let stored = world.stored.get(&self.task).map_or(&empty, |stored| &stored.rows);
        Ok(read(self.frozen.as_ref().unwrap_or(stored), shape))
    }
}

impl Tables for MemoryTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        self.read(|rows, shape| shape.get(rows, table, key))
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        // The visitor may read, too, so it is called without the lock.
        let rows = self.read(|rows, shape| (shape.range(rows, table, from, to), shape))?;
        rows.1.visit(rows.0, visit);
        Ok(())
    }
}

impl fmt::Debug for MemoryTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryTables({})", self.task)
    }
}

impl Tables for MemorySnapshot {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        match &self.0 {
            Reading::Then(rows, shape) => Ok(shape.get(rows, table, key)),
            Reading::Now(tables) => tables.get(table, key),
        }
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        match &self.0 {
            Reading::Then(rows, shape) => {
                shape.visit(shape.range(rows, table, from, to), visit);
                Ok(())
            }
            Reading::Now(tables) => tables.range(table, from, to, visit),
        }
    }
}

impl Snapshots for Memory {
    type Tables = MemorySnapshot;

    async fn snapshot(
        &self,
        task: TaskId,
        at_least: Option<Position>,
    ) -> Result<MemorySnapshot, AskError> {
        if let Some(position) = at_least {
            self.reached(task, position).await?;
        }
        let tables = MemoryTables::new(self.clone(), task);
        let mut world = self.world();
        if world.group(task.service).owner(task.partition).is_none() {
            return Err(AskError::NotOwner(task));
        }
        if world.has(Flaw::SnapshotsMove) {
            return Ok(MemorySnapshot(Reading::Now(tables)));
        }
        let late = world.has(Flaw::AnswersLate);
        let of = |stored: &super::world::Stored| {
            if late { stored.rows_before.clone() } else { stored.rows.clone() }
        };
        let rows = world.stored.get(&task).map(of).unwrap_or_default();
        drop(world);
        let shape = tables
            .read(|_, shape| shape)
            .map_err(|error| AskError::Unavailable(error.to_string().into()))?;
        Ok(MemorySnapshot(Reading::Then(rows, shape)))
    }
}

impl Shape {
    fn get(self, rows: &Rows, table: TableId, key: &[u8]) -> Option<Bytes> {
        rows.get(&(self.table(table), Bytes::copy_from_slice(key))).cloned()
    }

    fn range(
        self,
        rows: &Rows,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Vec<(Bytes, Bytes)> {
        let from = |key: &[u8]| match from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let to = |key: &[u8]| match to {
            _ if self.too_far => true,
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        let here = self.table(table);
        rows.iter()
            .filter(|((table, key), _)| *table == here && from(key) && to(key))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    fn visit(
        self,
        rows: Vec<(Bytes, Bytes)>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) {
        for (key, value) in rows {
            if visit(&key, value).is_break() && !self.after_break {
                return;
            }
        }
    }

    fn table(self, table: TableId) -> TableId {
        if self.mixed { TableId::Entities } else { table }
    }
}
