//! What a task knows: a typed view of its tables.

mod overlay;
mod table;

pub use overlay::{Overlay, RowKey};
pub use table::{Table, TableId, TableKey};

use std::{
    any::Any,
    cell::RefCell,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    message::{decode_row, encode_row},
    time::Timestamp,
};

/// The read port under a [`State`]: the rows of one task's tables as they were committed.
pub trait Tables {
    /// The row of a key.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault>;

    /// Calls `visit` with the rows from `from` to `to` in the byte order of their keys until there
    /// are no more or it breaks.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault>;
}

/// The store could not be read, or what it held could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct ReadFault(pub Box<str>);

/// A typed view of a task's tables.
///
/// Reads fall through to the store. A write changes the overlay, which is what the commit writes and
/// what the changelog is told, so that the three cannot diverge. A read that fails marks the state
/// and finds nothing: whoever called the service looks at [`State::fault`], throws the batch away
/// and drops the task.
pub struct State<'a> {
    tables: &'a dyn Tables,
    in_flight: Option<&'a Overlay>,
    overlay: Overlay,
    fault: RefCell<Option<ReadFault>>,
    task_time: Timestamp,
}

impl<'a> State<'a> {
    /// A view of committed tables.
    #[must_use]
    pub fn new(tables: &'a dyn Tables, task_time: Timestamp) -> Self {
        Self::resume(tables, None, Overlay::default(), task_time)
    }

    /// A view of committed tables under the writes of a commit that is under way, under those of the
    /// batch that is being prepared.
    #[must_use]
    pub fn resume(
        tables: &'a dyn Tables,
        in_flight: Option<&'a Overlay>,
        overlay: Overlay,
        task_time: Timestamp,
    ) -> Self {
        Self { tables, in_flight, overlay, fault: RefCell::new(None), task_time }
    }

    /// The greatest append time of the records that the task has read, this one included.
    #[must_use]
    pub fn task_time(&self) -> Timestamp {
        self.task_time
    }

    /// Lets task time go on to `time`, if that is later.
    pub fn advance(&mut self, time: Timestamp) {
        self.task_time = self.task_time.max(time);
    }

    /// The row of `key`.
    #[must_use]
    pub fn get<K: TableKey, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Option<V> {
        let key = key.to_bytes();
        let bytes = match self.written(table.id(), &key) {
            Some(written) => written?,
            None => self.marked(self.tables.get(table.id(), &key))??,
        };
        self.decode(table.id(), &bytes)
    }

    /// Whether there is a row of `key`.
    #[must_use]
    pub fn contains<K: TableKey, V>(&self, table: &Table<K, V>, key: &K) -> bool {
        let key = key.to_bytes();
        match self.written(table.id(), &key) {
            Some(written) => written.is_some(),
            None => self.marked(self.tables.get(table.id(), &key)).flatten().is_some(),
        }
    }

    /// Makes `value` the row of `key`.
    pub fn put<K: TableKey, V: Serialize>(&mut self, table: &Table<K, V>, key: &K, value: &V) {
        self.overlay.insert(table.id(), &key.to_bytes(), Some(encode_row(value)));
    }

    /// As [`State::get`], of a row that is to be written again with [`State::put_kept`]: what that has
    /// written is not decoded again before its batch is committed.
    #[must_use]
    pub fn get_kept<K, V>(&mut self, table: &Table<K, V>, key: &K) -> Option<V>
    where
        K: TableKey,
        V: DeserializeOwned + Clone + Any + Send + Sync,
    {
        let (id, bytes) = (table.id(), key.to_bytes());
        // The newest write counts, whether what it says was kept or not.
        let kept = match self.overlay.get(id, &bytes) {
            Some(_) => self.overlay.take_value(id, &bytes),
            None => self.in_flight.and_then(|older| older.value(id, &bytes)).cloned(),
        };
        match kept.and_then(|value| value.downcast().ok()) {
            Some(value) => Some(Arc::unwrap_or_clone(value)),
            None => self.get(table, key),
        }
    }

