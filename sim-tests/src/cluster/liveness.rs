//! Waiting until everything is caught up, and telling what is not.

use std::{collections::BTreeMap, time::Duration};

use madsim::time::sleep;
use tidelog_core::{
    PartitionId, Topic,
    port::{Client, TaskId},
};
use tidelog_io_sim::{
    Net, Sim,
    transport::SimClient,
    wire::{ClientId, Node},
};
use tidelog_runtime::LocalService;

use super::{
    actor::World,
    node::{PACE, services},
};
use crate::{
    history::Outcome,
    observed::{AfterHeal, Behind, Paces, Settled},
    oracle::{CATCHES_UP_WITHIN_US, SETTLES_WITHIN},
    recorder::Owner,
    workload::Limits,
};

/// How often it is looked whether everything is caught up.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// The machine of whoever looks at the log.
const OBSERVER: Node = Node::Client(ClientId(99));

/// Waits until everything is caught up, or the time for it is over.
pub(super) async fn wait(sim: &Sim, world: &World, healed_us: u64) -> AfterHeal {
    let observer = observer(world);
    loop {
        sleep(LOOKS_EVERY).await;
        let waiting = waiting(world);
        let is_over = sim.now_us() >= healed_us + CATCHES_UP_WITHIN_US;
        if !waiting.is_empty() && !is_over {
            continue;
        }
        let behind = behind(world, &observer).await;
        let looked_us = sim.now_us();
        let is_over = looked_us >= healed_us + CATCHES_UP_WITHIN_US;
        if (behind.is_empty() && waiting.is_empty()) || is_over {
            let states = world.recorder.look().states();
            return AfterHeal { healed_us, looked_us, behind, waiting, states };
        }
    }
}

/// Waits until nothing moves any more, once nobody asks for anything: what was on its way has arrived, and
/// everything that is in the log has been read, and what came of it is committed.
pub(super) async fn quiet(sim: &Sim, world: &World, healed_us: u64) {
    let since_healed = Duration::from_micros(sim.now_us() - healed_us);
    sleep(Net::ARRIVES_WITHIN.saturating_sub(since_healed)).await;
    let observer = observer(world);
    for _ in 0..QUIET_LOOKS_MAX {
        sleep(LOOKS_EVERY).await;
        if lagging(world, &observer, |owner| &owner.committed).await.is_empty() {
            return;
        }
    }
}

/// Waits until what was learned has been published, and tells whether that is all.
pub(super) async fn settle(sim: &Sim, world: &World, clocks_hold: bool) -> Settled {
    let observer = observer(world);
    sleep(SETTLES_WITHIN).await;
    let (at_us, ends) = (sim.now_us(), patches_end(world, &observer).await);
    sleep(WATCHED_FOR).await;
    let later = patches_end(world, &observer).await;
    let paces = clocks_hold.then(|| Paces {
        definition: PACE.definition,
        counts: PACE.counts,
        partitions: world.settings.layout.partitions(),
    });
    Settled { at_us, ends, later, paces }
}

async fn patches_end(world: &World, observer: &SimClient) -> BTreeMap<u32, u64> {
    let mut ends = BTreeMap::new();
    for partition in world.settings.layout.all() {
        if let Ok((_, end)) = observer.bounds(Topic::SchemaPatches, partition).await {
            ends.insert(partition.0, end.0);
        }
    }
    ends
}

/// Waits until nothing more comes of what zones and devices were told, and tells whether that was in time.
pub(super) async fn still(world: &World, limits: Limits) -> bool {
    let observer = observer(world);
    // A lease that is short has ended by then.
    let lease = Duration::from_millis(limits.lease_ms);
    let quiet_for =
        STILL_FOR.max(Some(lease).filter(|it| *it < SHORT).unwrap_or_default() + STILL_FOR);
    let mut before = zones_end(world, &observer).await;
    let (mut quiet, mut waited) = (Duration::ZERO, Duration::ZERO);
    while quiet < quiet_for && waited < STILL_WITHIN {
        sleep(LOOKS_EVERY).await;
        let now = zones_end(world, &observer).await;
        quiet = if now == before { quiet + LOOKS_EVERY } else { Duration::ZERO };
        (waited, before) = (waited + LOOKS_EVERY, now);
    }
    quiet >= quiet_for
}

