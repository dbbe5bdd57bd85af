//! Rows that are committed and not yet in the database.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::{Bound, ControlFlow},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tidelog_core::{Overlay, TableId};

/// The rows of one task that are committed and not yet in the database.
///
/// The task's session adds to them, the writer takes away what it has written, and the task reads
/// them over what the database has.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// The newest write of each row, with the number of its commit.
    newest: BTreeMap<TableId, BTreeMap<Bytes, (u64, Option<Bytes>)>>,
    /// The commits that are not written, in order.
    commits: VecDeque<(u64, Arc<Overlay>)>,
}

impl Pending {
    /// Adds the rows of commit number `commit`; numbers rise.
    pub(crate) fn add(&self, commit: u64, overlay: &Arc<Overlay>) {
        if overlay.is_empty() {
            return;
        }
        let mut rows = self.lock();
        for (table, key, value) in overlay.iter() {
            let row = (commit, value.cloned());
            rows.newest.entry(table).or_default().insert(key.clone(), row);
        }
        rows.commits.push_back((commit, Arc::clone(overlay)));
    }

    /// Says that the commits up to number `commit` are in the database.
    pub(crate) fn written(&self, commit: u64) {
        let mut rows = self.lock();
        while let Some((number, overlay)) = rows.commits.pop_front_if(|(n, _)| *n <= commit) {
            for (table, key, _) in overlay.iter() {
                let Some(newest) = rows.newest.get_mut(&table) else { continue };
                if newest.get(key).is_some_and(|(newest, _)| *newest == number) {
                    newest.remove(key);
                }
            }
        }
    }

    /// The pending write of a row: `Some(None)` where it was removed.
    pub(crate) fn get(&self, table: TableId, key: &[u8]) -> Option<Option<Bytes>> {
        self.lock().newest.get(&table)?.get(key).map(|(_, value)| value.clone())
    }

    /// The pending writes of a table within bounds, in the order of their keys.
    pub(crate) fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Vec<(Bytes, Option<Bytes>)> {
        let rows = self.lock();
        let Some(rows) = rows.newest.get(&table).filter(|_| !is_empty(from, to)) else {
            return Vec::new();
        };
        rows.range::<[u8], _>((from, to))
            .map(|(key, (_, value))| (key.clone(), value.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        // A panic while the rows are held ends the process's log; reading on does no harm.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no key is within bounds, which `BTreeMap::range` does not take.
pub(crate) fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

/// Calls `visit` with the rows of the database under the pending writes, in the order of the keys.
pub(crate) fn merge<E>(
    pending: Vec<(Bytes, Option<Bytes>)>,
    stored: impl Iterator<Item = Result<(Bytes, Bytes), E>>,
    visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
) -> Result<(), E> {
    let mut pending = pending.into_iter().peekable();
    for row in stored {
        let (key, value) = row?;
        while let Some((before, value)) = pending.next_if(|(pending, _)| *pending < key) {
            if let Some(value) = value
                && visit(&before, value).is_break()
            {
                return Ok(());
            }
        }
        let value = match pending.next_if(|(pending, _)| *pending == key) {
            Some((_, None)) => continue,
            Some((_, Some(newer))) => newer,
            None => value,
        };
        if visit(&key, value).is_break() {
            return Ok(());
        }
    }
    for (key, value) in pending {
        if let Some(value) = value
            && visit(&key, value).is_break()
        {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stays_pending_until_its_newest_write_is_written() {
        let pending = Pending::default();
        let overlay = |value: &'static [u8]| {
            let mut overlay = Overlay::default();
            overlay.insert(TableId::Zones, b"k", Some(Bytes::from_static(value)));
            Arc::new(overlay)
        };
        pending.add(1, &overlay(b"one"));
        pending.add(2, &overlay(b"two"));
        pending.written(1);
        assert_eq!(pending.get(TableId::Zones, b"k"), Some(Some(Bytes::from_static(b"two"))));
        pending.written(2);
        assert_eq!(pending.get(TableId::Zones, b"k"), None);
    }
}
