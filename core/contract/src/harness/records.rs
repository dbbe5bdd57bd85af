//! Records and rows: making them, and looking at them.

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
};

use bytes::Bytes;
use tidelog_core::{
    Destination, Headers, Offset, Outgoing, PartitionId, TableId, Tables, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, Record},
};

use super::PATIENCE;

/// A number as the value of a row.
pub(crate) fn number(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// What [`number`] was given.
pub(crate) fn count(row: Option<&Bytes>) -> u64 {
    row.map_or(0, |row| u64::from_be_bytes(row[..].try_into().expect("a row of eight bytes")))
}

pub(crate) fn send(
    topic: Topic,
    partition: PartitionId,
    key: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> Outgoing {
    Outgoing {
        topic,
        destination: Destination::Partition(partition),
        key: Bytes::copy_from_slice(key.as_ref()),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        headers: Headers::default(),
    }
}

pub(crate) fn record(
    topic: Topic,
    partition: PartitionId,
    key: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> Append {
    Append {
        topic,
        partition,
        key: Bytes::copy_from_slice(key.as_ref()),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        headers: Headers::default(),
    }
}

/// Appends records, which must work.
pub(crate) async fn append(client: &impl Client, records: Vec<Append>) -> Vec<Offset> {
    let outcomes = client.append(records).await.into_iter();
    let offset = |outcome| match outcome {
        AppendOutcome::Appended(offset) => offset,
        AppendOutcome::Rejected(why) | AppendOutcome::Unknown(why) => panic!("an append: {why}"),
    };
    outcomes.map(offset).collect()
}

/// Reads so many records of a partition, from an offset on.
pub(crate) async fn read_from(
    client: &impl Client,
    (topic, partition): (Topic, PartitionId),
    from: Offset,
    count: usize,
) -> Vec<Record> {
    let (mut found, mut next, mut time) = (Vec::new(), from, Timestamp::ZERO);
    let deadline = client.now().plus(PATIENCE);
    while found.len() < count {
        let records = client.read(topic, partition, next, deadline).await.expect("a read");
        let all = found.len();
        assert!(!records.is_empty(), "in vain waited for record {all} of {topic}/{partition}");
        for record in records {
            assert!(record.offset >= next, "{topic}/{partition} went back to {}", record.offset);
            assert!(record.time >= time, "append time went back at {}", record.offset);
            (next, time) = (record.offset.next(), record.time);
            found.push(record);
        }
    }
    assert_eq!(found.len(), count, "{topic}/{partition} has more records than were written");
    found
}

/// The payloads of so many records from the start of a partition on.
pub(crate) async fn payloads(
    client: &impl Client,
    topic: Topic,
    partition: PartitionId,
    count: usize,
) -> Vec<String> {
    let records = read_from(client, (topic, partition), Offset(0), count).await;
    texts(records.iter())
}

pub(crate) fn texts<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<String> {
    records.map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

/// All rows of a table.
pub(crate) fn rows(tables: &impl Tables, table: TableId) -> BTreeMap<Bytes, Bytes> {
    scan(tables, table, (Bound::Unbounded, Bound::Unbounded), usize::MAX).into_iter().collect()
}

/// The first rows of a table within bounds.
pub(crate) fn scan(
    tables: &impl Tables,
    table: TableId,
    (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    limit: usize,
) -> Vec<(Bytes, Bytes)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value| {
        found.push((Bytes::copy_from_slice(key), value));
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    tables.range(table, from, to, &mut visit).expect("a table that can be read");
    found
}
