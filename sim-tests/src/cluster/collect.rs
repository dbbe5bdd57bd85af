//! The look at everything when a run is over: the log, and the stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, ControlFlow},
    time::Duration,
};

use bytes::Bytes;
use madsim::time::sleep;
use tidelog_core::{
    Offset, PartitionId, Tables, Topic,
    port::{Client, Record, Store, TaskId},
};
use tidelog_io_sim::{
    Disk, SimStore,
    transport::SimClient,
    wire::{ClientId, Node},
};

use super::{
    actor::World,
    liveness::{ZONE_TOPICS, behind, observer, tasks, zones_end},
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
pub(super) async fn everything(world: &World) -> Observed {
    let mut log = log(world).await;
    let spoilt = spoilt(&log);
    let mut stores = Vec::new();
    for (task, _) in tasks(world) {
        stores.extend(changelog(world, task, &mut log).await);
    }
    let recorded = std::mem::take(&mut *world.recorder.look());
    Observed {
        history: recorded.history,
        batches: recorded.batches,
        log,
        stores,
        ledger: recorded.ledger,
        seen: recorded.seen,
        appended: recorded.appended,
        schemas: recorded.schemas,
        zones_seen: recorded.zones,
        spoilt,
        ..Observed::default()
    }
}

/// Takes all nodes their disks, and tells the tables that their tasks have once they are rebuilt from the
/// log alone.
pub(super) async fn rebuilt(world: &World, nodes: u32) -> Vec<StoreView> {
    begin_again(world, nodes, Disk::wipe).await;
    let view = |(task, _)| {
        let (node, store) = store(world, task)?;
        Some(view(world, &store, task, &node.to_string()))
    };
    tasks(world).into_iter().filter_map(view).collect()
}

/// Ends all nodes, does something to their disks, and waits until everything has been read again.
pub(super) async fn begin_again(world: &World, nodes: u32, with: fn(&Disk)) {
    for number in 1..=nodes {
        world.nodes.crash(Node::Client(ClientId(number)), BETWEEN_LOOKS, with);
    }
    drop(std::mem::take(&mut world.recorder.look().owners));
    let observer = observer(world);
    for _ in 0..REBUILT_LOOKS_MAX {
        sleep(Duration::from_millis(250)).await;
        if behind(world, &observer).await.is_empty() {
            break;
        }
    }
}

/// So often it is looked at most whether everything is rebuilt: for a minute.
const REBUILT_LOOKS_MAX: u32 = 240;

/// Reads the log. Leases end whenever they do: what has changed while it was read is read again.
async fn log(world: &World) -> LogView {
    let observer = observer(world);
    if world.runs.watches.is_none() {
        return log_of(world, &observer, &TOPICS).await;
    }
    let others = ZONE_TOPICS.into_iter().filter(|topic| !TOPICS.contains(topic));
    let topics: Vec<_> = TOPICS.into_iter().chain(others).collect();
    let mut looks = 0;
    loop {
        let before = zones_end(world, &observer).await;
        let log = log_of(world, &observer, &topics).await;
        looks += 1;
        if before == zones_end(world, &observer).await || looks == LOOKS_MAX {
            return log;
        }
    }
}

async fn log_of(world: &World, observer: &SimClient, topics: &[Topic]) -> LogView {
    let mut log = LogView::default();
    for topic in topics.iter().copied() {
        for partition in world.settings.layout.all() {
            let (records, _) = partition_of(observer, topic, partition).await;
            log.insert(topic, partition, records);
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

/// Reads the changelog of a task, and tells the tables that its owner has, of one moment: a task that
/// commits while its changelog is read is looked at again, and so is one whose last commit has markers
/// to come, for a store may have it as soon as it cannot fail any more.
async fn changelog(world: &World, task: TaskId, log: &mut LogView) -> Option<StoreView> {
    let observer = observer(world);
    let topic = Topic::Changelog(task.service);
    let mut looks = 0;
    loop {
        let before = store(world, task).map(|(node, store)| (node, at(&store, task)));
        let (records, end) = partition_of(&observer, topic, task.partition).await;
        let found = store(world, task);
        let after = found.as_ref().map(|(node, store)| (*node, at(store, task)));
        let is_read = after.is_none_or(|(_, at)| at.is_none_or(|at| at <= end));
        looks += 1;
        if (before == after && is_read) || looks == LOOKS_MAX {
            log.insert_rows(topic, task.partition, records.into_iter().map(row));
            return found.map(|(node, store)| view(world, &store, task, &node.to_string()));
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// A task is looked at so often at most.
const LOOKS_MAX: u32 = 50;

/// The time between two looks at a task that is at work.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The topics that the services use.
const TOPICS: [Topic; 9] = [
    Topic::EntityBatches,
    Topic::EntityPatches,
    Topic::EntityUpdates,
    Topic::PartialResponses,
    Topic::CompleteResponses,
    Topic::SchemaPatches,
    Topic::SchemaUpdates,
    Topic::SchemaLearning,
    Topic::DeadLetters,
];

/// The records of a partition, and where it ends.
pub(super) async fn partition_of(
    observer: &SimClient,
    topic: Topic,
    partition: PartitionId,
) -> (Vec<Record>, Offset) {
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
    (records, end)
}

/// Failures in a row after which the log cannot be read.
const FAILURES_MAX: u32 = 20;

/// A record of a changelog: one without a payload removes its row.
fn row(record: Record) -> (u64, Bytes, Option<Bytes>) {
    let Record { offset, key, payload, .. } = record;
    (offset.0, key, (!payload.is_empty()).then_some(payload))
}

/// The store of the node that owns a task.
fn store(world: &World, task: TaskId) -> Option<(Node, SimStore)> {
    let node = world.recorder.owner(task)?;
    Some((node, world.directory.store(node)?))
}

/// How far a store is in a task's changelog.
fn at(store: &SimStore, task: TaskId) -> Option<Offset> {
    store.open(task).expect("a store can be read after healing").changelog
}

fn view(world: &World, store: &SimStore, task: TaskId, node: &str) -> StoreView {
    let opened = store.open(task).expect("a store can be read after healing");
    let mut rows = BTreeMap::new();
    let spec =
        services(world.runs).into_iter().map(|it| it.spec()).find(|spec| spec.name == task.service);
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
