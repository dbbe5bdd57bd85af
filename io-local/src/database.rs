//! The database of the embedded log: its keyspaces, and what stands in them.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, compaction::Leveled};
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    message::{decode_row, encode_row},
    port::{Record, TaskId},
};

use crate::{
    OpenError, batch, first_start, keys,
    partition::Partition,
    segments::{Chain, Class, Segment},
    settings::Settings,
    torn_tail, unsynced,
};

/// The newest format of a data folder that this release knows.
const FORMAT: u8 = 1;

/// The open database.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) database: Database,
    /// Batches of records, by class.
    pub(crate) records: [Keyspace; 3],
    /// Rows of tables, records of compacted topics, facts about tasks and the folder.
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

/// Where records are to be read from.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) partition: PartitionId,
    /// The segments to look in, oldest first.
    pub(crate) segments: Vec<u32>,
    pub(crate) from: Offset,
    /// The offset before which to stop.
    pub(crate) end: Offset,
}

impl Store {
    /// Opens the database, and makes sure that it is ours and of this layout.
    pub(crate) fn open(path: &Path, settings: &Settings) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let database = open(path, || {
            Database::builder(path)
                .cache_size(settings.cache_bytes)
                .worker_threads(1)
                .max_journaling_size(192 * 1024 * 1024)
                .open()
        })?;
        let options = || record_options(settings.segment_bytes);
        let records = |class: Class| database.keyspace(class.keyspace(), options);
        let [short, medium, long] = Class::ALL.map(records);
        let records = [short.map_err(failed)?, medium.map_err(failed)?, long.map_err(failed)?];
        let rows = database.keyspace("rows", row_options).map_err(failed)?;
        let store = Self { database, records, rows };
        store.check_folder(path, settings.layout)?;
        sync_entry(path).map_err(|error| failed(fjall::Error::Io(error)))?;
        Ok(store)
    }

    /// The keyspace of a class.
    pub(crate) fn records(&self, class: Class) -> &Keyspace {
        &self.records[class as usize]
    }

    fn check_folder(&self, path: &Path, layout: Layout) -> Result<(), OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        match self.rows.get(keys::FORMAT).map_err(failed)? {
            Some(format) if *format == [FORMAT] => {}
            Some(format) => {
                let found = format.to_vec();
                return Err(OpenError::Format { path: path.into(), found, known: FORMAT });
            }
            None if !self.rows.is_empty().map_err(failed)? => {
                return Err(OpenError::NoFormat { path: path.into() });
            }
            None => {
                let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
                batch.insert(&self.rows, keys::FORMAT, [FORMAT]);
                batch.insert(&self.rows, keys::LAYOUT, encode_row(&layout));
                batch.commit().map_err(failed)?;
            }
        }
        let found = stored_layout(&self.rows, path)?;
        if found != layout {
            let (found, wanted) = (found.partitions(), layout.partitions());
            return Err(OpenError::Layout { path: path.into(), found, wanted });
        }
        Ok(())
    }

    /// The segments of a class: those of the directory, and those after them, which are entered now.
    pub(crate) fn chain(&self, path: &Path, class: Class) -> Result<Chain, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let mut closed = VecDeque::new();
        for guard in self.rows.prefix(keys::segments(class)) {
            let segment: Segment = decode_row(&guard.value().map_err(failed)?)
                .map_err(|error| damaged(path, &format!("the directory of segments: {error}")))?;
            closed.push_back(segment);
        }
        let mut chain = Chain::new(class, closed);
        let from = chain.open.number.to_be_bytes();
        let mut rows = Vec::new();
        for guard in self.records(class).range(from..) {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let (number, topic, partition) = keys::record_place(&key)
                .ok_or_else(|| damaged(path, "the key of a batch of records"))?;
            let records = batch::unpack(&Bytes::from(value))
                .ok_or_else(|| damaged(path, &format!("a batch of {topic}/{partition}")))?;
            let ends = records.first().zip(records.last());
            let (first, last) = ends.ok_or_else(|| damaged(path, "a batch without records"))?;
            if number != chain.open.number {
                if !chain.open.ranges.is_empty() {
                    rows.push(chain.close());
                }
                chain.open = Segment::new(number);
            }
            chain.open.add(topic, partition, (first.offset, last.offset), last.time);
        }
        if !chain.open.ranges.is_empty() {
            rows.push(chain.close());
        }
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        rows.into_iter().for_each(|(key, row)| batch.insert(&self.rows, key, row));
        batch.commit().map_err(failed)?;
        Ok(chain)
    }

    /// A partition of the log as it stands.
    pub(crate) fn partition(
        &self,
        path: &Path,
        chains: &[Chain],
        topic: Topic,
        partition: PartitionId,
    ) -> Result<Partition, OpenError> {
        let failed = |source| OpenError::Database { path: path.into(), source };
        let start = match self.rows.get(keys::start(topic, partition)).map_err(failed)? {
            Some(row) => decode_row(&row)
                .map_err(|error| damaged(path, &format!("the start of {topic}: {error}")))?,
            None => Offset(0),
        };
        let Some(class) = Class::of(topic) else {
            let first = keys::compacted(topic, partition, Offset(0));
            let last = keys::compacted(topic, partition, Offset(u64::MAX));
            let next = match self.rows.range(first..=last).next_back() {
                Some(guard) => keys::record_offset(&guard.key().map_err(failed)?)
                    .ok_or_else(|| damaged(path, &format!("a key of {topic}")))?
                    .next(),
                None => start,
            };
            return Ok(Partition::new(start, next, Vec::new()));
        };
        let chain = chains.iter().find(|chain| chain.class == class);
        let (mut next, mut segments) = (start, Vec::new());
        for segment in chain.into_iter().flat_map(|chain| &chain.closed) {
            if let Some((first, last)) = segment.ranges.get(&(topic, partition)) {
                segments.push((*first, segment.number));
                next = last.next();
            }
        }
        Ok(Partition::new(start, next, segments))
    }

    /// The newest append time in the compacted topics.
    pub(crate) fn newest_compacted(&self, path: &Path) -> Result<Timestamp, OpenError> {
        let mut newest = Timestamp::ZERO;
        for guard in self.rows.prefix(keys::COMPACTED_PREFIX) {
            let packed = guard
                .value()
                .map_err(|source| OpenError::Database { path: path.into(), source })?;
            let records = batch::unpack(&Bytes::from(packed)).unwrap_or_default();
            newest = records.iter().map(|record| record.time).fold(newest, Timestamp::max);
        }
        Ok(newest)
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

    /// Records of a place, up to a number and a size (but one at least). They are in the database,
    /// for they are durable.
    pub(crate) fn read(
        &self,
        place: &Place,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Record>, String> {
        let Place { topic, partition, from, end, .. } = *place;
        let mut found = Vec::new();
        let mut bytes = 0;
        for batches in self.batches(place) {
            for guard in batches {
                let packed = guard.value().map_err(|error| error.to_string())?;
                let records = batch::unpack(&Bytes::from(packed))
                    .ok_or_else(|| format!("a batch of {topic}/{partition} is damaged"))?;
                for record in records.into_iter().filter(|record| record.offset >= from) {
                    bytes += batch::bytes_of(&record);
                    let is_full = found.len() == records_max || bytes > bytes_max;
                    if record.offset >= end || (is_full && !found.is_empty()) {
                        return Ok(found);
                    }
                    found.push(record);
                }
            }
        }
        Ok(found)
    }

    /// The batches of a place, segment by segment.
    fn batches<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = fjall::Iter> + 'a {
        let Place { topic, partition, from, .. } = *place;
        let max = Offset(u64::MAX);
        let class = Class::of(topic);
        let segments = place.segments.iter().filter_map(move |segment| {
            let key = |offset| keys::record(*segment, topic, partition, offset);
            Some(self.records(class?).range(key(from)..=key(max)))
        });
        let key = move |offset| keys::compacted(topic, partition, offset);
        let rows = class.is_none().then(|| self.rows.range(key(from)..=key(max)));
        segments.chain(rows)
    }
}

