//! A node: the services of the product on the simulated ports, as `tidelog serve` has them on others.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tidelog_core::port::TaskId;
use tidelog_io_sim::{
    SimStore, client::ClientSettings, host::Boot, transport::SimTransport, wire::Node,
};
use tidelog_machines::{
    ChangesInZone, Chunk, Coalescing, DeviceKeeper, EntityBatch, EntityStorage, Pace,
    ResponseAccumulator, SchemaLearning, SchemaLearningPartitioner, SchemaStorage, ZoneWatch,
};
use tidelog_runtime::{LocalQueries, LocalService, Settings, TaskState, Watch, run_watched};

use super::{queries::Directory, tap::Tap};
use crate::{dice::Dice, recorder::Recorder, workload::Limits};

/// What nodes run besides what they always do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// Whether schemas are learned.
    pub(crate) learns: bool,
    /// Whether zones are watched, and with which limits.
    pub(crate) watches: Option<Limits>,
}

/// The services of a node.
pub(super) fn services(runs: Runs) -> Vec<LocalService> {
    let mut services: Vec<LocalService> = vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ];
    if runs.learns {
        services.push(Box::new(SchemaLearningPartitioner));
        services.push(Box::new(SchemaLearning { pace: PACE }));
    }
    if let Some(limits) = runs.watches {
        let Limits { feed_changes, devices, subscriptions, zones_max, lease_ms } = limits;
        let chunk = Chunk { devices, subscriptions };
        services.push(Box::new(ChangesInZone));
        services.push(Box::new(ZoneWatch { feed_changes, chunk }));
        services.push(Box::new(Coalescing { zones_max }));
        services.push(Box::new(DeviceKeeper { lease: Duration::from_millis(lease_ms) }));
    }
    services
}

/// How often nodes publish what they have learned. Counts are published sooner than they are by default,
/// so that nobody has to wait for them at the end of a run.
pub(super) const PACE: Pace =
    Pace { definition: Duration::from_secs(1), counts: Duration::from_secs(4) };

/// What a process of a node does, until one of its services fails.
pub(super) async fn run(
    boot: Boot,
    settings: ClientSettings,
    recorder: Recorder,
    directory: Directory,
    runs: Runs,
) {
    let Ok(store) = SimStore::open(&boot.disk) else {
        // Whoever watches over the process starts it again.
        boot.machine.clock().sleep(Duration::from_millis(100)).await;
        return;
    };
    boot.net.sim().event(&boot.name, "store", &store.found());
    let transport =
        SimTransport::new(&boot.net, boot.node, &boot.name, settings, Arc::new(store.clone()));
    let queries = LocalQueries::new(transport.snapshots(), services(runs));
    let leave = directory.open(boot.node, store, queries).into_future().map(drop).shared();
    let process = format!("{}@{}#{}", boot.name, boot.node, boot.start);
    let tap = Tap::new(transport, &recorder, boot.node, &process);
    let watch = Watching { recorder, node: boot.node, process: process.into() };
    let mut settings = temper(boot.net.sim().seed(), &boot.name);
    if runs.watches.is_some() {
        // A change is told several devices: with batches of ten nobody would catch up in time.
        settings.batch_records_max = settings.batch_records_max.max(BATCH_MIN_WATCHING);
    }
    let services = services(runs);
    let mut running = FuturesUnordered::new();
    for service in &services {
        let run = run_watched(&tap, &**service, &settings, &watch, leave.clone());
        running.push(run.boxed_local());
    }
    // All of them end when it is told to leave, and one that fails ends the process.
    while let Some(ended) = running.next().await {
        if let Err(error) = ended {
            return boot.net.sim().event(&boot.name, "ends", &error.to_string());
        }
    }
}

/// How many records a batch has at least where zones are watched.
const BATCH_MIN_WATCHING: usize = 50;

/// Some nodes have small batches, some commit seldom, and some take their time before they try again.
fn temper(seed: u64, name: &str) -> Settings {
    let mut dice = Dice::new(seed, &format!("settings of {name}"));
    Settings {
        commit_interval: Duration::from_millis(*dice.one(&[20, 20, 20, 5, 200])),
        batch_records_max: *dice.one(&[10_000, 10_000, 10_000, 10]),
        retry_delay: Duration::from_millis(*dice.one(&[100, 100, 100, 3_000])),
        ..Settings::default()
    }
}

struct Watching {
    recorder: Recorder,
    node: Node,
    process: Box<str>,
}

impl Watch for Watching {
    fn task(&self, task: TaskId, state: TaskState) {
        let trouble = match state {
            TaskState::Running => None,
            TaskState::Restoring => {
                self.recorder.begins_again(task, &self.process);
                Some("is being restored".to_owned())
            }
            TaskState::Failed(why) => {
                self.recorder.begins_again(task, &self.process);
                Some(format!("failed: {why}"))
            }
            TaskState::Stopped(why) => Some(format!("has stopped: {why}")),
            TaskState::Gone => {
                self.recorder.runs_no_more(task, &self.process);
                None
            }
        };
        let mut recorded = self.recorder.look();
        match trouble {
            Some(trouble) => recorded.troubles.insert((task, self.node), trouble),
            None => recorded.troubles.remove(&(task, self.node)),
        };
    }
}
