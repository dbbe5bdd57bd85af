//! What a record of a changelog is.
//!
//! | key | value |
//! |---|---|
//! | the table's code, then the row's key | the row, or nothing where it was removed |
//! | `0xff` | the positions: format version, then postcard of [`Progress`] |
//!
//! A commit writes the rows of a task and after them its positions, in one transaction with the
//! offsets of its group: whichever of the two a broker has forgotten, the other one is there. The
//! record of the positions is in every commit, so every commit of a task shows in its changelog. It also
//! says, in a header, which changelog that is: the first owner of a new one gives it an identity.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Offset, TableId, Timestamp, Topic,
    message::{DecodeError, decode_row, encode_row},
};

/// Where the positions stand, behind the codes of tables.
const POSITIONS: u8 = 0xff;

/// The key of the record of the positions.
pub(crate) const POSITIONS_KEY: [u8; 1] = [POSITIONS];

/// How far a task has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// For each input, the offset to be read next.
    pub positions: Vec<(Topic, Offset)>,
    /// The task time.
    pub task_time: Timestamp,
}

/// A record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A row was written, or removed.
    Row {
        /// Its table.
        table: TableId,
        /// Its key.
        key: Bytes,
        /// What it is now, if it is there.
        row: Option<Bytes>,
    },
    /// The task got that far.
    Progress(Progress),
}

/// A record of a changelog that this release does not understand. The task cannot be restored by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Its key is empty.
    #[error("its key is empty")]
    NoKey,
    /// It is of a table of a newer release.
    #[error(
        "it is of the table {0}, which this release does not have: replace this node by a newer one"
    )]
    UnknownTable(u8),
    /// It is of positions, and has none.
    #[error("it has positions, and they are gone")]
    NoPositions,
    /// Its positions cannot be read.
    #[error("the positions in it cannot be read: {0}")]
    Positions(#[from] DecodeError),
}

/// The key of a row's record.
pub(crate) fn row_key(table: TableId, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(table.code());
    bytes.extend_from_slice(key);
    bytes
}

/// The value of the record of the positions.
pub(crate) fn progress_value(progress: &Progress) -> Bytes {
    encode_row(progress)
}

/// Reads a record of a changelog.
///
/// # Errors
///
/// If this release does not understand it.
pub fn entry(key: &[u8], value: Option<&[u8]>) -> Result<Entry, EntryError> {
    let (code, key) = key.split_first().ok_or(EntryError::NoKey)?;
    if *code == POSITIONS {
        return Ok(Entry::Progress(decode_row(value.ok_or(EntryError::NoPositions)?)?));
    }
    let table = TableId::ALL.into_iter().find(|table| table.code() == *code);
    let table = table.ok_or(EntryError::UnknownTable(*code))?;
    let row = value.map(Bytes::copy_from_slice);
    Ok(Entry::Row { table, key: Bytes::copy_from_slice(key), row })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let positions =
            vec![(Topic::EntityPatches, Offset(300)), (Topic::SchemaPatches, Offset(0))];
        Progress { positions, task_time: Timestamp::from_millis(1_764_000_000_000) }
    }

    /// These bytes are in changelogs: never mend them.
    #[test]
    fn the_bytes_of_a_changelog_stay_as_they_are() {
        assert_eq!(row_key(TableId::Completions, b"k"), [2, b'k']);
        let bytes = progress_value(&progress());
        let expected = [1, 2, 1, 172, 2, 5, 0, 128, 208, 223, 180, 171, 51];
        assert_eq!(bytes[..], expected);
        assert_eq!(entry(&POSITIONS_KEY, Some(&expected)), Ok(Entry::Progress(progress())));
    }

    #[test]
    fn rows_and_their_removal_read_back() {
        for table in TableId::ALL {
            for row in [Some(&b"row"[..]), Some(b""), None] {
                let expected = Entry::Row {
                    table,
                    key: Bytes::from_static(b"key"),
                    row: row.map(Bytes::copy_from_slice),
                };
                assert_eq!(entry(&row_key(table, b"key"), row), Ok(expected));
            }
        }
    }

    #[test]
    fn what_is_of_a_newer_release_is_told_apart() {
        assert_eq!(entry(&[0x7f], None), Err(EntryError::UnknownTable(0x7f)));
        assert_eq!(entry(&[], None), Err(EntryError::NoKey));
        assert_eq!(entry(&POSITIONS_KEY, None), Err(EntryError::NoPositions));
        let newer = entry(&POSITIONS_KEY, Some(&[2, 0, 0]));
        assert_eq!(newer, Err(EntryError::Positions(DecodeError::NewerVersion(2))));
    }
}
