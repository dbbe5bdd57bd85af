//! Writes that the store does not have yet.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;

use super::table::TableId;

/// The key of a row: its table, and the key's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// The table.
    pub table: TableId,
    /// The key's bytes.
    pub key: Bytes,
}

/// The last write of each row that a batch has written: what its commit makes real, and what the
/// changelog is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    rows: BTreeMap<TableId, BTreeMap<Bytes, Option<Bytes>>>,
    bytes: usize,
}

impl Overlay {
    /// Writes a row, or removes it.
    pub fn insert(&mut self, table: TableId, key: &[u8], value: Option<Bytes>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
        let rows = self.rows.entry(table).or_default();
        if let Some(row) = rows.get_mut(key) {
            self.bytes -= key.len() + row.as_ref().map_or(0, Bytes::len);
            *row = value;
        } else {
            rows.insert(Bytes::copy_from_slice(key), value);
        }
    }

    /// The write of a row, if there is one: `Some(None)` where it was removed.
    #[must_use]
    pub fn get(&self, table: TableId, key: &[u8]) -> Option<&Option<Bytes>> {
        self.rows.get(&table)?.get(key)
    }

    /// Every write, in the order of tables and keys.
    pub fn iter(&self) -> impl Iterator<Item = (TableId, &Bytes, Option<&Bytes>)> {
        self.rows.iter().flat_map(|(table, rows)| {
            rows.iter().map(move |(key, value)| (*table, key, value.as_ref()))
        })
    }

    /// The bytes of keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The writes of one table within bounds, in the order of the keys.
    pub fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> impl Iterator<Item = (&Bytes, &Option<Bytes>)> {
        let empty = match (from, to) {
            (Bound::Included(a), Bound::Included(b)) => a > b,
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
                a >= b
            }
            _ => false,
        };
        let rows = self.rows.get(&table).filter(|_| !empty);
        rows.into_iter().flat_map(move |rows| rows.range::<[u8], _>((from, to)))
    }
}

/// A write of one key: the key with the row's value, or `None` where the row was removed.
pub(super) type Written<'a> = (&'a [u8], Option<(&'a Bytes, &'a Bytes)>);

/// The writes of two overlays within bounds, the newer before the older.
pub(super) fn merge<'a>(
    older: Option<&'a Overlay>,
    newer: &'a Overlay,
    table: TableId,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
) -> Vec<Written<'a>> {
    let mut rows: BTreeMap<&[u8], Option<(&Bytes, &Bytes)>> = BTreeMap::new();
    let older = older.into_iter().flat_map(|older| older.range(table, from, to));
    for (key, value) in older.chain(newer.range(table, from, to)) {
        rows.insert(key, value.as_ref().map(|value| (key, value)));
    }
    rows.into_iter().collect()
}
