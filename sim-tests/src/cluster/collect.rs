//! The look at everything when a run is over: the log, and the stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, ControlFlow},
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Offset, PartitionId, Tables, Topic,
    port::{Client, Record, Store, TaskId},
};
use tidelog_io_sim::{SimStore, host::Cluster, transport::SimClient};

use super::{
    actor::World,
    liveness::{observer, tasks},
    node::services,
};
use crate::{
    log::{LogView, Logged},
    observed::{Observed, Spot, StoreView},
    workload::is_spoilt,
};

/// How long a partition is read at once.
const READS_FOR: Duration = Duration::from_secs(5);

/// Takes all that was observed, with the log and the stores as they are.
pub(super) async fn everything(world: &World, _cluster: &Cluster) -> Observed {
    let log = log(world).await;
    let spoilt = spoilt(&log);
    let stores = stores(world);
    let recorded = std::mem::take(&mut *world.recorder.look());
    Observed {
        history: recorded.history,
        batches: recorded.batches,
        log,
        stores,
        ledger: recorded.ledger,
        seen: recorded.seen,
        appended: recorded.appended,
        spoilt,
        ..Observed::default()
    }
}

async fn log(world: &World) -> LogView {
    let observer = observer(world);
    let mut log = LogView::default();
    let changelogs =
        services().iter().map(|it| Topic::Changelog(it.spec().name)).collect::<Vec<_>>();
    for topic in TOPICS.into_iter().chain(changelogs) {
        for partition in world.settings.layout.all() {
            let records = partition_of(&observer, topic, partition).await;
            match topic {
                Topic::Changelog(_) => {
                    log.insert_rows(topic, partition, records.into_iter().map(row));
                }
                _ => log.insert(topic, partition, records),
            }
        }
    }
    log
}

/// The records that the workload made unreadable.
fn spoilt(log: &LogView) -> BTreeSet<Spot> {
    let is_spoilt = |it: &&Logged| it.payload.as_deref().is_some_and(is_spoilt);
    let all = log.all().flat_map(|(topic, partition, records)| {
        let spot = move |it: &Logged| Spot { topic, partition: partition.0, offset: it.offset };
        records.iter().filter(is_spoilt).map(spot)
    });
    all.filter(|spot| spot.topic == Topic::EntityPatches).collect()
}

/// The topics that the services use.
const TOPICS: [Topic; 8] = [
    Topic::EntityBatches,
    Topic::EntityPatches,
    Topic::EntityUpdates,
    Topic::PartialResponses,
    Topic::CompleteResponses,
    Topic::SchemaPatches,
    Topic::SchemaUpdates,
    Topic::DeadLetters,
];

async fn partition_of(observer: &SimClient, topic: Topic, partition: PartitionId) -> Vec<Record> {
    let (mut records, mut failures) = (Vec::new(), 0);
    let (mut from, end) = loop {
        match observer.bounds(topic, partition).await {
            Ok(bounds) => break bounds,
            Err(_) => failures += 1,
        }
        assert!(failures < FAILURES_MAX, "{topic}/{partition} cannot be read after healing");
    };
    while from < end {
        match observer.read(topic, partition, from, observer.now().plus(READS_FOR)).await {
            Ok(read) => {
                from = read.last().map_or(from, |record| record.offset.next());
                failures = if read.is_empty() { failures + 1 } else { 0 };
                records.extend(read);
            }
            Err(_) => failures += 1,
        }
        assert!(failures < FAILURES_MAX, "{topic}/{partition} cannot be read after healing");
    }
    records.retain(|record| record.offset < end);
    records
}

/// Failures in a row after which the log cannot be read.
const FAILURES_MAX: u32 = 20;

/// A record of a changelog: one without a payload removes its row.
fn row(record: Record) -> (u64, Bytes, Option<Bytes>) {
    let Record { offset, key, payload, .. } = record;
    (offset.0, key, (!payload.is_empty()).then_some(payload))
}

/// The tasks' tables, each on the node that owns it.
fn stores(world: &World) -> Vec<StoreView> {
    let owned = |(task, _): (TaskId, _)| {
        let node = world.recorder.owner(task)?;
        let store = world.directory.store(node)?;
        Some(view(&store, task, &node.to_string()))
    };
    tasks(world).into_iter().filter_map(owned).collect()
}

fn view(store: &SimStore, task: TaskId, node: &str) -> StoreView {
    let opened = store.open(task).expect("a store can be read after healing");
    let mut rows = BTreeMap::new();
    let spec = services().into_iter().map(|it| it.spec()).find(|spec| spec.name == task.service);
    for table in spec.map_or(&[][..], |spec| spec.tables) {
        let mut visit = |key: &[u8], value: Bytes| {
            rows.insert((table.code(), Bytes::copy_from_slice(key)), value);
            ControlFlow::Continue(())
        };
        let all = (Bound::Unbounded, Bound::Unbounded);
        opened.tables.range(*table, all.0, all.1, &mut visit).expect("a store can be read");
    }
    let positions = opened.positions.iter().map(|(topic, Offset(at))| (*topic, *at)).collect();
    let changelog = opened.changelog.map(|Offset(at)| at);
    StoreView { task, node: node.into(), changelog, positions, rows }
}