    /// As [`State::put`], of a row that is likely to be read soon with [`State::get_kept`].
    pub fn put_kept<K, V>(&mut self, table: &Table<K, V>, key: &K, value: V)
    where
        K: TableKey,
        V: Serialize + Any + Send + Sync,
    {
        self.put(table, key, &value);
        self.overlay.keep(table.id(), &key.to_bytes(), Arc::new(value));
    }

    /// Removes the row of `key`, if there is one.
    pub fn remove<K: TableKey, V>(&mut self, table: &Table<K, V>, key: &K) {
        self.overlay.insert(table.id(), &key.to_bytes(), None);
    }

    /// At most `limit` rows with keys from `from` to `to`, in the byte order of the keys.
    #[must_use]
    pub fn range<K: TableKey, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Vec<(K, V)> {
        let mut rows = Vec::new();
        self.scan(table, from, to, &mut |key, value| {
            rows.push((key, value));
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        rows
    }

    /// Calls `visit` with the rows from `from` to `to` in the byte order of their keys until there
    /// are no more or it breaks.
    pub fn scan<K: TableKey, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) {
        let id = table.id();
        let written = overlay::merge(self.in_flight, &self.overlay, id, from, to);
        let mut written = written.into_iter().peekable();
        let mut emit = |key: &[u8], bytes: &[u8]| {
            let Some(value) = self.decode(id, bytes) else { return ControlFlow::Break(()) };
            match K::from_bytes(key) {
                Some(key) => visit(key, value),
                None => {
                    self.mark(ReadFault(format!("a key of {id:?} is damaged").into()));
                    ControlFlow::Break(())
                }
            }
        };
        let mut broken = false;
        let outcome = self.tables.range(id, from, to, &mut |key, bytes| {
            while let Some((_, row)) = written.next_if(|(written, _)| *written < key) {
                if let Some(row) = row
                    && emit(row.0, row.1).is_break()
                {
                    broken = true;
                    return ControlFlow::Break(());
                }
            }
            let flow = match written.next_if(|(written, _)| *written == key) {
                Some((_, Some(row))) => emit(row.0, row.1),
                Some((_, None)) => ControlFlow::Continue(()),
                None => emit(key, &bytes),
            };
            broken = flow.is_break();
            flow
        });
        self.marked(outcome);
        if broken {
            return;
        }
        for (_, row) in written {
            if let Some(row) = row
                && emit(row.0, row.1).is_break()
            {
                return;
            }
        }
    }

    /// The first read that failed, if any did. Then nothing that was read, decided or written since
    /// is worth anything.
    #[must_use]
    pub fn fault(&self) -> Option<ReadFault> {
        self.fault.borrow().clone()
    }

    /// What has been written.
    #[must_use]
    pub fn into_overlay(self) -> Overlay {
        self.overlay
    }

    /// The newest write of a key, if there is one that the store does not have: `Some(None)` where
    /// it was removed.
    fn written(&self, table: TableId, key: &[u8]) -> Option<Option<Bytes>> {
        let of = |overlay: &Overlay| overlay.get(table, key).cloned();
        of(&self.overlay).or_else(|| self.in_flight.and_then(of))
    }

    fn decode<V: DeserializeOwned>(&self, table: TableId, bytes: &[u8]) -> Option<V> {
        let row = decode_row(bytes)
            .map_err(|error| ReadFault(format!("a row of {table:?}: {error}").into()));
        self.marked(row)
    }

    fn marked<T>(&self, result: Result<T, ReadFault>) -> Option<T> {
        result.map_err(|fault| self.mark(fault)).ok()
    }

    fn mark(&self, fault: ReadFault) {
        self.fault.borrow_mut().get_or_insert(fault);
    }
}

#[cfg(test)]
mod tests;
