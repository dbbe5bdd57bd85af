//! What a task's changelog holds: the last write of each row, and one record that says how far the task
//! was. All of a commit stands there, or nothing: it is written in the commit's transaction.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tidelog_core::{Offset, Overlay, TableId, Timestamp, Topic, port::TaskCommit};

/// The key of the one record that says how far the task was.
const PROGRESS: u8 = 0;

/// The first byte of the keys of rows; the table's code and the row's key follow.
const ROW: u8 = 1;

/// The format of the progress record.
const VERSION: u8 = 1;

/// A record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A row was written, or removed.
    Row { table: TableId, key: Bytes, value: Option<Bytes> },
    /// The task got so far.
    Progress(Progress),
}

/// How far a task was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// For each input, the offset to be read next.
    pub(crate) positions: Vec<(Topic, Offset)>,
    /// The task time.
    pub(crate) task_time: Timestamp,
}

/// A record that is none of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a changelog holds a record that this program does not know, with the key {key:?}: {why}")]
pub(crate) struct Damaged {
    key: Bytes,
    why: &'static str,
}

/// The records of what a task did, keys and values: its rows in the order of tables and keys, and how far
/// it was at the end.
pub(crate) fn encode(commit: &TaskCommit) -> Vec<(Bytes, Option<Bytes>)> {
    let rows = commit.rows.iter();
    let mut records: Vec<_> =
        rows.map(|(table, key, value)| (row_key(table, key), value.cloned())).collect();
    records.push((Bytes::from_static(&[PROGRESS]), Some(encode_progress(commit))));
    records
}

/// Reads a record.
pub(crate) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Entry, Damaged> {
    let damaged = |why| Damaged { key: key.clone(), why };
    match (key.first(), value) {
        (Some(&ROW), value) => {
            let code = *key.get(1).ok_or_else(|| damaged("its table is missing"))?;
            let table = TableId::ALL.into_iter().find(|table| table.code() == code);
            let table = table.ok_or_else(|| damaged("there is no such table"))?;
            Ok(Entry::Row { table, key: key.slice(2..), value: value.cloned() })
        }
        (Some(&PROGRESS), Some(value)) => {
            let progress = decode_progress(value.clone());
            Ok(Entry::Progress(progress.ok_or_else(|| damaged("its value cannot be read"))?))
        }
        (Some(&PROGRESS), None) => Err(damaged("it says no progress")),
        (Some(_) | None, _) => Err(damaged("it is of no known kind")),
    }
}

/// What a run of records comes to.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// The last write of each row.
    pub(crate) rows: Overlay,
    /// The last progress, if there was one.
    pub(crate) progress: Option<Progress>,
}

impl Fold {
    /// Takes the next record.
    pub(crate) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Row { table, key, value } => self.rows.insert(table, &key, value),
            Entry::Progress(progress) => self.progress = Some(progress),
        }
    }

    /// The rows, for a batch of the store.
    pub(crate) fn into_rows(self) -> Arc<Overlay> {
        Arc::new(self.rows)
    }
}

fn row_key(table: TableId, key: &Bytes) -> Bytes {
    let mut bytes = BytesMut::with_capacity(2 + key.len());
    bytes.put_u8(ROW);
    bytes.put_u8(table.code());
    bytes.put_slice(key);
    bytes.freeze()
}

fn encode_progress(commit: &TaskCommit) -> Bytes {
    let mut bytes = BytesMut::with_capacity(10 + 9 * commit.positions.len());
    bytes.put_u8(VERSION);
    bytes.put_u64(commit.task_time.as_millis());
    for (topic, offset) in &commit.positions {
        bytes.put_u8(topic.code());
        bytes.put_u64(offset.0);
    }
    bytes.freeze()
}

fn decode_progress(mut bytes: Bytes) -> Option<Progress> {
    const POSITION: usize = 9;
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let task_time = Timestamp::from_millis(bytes.try_get_u64().ok()?);
    if !bytes.len().is_multiple_of(POSITION) {
        return None;
    }
    let mut positions = Vec::with_capacity(bytes.len() / POSITION);
    while bytes.has_remaining() {
        let topic = Topic::from_code(bytes.try_get_u8().ok()?)?;
        positions.push((topic, Offset(bytes.try_get_u64().ok()?)));
    }
    Some(Progress { positions, task_time })
}

#[cfg(test)]
mod tests {
    use tidelog_core::PartitionId;

    use super::*;

    fn commit() -> TaskCommit {
        let mut rows = Overlay::default();
        rows.insert(TableId::Zones, b"", Some(Bytes::from_static(b"value")));
        rows.insert(TableId::Entities, b"gone", None);
        rows.insert(TableId::Entities, b"empty", Some(Bytes::new()));
        TaskCommit {
            partition: PartitionId(3),
            positions: vec![(Topic::EntityBatches, Offset(7)), (Topic::SchemaPatches, Offset(0))],
            task_time: Timestamp::from_millis(99),
            rows: Arc::new(rows),
            sends: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_folds_to_what_was_done() {
        let commit = commit();
        let mut fold = Fold::default();
        for (key, value) in encode(&commit) {
            fold.take(decode(&key, value.as_ref()).expect("a record of our own"));
        }
        assert_eq!(fold.rows, *commit.rows);
        let progress = Progress { positions: commit.positions, task_time: commit.task_time };
        assert_eq!(fold.progress, Some(progress));
    }

    #[test]
    fn a_record_of_somebody_else_is_told_from_ours() {
        let value = Bytes::from_static(b"?");
        let bad: [(&'static [u8], Option<&Bytes>); 6] = [
            (b"", Some(&value)),
            (b"\x02", Some(&value)),
            (b"\x01", None),
            (b"\x01\xff", None),
            (b"\x00", None),
            (b"\x00", Some(&value)),
        ];
        for (key, value) in bad {
            assert!(decode(&Bytes::from_static(key), value).is_err(), "{key:?}");
        }
    }
}