/// The layout of the log in a folder; `None` if there is none.
pub(crate) fn layout_of(path: &Path) -> Result<Option<Layout>, OpenError> {
    // It is written last when a database is made.
    if !path.join("version").exists() {
        return Ok(None);
    }
    let failed = |source| OpenError::Database { path: path.into(), source };
    let database = open(path, || Database::builder(path).worker_threads(1).open())?;
    let rows = database.keyspace("rows", row_options).map_err(failed)?;
    match rows.get(keys::FORMAT).map_err(failed)? {
        None => Ok(None),
        Some(format) if *format == [FORMAT] => stored_layout(&rows, path).map(Some),
        Some(format) => {
            let found = format.to_vec();
            Err(OpenError::Format { path: path.into(), found, known: FORMAT })
        }
    }
}

fn stored_layout(rows: &Keyspace, path: &Path) -> Result<Layout, OpenError> {
    let row = rows.get(keys::LAYOUT);
    let row = row.map_err(|source| OpenError::Database { path: path.into(), source })?;
    row.and_then(|row| decode_row(&row).ok())
        .ok_or_else(|| damaged(path, "its layout cannot be read"))
}

/// Opens a database, after mending what an interrupted first start, a failed sync or a loss of power
/// has left.
pub(crate) fn open(
    path: &Path,
    open: impl Fn() -> fjall::Result<Database>,
) -> Result<Database, OpenError> {
    let failed = |source| match source {
        fjall::Error::Locked => OpenError::Locked { path: path.into() },
        source => OpenError::Database { path: path.into(), source },
    };
    first_start::clear(path)?;
    unsynced::write_again(path)?;
    match open() {
        Err(fjall::Error::JournalRecovery(reason)) => {
            if torn_tail::cut(path).map_err(|error| failed(error.into()))? {
                return open().map_err(failed);
            }
            Err(failed(fjall::Error::JournalRecovery(reason)))
        }
        opened => opened.map_err(failed),
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

/// The memtables of records end with their segments, which the writer sees to; the limit is only
/// there in case that it cannot.
fn record_options(segment_bytes: usize) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(4 * segment_bytes as u64)
        .expect_point_read_hits(true)
}

/// Merging tables holds up reads and writes while it finishes a table: tables are small.
fn row_options() -> KeyspaceCreateOptions {
    const TABLE_BYTES: u64 = 8 * 1024 * 1024;
    KeyspaceCreateOptions::default()
        .max_memtable_size(16 * 1024 * 1024)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
}
