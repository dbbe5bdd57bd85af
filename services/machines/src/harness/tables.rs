//! Tables in memory.

use std::{
    fmt::Write,
    ops::{Bound, ControlFlow},
};

use bytes::Bytes;
use tidelog_core::{Overlay, ReadFault, TableId, Tables};

use super::Rows;

/// The committed rows of a task.
#[derive(Clone, Default)]
pub(crate) struct MemoryTables {
    pub(super) rows: Rows,
}

impl MemoryTables {
    pub(crate) fn apply(&mut self, overlay: &Overlay) {
        for (table, key, value) in overlay.iter() {
            let key = (table, key.clone());
            match value {
                Some(value) => self.rows.insert(key, value.clone()),
                None => self.rows.remove(&key),
            };
        }
    }
}

impl Tables for MemoryTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        Ok(self.rows.get(&(table, Bytes::copy_from_slice(key))).cloned())
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        let from = match from {
            Bound::Included(from) => Bound::Included((table, Bytes::copy_from_slice(from))),
            Bound::Excluded(from) => Bound::Excluded((table, Bytes::copy_from_slice(from))),
            Bound::Unbounded => Bound::Included((table, Bytes::new())),
        };
        for ((id, key), row) in self.rows.range((from, Bound::Unbounded)) {
            let is_inside = match to {
                Bound::Included(to) => **key <= *to,
                Bound::Excluded(to) => **key < *to,
                Bound::Unbounded => true,
            };
            if *id != table || !is_inside || visit(key, row.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A row's bytes as a person can compare them: printable characters, and the rest as `\xNN`.
pub(crate) fn dump_line(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a string takes all"),
        }
        text
    })
}
