//! The log as an independent reader sees it: librdkafka, and the formats of `core`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::{Bound, ControlFlow},
    path::Path,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset as Place, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use tidelog_core::{
    Offset, PartitionId, ServiceName, TableId, Tables, Timestamp, Topic,
    message::decode_row,
    port::{Store, TaskId},
};
use tidelog_io_local::FjallStore;

use crate::member::{PARTITIONS, PREFIX};

/// A reader of what is committed.
pub(crate) struct Log {
    brokers: String,
}

/// Key and payload of a record; no payload is a tombstone.
type Keyed = (Vec<u8>, Option<Vec<u8>>);

/// Rows by the code of their table and their key.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The key of a changelog's record of positions.
const POSITIONS: [u8; 1] = [0xff];

const PATIENCE: Duration = Duration::from_secs(60);

impl Log {
    pub(crate) fn of(brokers: &str) -> Self {
        Self { brokers: brokers.into() }
    }

    /// All that is committed in a partition.
    fn read(&self, topic: Topic, partition: u32) -> Vec<Keyed> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "nobody")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut places = TopicPartitionList::new();
        let topic = format!("{PREFIX}{topic}");
        let added = places.add_partition_offset(&topic, partition.cast_signed(), Place::Beginning);
        added.and_then(|()| consumer.assign(&places)).expect("a partition to read");
        let (mut records, begin) = (Vec::new(), Instant::now());
        loop {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => {
                    let key = record.key().unwrap_or_default().to_vec();
                    records.push((key, record.payload().map(<[u8]>::to_vec)));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return records,
                // Connections come and go.
                Some(Err(_)) | None => {}
            }
            assert!(begin.elapsed() < PATIENCE, "{topic}/{partition} cannot be read to its end");
        }
    }

    /// The payloads of a topic that has no tombstones.
    pub(crate) fn payloads(&self, topic: Topic) -> Vec<Vec<u8>> {
        let records = (0..PARTITIONS).flat_map(|partition| self.read(topic, partition));
        records.map(|(_, payload)| payload.expect("no tombstone")).collect()
    }

    /// What a changelog says that a task's rows and positions are.
    fn fold(&self, task: TaskId) -> (Rows, Option<Vec<u8>>) {
        let mut rows = BTreeMap::new();
        for (key, value) in self.read(Topic::Changelog(task.service), task.partition.0) {
            match value {
                Some(value) => drop(rows.insert(key, value)),
                None => drop(rows.remove(&key)),
            }
        }
        let positions = rows.remove(&POSITIONS[..]);
        (rows, positions)
    }
}

/// The store of a node that had every task when it stopped equals the fold of the changelogs.
pub(crate) fn check_store(log: &Log, folder: &Path) {
    let store = FjallStore::open(folder, 16 << 20).expect("a store that nobody has open");
    // Nobody has asked for a stream of changes.
    for service in ServiceName::ALL.into_iter().filter(|it| *it != ServiceName::ChangeStream) {
        for partition in (0..PARTITIONS).map(PartitionId) {
            let task = TaskId { service, partition };
            let opened = store.open(task).expect("a store that can be read");
            let (rows, positions) = log.fold(task);
            let positions = positions.map(|bytes| {
                decode_row::<(Vec<(Topic, Offset)>, Timestamp)>(&bytes).expect("positions")
            });
            let found = (!opened.positions.is_empty())
                .then(|| (opened.positions.clone(), opened.task_time));
            assert_eq!(found, positions, "the positions of {task}");
            let found = all_rows(&opened.tables);
            same(&format!("the rows of {task}"), &found, &rows);
        }
    }
}

fn all_rows(tables: &impl Tables) -> Rows {
    let mut rows = BTreeMap::new();
    for table in TableId::ALL {
        let mut visit = |key: &[u8], row: bytes::Bytes| {
            rows.insert([&[table.code()], key].concat(), row.to_vec());
            ControlFlow::Continue(())
        };
        let all = tables.range(table, Bound::Unbounded, Bound::Unbounded, &mut visit);
        all.expect("a table that can be read");
    }
    rows
}

/// Says where two maps differ, which can be large.
fn same<K: Ord + fmt::Debug, V: PartialEq>(
    what: &str,
    found: &BTreeMap<K, V>,
    expected: &BTreeMap<K, V>,
) {
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differ: Vec<_> =
        keys.into_iter().filter(|key| found.get(key) != expected.get(key)).collect();
    assert!(differ.is_empty(), "{what}: {} differ, {:?} first", differ.len(), differ.first());
}
