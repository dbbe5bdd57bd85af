//! The database of the embedded log: its keyspaces, and what stands in them.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    message::{decode_row, encode_row},
    port::{Record, TaskId},
};

use crate::{OpenError, batch, keys, partition::Partition, settings::Settings};

/// The newest format of a data folder that this release knows.
const FORMAT: u8 = 1;

/// The open database.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) database: Database,
    /// Batches of records.
    pub(crate) records: Keyspace,
    /// Rows of tables, facts about tasks, facts about the folder.
    pub(crate) rows: Keyspace,
}

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// For each input, the offset to be read next.
    pub(crate) positions: Vec<(Topic, Offset)>,
    /// The task time.
    pub(crate) task_time: Timestamp,
}

impl Store {
    /// Opens the database, and makes sure that it is ours and of this layout.
    pub(crate) fn open(path: &Path, settings: &Settings) -> Result<Self, OpenError> {
        let failed = |source| match source {
            fjall::Error::Locked => OpenError::Locked { path: path.into() },
            source => OpenError::Database { path: path.into(), source },
        };
        let database = Database::builder(path)
            .cache_size(settings.cache_bytes)
            .worker_threads(2)
            .max_journaling_size(128 * 1024 * 1024)
            .open()
            .map_err(failed)?;
        let records = database.keyspace("records", record_options).map_err(failed)?;
        let rows = database.keyspace("rows", row_options).map_err(failed)?;
        let store = Self { database, records, rows };
        store.check_folder(path, settings.layout)?;
        sync_entry(path).map_err(|error| failed(fjall::Error::Io(error)))?;
        Ok(store)
    }

    fn check_folder(&self, path: &Path, layout: Layout) -> Result<(), OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        match self.rows.get(keys::FORMAT).map_err(failed)? {
            Some(format) if *format == [FORMAT] => {}
            Some(format) => {
                let found = format.to_vec();
                return Err(OpenError::Format { path: path.into(), found, known: FORMAT });
            }
            None => {
                let mut batch = self.database.batch().durability(Some(fjall::PersistMode::SyncAll));
                batch.insert(&self.rows, keys::FORMAT, [FORMAT]);
                batch.insert(&self.rows, keys::LAYOUT, encode_row(&layout));
                batch.commit().map_err(failed)?;
            }
        }
        let found = self.rows.get(keys::LAYOUT).map_err(failed)?;
        let found: Layout = found
            .and_then(|row| decode_row(&row).ok())
            .ok_or_else(|| damaged(path, "its layout cannot be read"))?;
        if found != layout {
            let (found, wanted) = (found.partitions(), layout.partitions());
            return Err(OpenError::Layout { path: path.into(), found, wanted });
        }
        Ok(())
    }

    /// A partition of the log as it stands.
    pub(crate) fn partition(
        &self,
        path: &Path,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<Partition, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let start = match self.rows.get(keys::start(topic, partition)).map_err(failed)? {
            Some(row) => decode_row(&row)
                .map_err(|error| damaged(path, &format!("the start of {topic}: {error}")))?,
            None => Offset(0),
        };
        let first = keys::record(topic, partition, Offset(0));
        let last = keys::record(topic, partition, Offset(u64::MAX));
        let next = match self.records.range(first..=last).next_back() {
            Some(guard) => {
                let key = guard.key().map_err(failed)?;
                let last = keys::record_offset(&key)
                    .ok_or_else(|| damaged(path, &format!("a key of {topic}")))?;
                last.next()
            }
            None => start,
        };
        Ok(Partition::new(start, next.max(start)))
    }

    /// How far every task is.
    pub(crate) fn progress(&self, path: &Path) -> Result<BTreeMap<TaskId, Progress>, OpenError> {
        let mut tasks = BTreeMap::new();
        for guard in self.rows.prefix(keys::TASK_PREFIX) {
            let (key, value) = guard
                .into_inner()
                .map_err(|source| OpenError::Database { path: path.into(), source })?;
            let task = keys::task_of(&key).ok_or_else(|| damaged(path, "the key of a task"))?;
            let progress = decode_row(&value)
                .map_err(|error| damaged(path, &format!("how far {task} is: {error}")))?;
            tasks.insert(task, progress);
        }
        Ok(tasks)
    }

    /// Records from `from` on, before `end`, up to a number and a size (but one at least). They are
    /// in the database, for they are durable.
    pub(crate) fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        (from, end): (Offset, Offset),
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Record>, String> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let first = keys::record(topic, partition, from);
        let last = keys::record(topic, partition, Offset(u64::MAX));
        for guard in self.records.range(first..=last) {
            let packed = guard.value().map_err(|error| error.to_string())?;
            let unpacked = batch::unpack(&Bytes::from(packed))
                .ok_or_else(|| format!("a batch of {topic}/{partition} is damaged"))?;
            for record in unpacked {
                if record.offset < from {
                    continue;
                }
                bytes += batch::bytes_of(&record);
                let is_full = records.len() == records_max || bytes > bytes_max;
                if record.offset >= end || (is_full && !records.is_empty()) {
                    return Ok(records);
                }
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// Makes the folder's own entry survive a loss of power: what is in it was synced, and would not be
/// found without it.
pub(crate) fn sync_entry(path: &Path) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    path.parent().map_or(Ok(()), |parent| std::fs::File::open(parent)?.sync_all())
}

fn damaged(path: &Path, what: &str) -> OpenError {
    OpenError::Damaged { path: path.into(), what: what.into() }
}

fn record_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(16 * 1024 * 1024)
        .expect_point_read_hits(true)
}

fn row_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(16 * 1024 * 1024)
}
