//! How records, rows and facts about tasks are keyed in the database.

use tidelog_core::{Offset, PartitionId, ServiceName, TableId, Topic, port::TaskId};

use crate::segments::Class;

/// Where a task's facts stand, beside the codes of services, which are below 128.
const TASKS: u8 = 0xfe;

/// Where the folder's facts stand.
const FOLDER: u8 = 0xff;

/// The key of the folder's format.
pub(crate) const FORMAT: [u8; 2] = [FOLDER, 0];

/// The key of the folder's layout.
pub(crate) const LAYOUT: [u8; 2] = [FOLDER, 1];

/// The key of a store's format, which is none of a log's: neither is taken for the other.
pub(crate) const STORE_FORMAT: [u8; 2] = [FOLDER, 4];

/// Where the records of compacted topics stand.
const COMPACTED: u8 = 0xfd;

/// The key of a batch of records: segment, topic, partition, and the offset of its last record, so
/// that the batch of an offset is the first one at or after it.
pub(crate) fn record(segment: u32, topic: Topic, partition: PartitionId, last: Offset) -> [u8; 17] {
    let mut key = [0; 17];
    key[..4].copy_from_slice(&segment.to_be_bytes());
    key[4] = topic.code();
    key[5..9].copy_from_slice(&partition.0.to_be_bytes());
    key[9..].copy_from_slice(&last.0.to_be_bytes());
    key
}

/// The segment, topic and partition in the key of a batch of records.
pub(crate) fn record_place(key: &[u8]) -> Option<(u32, Topic, PartitionId)> {
    let (segment, rest) = key.split_first_chunk()?;
    let (topic, rest) = rest.split_first()?;
    let partition = rest.first_chunk()?;
    let partition = PartitionId(u32::from_be_bytes(*partition));
    Some((u32::from_be_bytes(*segment), Topic::from_code(*topic)?, partition))
}

/// The prefix of the records of compacted topics.
pub(crate) const COMPACTED_PREFIX: [u8; 1] = [COMPACTED];

/// The key of a record of a compacted topic.
pub(crate) fn compacted(topic: Topic, partition: PartitionId, offset: Offset) -> [u8; 14] {
    let mut key = [COMPACTED; 14];
    key[1] = topic.code();
    key[2..6].copy_from_slice(&partition.0.to_be_bytes());
    key[6..].copy_from_slice(&offset.0.to_be_bytes());
    key
}

/// The key of a segment's row of the directory.
pub(crate) fn segment(class: Class, number: u32) -> [u8; 7] {
    let mut key = [FOLDER; 7];
    key[1] = 3;
    key[2] = class.code();
    key[3..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The prefix of a class's rows of the directory.
pub(crate) fn segments(class: Class) -> [u8; 3] {
    [FOLDER, 3, class.code()]
}

/// The offset at the end of a key of records.
pub(crate) fn record_offset(key: &[u8]) -> Option<Offset> {
    key.last_chunk().map(|bytes| Offset(u64::from_be_bytes(*bytes)))
}

/// The key of the first offset that a partition still has, where retention has taken some.
pub(crate) fn start(topic: Topic, partition: PartitionId) -> [u8; 7] {
    let mut key = [FOLDER; 7];
    key[1] = 2;
    key[2] = topic.code();
    key[3..].copy_from_slice(&partition.0.to_be_bytes());
    key
}

/// How long the prefix of a table's rows is.
pub(crate) const TABLE_PREFIX_BYTES: usize = 6;

/// The prefix of a table's rows.
pub(crate) fn table(task: TaskId, table: TableId) -> [u8; 6] {
    let mut key = [0; 6];
    key[..5].copy_from_slice(&rows(task));
    key[5] = table.code();
    key
}

/// The prefix of all rows of a task.
pub(crate) fn rows(task: TaskId) -> [u8; 5] {
    let mut key = [task.service.code(); 5];
    key[1..].copy_from_slice(&task.partition.0.to_be_bytes());
    key
}

/// The key of a row.
pub(crate) fn row(task: TaskId, id: TableId, key: &[u8]) -> Vec<u8> {
    let prefix = table(task, id);
    let mut row = Vec::with_capacity(prefix.len() + key.len());
    row.extend_from_slice(&prefix);
    row.extend_from_slice(key);
    row
}

/// The prefix of the facts about tasks.
pub(crate) const TASK_PREFIX: [u8; 1] = [TASKS];

/// The key of the facts about a task.
pub(crate) fn task(task: TaskId) -> [u8; 6] {
    let mut key = [TASKS; 6];
    key[1..].copy_from_slice(&rows(task));
    key
}

/// The task that a key of facts is about.
pub(crate) fn task_of(key: &[u8]) -> Option<TaskId> {
    let [TASKS, code, partition @ ..] = key else { return None };
    let service = ServiceName::ALL.into_iter().find(|service| service.code() == *code)?;
    let partition = PartitionId(u32::from_be_bytes(partition.try_into().ok()?));
    Some(TaskId { service, partition })
}