/// Where the partitions end that have to do with zones and devices.
pub(super) async fn zones_end(
    world: &World,
    observer: &SimClient,
) -> BTreeMap<(Topic, PartitionId), u64> {
    let mut ends = BTreeMap::new();
    for topic in ZONE_TOPICS {
        for partition in world.settings.layout.all() {
            if let Ok((_, end)) = observer.bounds(topic, partition).await {
                ends.insert((topic, partition), end.0);
            }
        }
    }
    ends
}

/// The topics that have to do with zones and devices, each after those that it comes of.
pub(super) const ZONE_TOPICS: [Topic; 7] = [
    Topic::EntityPatches,
    Topic::EntityUpdates,
    Topic::Connections,
    Topic::DeviceUpdates,
    Topic::ZoneChanges,
    Topic::ChangesByDevice,
    Topic::DeviceNotifications,
];

/// How long nothing may come when all has come.
const STILL_FOR: Duration = Duration::from_secs(3);

/// Leases that are shorter end while it is waited for.
const SHORT: Duration = Duration::from_secs(30);

/// How long devices may be told of what has happened before: as many steps as chunks are small.
const STILL_WITHIN: Duration = Duration::from_secs(150);

/// How long it is watched whether more is published: longer than counts wait.
const WATCHED_FOR: Duration = Duration::from_secs(6);

/// So often it is looked at most whether nothing moves any more: for a minute.
const QUIET_LOOKS_MAX: u32 = 240;

/// The operations that have no outcome, of clients that still are there.
pub(super) fn waiting(world: &World) -> Vec<u32> {
    let recorded = world.recorder.look();
    let open = recorded.history.operations.iter().filter(|it| it.outcome == Outcome::Incomplete);
    open.filter(|it| !recorded.gone.contains(&it.client)).map(|it| it.number).collect()
}

/// Whoever looks at the log, as an outsider.
pub(super) fn observer(world: &World) -> SimClient {
    SimClient::start(&world.net, OBSERVER, "observer", &world.settings)
}

/// Every task that the nodes have.
pub(super) fn tasks(world: &World) -> Vec<(TaskId, &'static [Topic])> {
    let partitions = 0..world.settings.layout.partitions();
    let of_service = |service: &LocalService| {
        let spec = service.spec();
        let task = |it| TaskId { service: spec.name, partition: PartitionId(it) };
        partitions.clone().map(move |it| (task(it), spec.inputs)).collect::<Vec<_>>()
    };
    services(world.runs).iter().flat_map(of_service).collect()
}

/// The tasks that have not read everything.
pub(super) async fn behind(world: &World, observer: &SimClient) -> Vec<Behind> {
    lagging(world, observer, |owner| &owner.progress).await
}

/// The tasks that are not at the end of their inputs. Of two processes that run a task, as far as they know,
/// both must be: the one that does not own it any more is to have noticed by then.
async fn lagging(
    world: &World,
    observer: &SimClient,
    at: fn(&Owner) -> &BTreeMap<Topic, u64>,
) -> Vec<Behind> {
    let mut behind = Vec::new();
    for (task, inputs) in tasks(world) {
        let owners = world.recorder.look().owners.get(&task).cloned().unwrap_or_default();
        for topic in inputs {
            let positions = owners.iter().map(|owner| at(owner).get(topic).copied().unwrap_or(0));
            let position = positions.min();
            let end = match observer.bounds(*topic, task.partition).await {
                Ok((_, end)) => end.0,
                Err(_) => u64::MAX,
            };
            if position.is_none_or(|position| position < end) {
                behind.push(Behind { task, topic: *topic, position, end });
            }
        }
    }
    behind
}
