//! The tables of a task, of which the store may lack the last commit.

use std::{
    ops::{Bound, ControlFlow},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use tidelog_core::{Overlay, ReadFault, TableId, Tables};

/// The committed tables of a task: those of the store, under the rows of the last commit for as long as
/// these are on their way into it.
pub struct KafkaTables<T> {
    stored: T,
    unstored: Arc<Unstored>,
}

/// The rows of the last commit of a task while they are written into the store.
#[derive(Default)]
pub(crate) struct Unstored {
    rows: Mutex<Option<Arc<Overlay>>>,
}

impl<T> KafkaTables<T> {
    pub(crate) fn new(stored: T, unstored: Arc<Unstored>) -> Self {
        Self { stored, unstored }
    }
}

impl<T: Tables> Tables for KafkaTables<T> {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        match self.unstored.get(table, key) {
            Some(row) => Ok(row),
            None => self.stored.get(table, key),
        }
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        let rows = self.unstored.rows().clone();
        let Some(rows) = rows else { return self.stored.range(table, from, to, visit) };
        let mut newer = rows.range(table, from, to).peekable();
        let mut flow = ControlFlow::Continue(());
        self.stored.range(table, from, to, &mut |key, row| {
            while let Some((before, row)) = newer.next_if(|(newer, _)| newer[..] < *key) {
                flow = row.as_ref().map_or(flow, |row| visit(before, row.clone()));
                if flow.is_break() {
                    return flow;
                }
            }
            let row = match newer.next_if(|(newer, _)| newer[..] == *key) {
                Some((_, newer)) => newer.clone(),
                None => Some(row),
            };
            flow = row.map_or(flow, |row| visit(key, row));
            flow
        })?;
        for (key, row) in newer {
            if flow.is_break() {
                break;
            }
            flow = row.as_ref().map_or(flow, |row| visit(key, row.clone()));
        }
        Ok(())
    }
}

impl Unstored {
    /// Shows rows that have been committed. Those of the commit before are in the store.
    pub(crate) fn show(&self, rows: Arc<Overlay>) {
        let before = self.rows().replace(rows);
        assert!(before.is_none(), "the store does not have the commit before");
    }

    /// Takes note that the store has them.
    pub(crate) fn stored(&self) {
        *self.rows() = None;
    }

    fn get(&self, table: TableId, key: &[u8]) -> Option<Option<Bytes>> {
        self.rows().as_ref()?.get(table, key).cloned()
    }

    fn rows(&self) -> MutexGuard<'_, Option<Arc<Overlay>>> {
        self.rows.lock().expect("looking a row up does not panic")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const TABLE: TableId = TableId::Entities;

    /// Rows that a test has stored.
    struct Stored(BTreeMap<Vec<u8>, Bytes>);

    impl Tables for Stored {
        fn get(&self, _table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
            Ok(self.0.get(key).cloned())
        }

        fn range(
            &self,
            _table: TableId,
            from: Bound<&[u8]>,
            to: Bound<&[u8]>,
            visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
        ) -> Result<(), ReadFault> {
            let mut rows = self.0.range::<[u8], _>((from, to));
            _ = rows.try_for_each(|(key, row)| visit(key, row.clone()));
            Ok(())
        }
    }

    fn seen(tables: &impl Tables, from: u8, limit: usize) -> Vec<(Vec<u8>, Bytes)> {
        let mut rows = Vec::new();
        let from = [from];
        let from = Bound::Included(&from[..]);
        let read = tables.range(TABLE, from, Bound::Unbounded, &mut |key, row| {
            rows.push((key.to_vec(), row));
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        read.expect("rows in memory can be read");
        rows
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_whether_the_store_has_the_last_commit_yet(
            stored in prop::collection::btree_map(0_u8..20, any::<u8>(), 0..12),
            written in prop::collection::btree_map(0_u8..20, any::<Option<u8>>(), 0..12),
            from in 0_u8..20,
            limit in 1_usize..12,
        ) {
            let row = |value: u8| Bytes::from(vec![value]);
            let before = stored.into_iter().map(|(key, value)| (vec![key], row(value)));
            let before: BTreeMap<_, _> = before.collect();
            let (mut after, mut rows) = (before.clone(), Overlay::default());
            for (key, value) in written {
                rows.insert(TABLE, &[key], value.map(row));
                match value {
                    Some(value) => _ = after.insert(vec![key], row(value)),
                    None => _ = after.remove(&vec![key]),
                }
            }
            let unstored = Arc::new(Unstored::default());
            unstored.show(Arc::new(rows));
            let (tables, after) = (KafkaTables::new(Stored(before), unstored), Stored(after));
            prop_assert_eq!(seen(&tables, from, limit), seen(&after, from, limit));
            prop_assert_eq!(tables.get(TABLE, &[from]), after.get(TABLE, &[from]));
        }
    }
}
