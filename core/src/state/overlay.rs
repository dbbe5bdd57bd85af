//! Writes that the store does not have yet.

use std::{any::Any, collections::BTreeMap, fmt, ops::Bound, sync::Arc};

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
#[derive(Clone, Default)]
pub struct Overlay {
    rows: BTreeMap<TableId, BTreeMap<Bytes, Option<Bytes>>>,
    /// What some of these rows say, for whoever reads them next. It goes with the row.
    values: BTreeMap<TableId, BTreeMap<Bytes, Value>>,
    bytes: usize,
}

/// What a row says, as the type that it was written from.
pub(super) type Value = Arc<dyn Any + Send + Sync>;

impl Overlay {
    /// Writes a row, or removes it.
    pub fn insert(&mut self, table: TableId, key: &[u8], value: Option<Bytes>) {
        if let Some(values) = self.values.get_mut(&table) {
            values.remove(key);
        }
        self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
        let rows = self.rows.entry(table).or_default();
        if let Some(row) = rows.get_mut(key) {
            self.bytes -= key.len() + row.as_ref().map_or(0, Bytes::len);
            *row = value;
        } else {
            rows.insert(Bytes::copy_from_slice(key), value);
        }
    }

    /// Keeps what a row says that has just been written.
    pub(super) fn keep(&mut self, table: TableId, key: &[u8], value: Value) {
        assert!(self.get(table, key).is_some(), "what is kept is what a row says");
        self.values.entry(table).or_default().insert(Bytes::copy_from_slice(key), value);
    }

    /// What a row says, if that was kept. It is kept no longer.
    pub(super) fn take_value(&mut self, table: TableId, key: &[u8]) -> Option<Value> {
        self.values.get_mut(&table)?.remove(key)
    }

    /// What a row says, if that was kept.
    pub(super) fn value(&self, table: TableId, key: &[u8]) -> Option<&Value> {
        self.values.get(&table)?.get(key)
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

/// Of the same writes: what rows say follows from them.
impl PartialEq for Overlay {
    fn eq(&self, other: &Self) -> bool {
        (&self.rows, self.bytes) == (&other.rows, other.bytes)
    }
}

impl Eq for Overlay {}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, values: _, bytes } = self;
        f.debug_struct("Overlay").field("rows", rows).field("bytes", bytes).finish()
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
