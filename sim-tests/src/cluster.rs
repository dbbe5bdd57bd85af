//! A cluster of the product on simulated brokers, its clients, and what becomes of them: a time of faults,
//! then healing, then a time to catch up, then a look at everything.

mod actor;
mod collect;
mod liveness;
mod newer;
mod node;
mod queries;
mod tap;
mod tap_client;

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt;
use madsim::time::sleep;
use tidelog_core::{Layout, message::SchemaChange};
use tidelog_driver::With;
use tidelog_io_sim::{
    Net, Sim,
    client::ClientSettings,
    host::{Chaos, ChaosSettings, Cluster, ClusterSettings, Host, Nodes, Process, Role},
    wire::{BrokerId, ClientId, Node},
};

pub(crate) use self::node::Runs;
use self::{
    actor::{Actor, World},
    queries::Directory,
};
use crate::{
    dice::Dice,
    model::Action,
    observed::{Observed, Watched},
    recorder::Recorder,
    workload::{Ask, DATABASE, Odd, Step, Under, What, Workload},
};

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) brokers: u32,
    pub(crate) nodes: u32,
    pub(crate) partitions: u32,
    /// What nodes run besides what they always do.
    pub(crate) runs: Runs,
    /// Whether all clocks are right.
    pub(crate) clocks_hold: bool,
    /// Whether brokers lose only what their copies can bear.
    pub(crate) spares_copies: bool,
    /// How long faults and workload last.
    pub(crate) length: Duration,
    pub(crate) workload: Workload,
}

/// The numbers of machines: nodes from 1, clients from here.
const CLIENTS_FROM: u32 = 100;

/// The machine of the client that looks last.
const LAST: Node = Node::Client(ClientId(CLIENTS_FROM));

/// The steps of the last look have numbers from here.
pub(crate) const LAST_STEPS_FROM: u32 = 1_000_000;

/// How long the last look may take.
const LAST_LOOK: Duration = Duration::from_secs(60);

/// In so many of a hundred runs a record of a newer format is the last to come.
const NEWER_PERCENT: u64 = 25;

/// Longer than clocks can have been ahead of the time.
const CLOCKS_AHEAD_MAX: Duration = Duration::from_secs(3_600);

/// Runs a cluster to its end. What is observed is in the recorder, also if this panics on the way.
pub(crate) async fn run(sim: Sim, setup: Setup, recorder: Recorder) -> Observed {
    let net = Net::new(&sim);
    let layout = Layout::new(setup.partitions).expect("a scenario's number of partitions");
    let cluster = start_brokers(&net, layout, setup.brokers).await;
    let brokers = cluster.brokers().keys().copied().collect();
    let world = World {
        settings: ClientSettings::new(brokers, layout),
        directory: Directory::new(&net, &recorder),
        nodes: Nodes::new(&net),
        recorder,
        net,
        runs: setup.runs,
    };
    for number in 1..=setup.nodes {
        start_node(&world, number);
    }
    let last = Actor::start(&world, actor::LAST, CLIENTS_FROM);
    provision(&last).await;
    let clients: BTreeMap<u32, Actor> = (0..setup.workload.clients)
        .map(|it| (it, Actor::start(&world, &format!("app{it}"), CLIENTS_FROM + 1 + it)))
        .collect();
    world.recorder.look().processes = processes(&world, &cluster);
    sleep(Duration::from_millis(200)).await;

    let spares_copies = setup.spares_copies;
    let settings = ChaosSettings { spares_copies, ..ChaosSettings::default() };
    let chaos = Chaos::start(&world.net, &cluster, &world.nodes, settings);
    work(&world, &setup, &clients).await;
    chaos.heal();
    let healed_us = sim.now_us();
    let after_heal = liveness::wait(&sim, &world, healed_us).await;
    let caught_up = after_heal.behind.is_empty();
    let (mut zones, mut settled, mut watched) = (None, None, None);
    if caught_up {
        look_again(&world, &last, setup.workload.entities).await;
        stop_clients(&world, |node| node != LAST);
        liveness::quiet(&sim, &world, healed_us).await;
        zones = last.zones().await;
        if let Some(limits) = setup.runs.watches {
            let is_still = liveness::still(&world, limits).await;
            last.look_at_zones(&liveness::observer(&world), LAST_STEPS_FROM).await;
            let Setup { partitions, clocks_hold, .. } = setup;
            watched = Some(Watched { limits, partitions, clocks_hold, is_still });
        }
        stop_clients(&world, |node| node == LAST);
        if setup.runs.learns {
            if !setup.clocks_hold {
                // What clocks that were ahead have put off is not waited for; nor do those wait who have
                // begun to.
                sim.leap(CLOCKS_AHEAD_MAX);
                collect::begin_again(&world, setup.nodes, |_| {}).await;
            }
            settled = Some(liveness::settle(&sim, &world, setup.clocks_hold).await);
        }
        liveness::quiet(&sim, &world, healed_us).await;
    }
    let mut observed = collect::everything(&world).await;
    if caught_up {
        observed.rebuilt = Some(collect::rebuilt(&world, setup.nodes).await);
        if Dice::new(sim.seed(), "a newer record").percent(NEWER_PERCENT) {
            observed.newer = newer::comes(&world).await;
        }
    }
    (observed.zones, observed.settled, observed.watched) = (zones, settled, watched);
    observed.after_heal = Some(after_heal);
    observed.end_us = sim.now_us();
    observed
}

async fn start_brokers(net: &Net, layout: Layout, brokers: u32) -> Cluster {
    let mut settings = ClusterSettings::new(layout);
    settings.config.brokers = (1..=brokers).map(BrokerId).collect();
    settings.config.internal_replication_factor = brokers.min(3);
    settings.config.internal_min_insync_replicas = brokers.min(2);
    let cluster = Cluster::start(net, settings);
    cluster.create_topics().await;
    cluster
}

fn processes(world: &World, cluster: &Cluster) -> Vec<Process> {
    let brokers = cluster.brokers().values().map(Host::process);
    let brokers = brokers.chain([cluster.controller().process()]).cloned();
    brokers.chain(world.nodes.list().into_iter().map(|node| world.nodes.process(node))).collect()
}

fn start_node(world: &World, number: u32) {
    let ours = world.clone();
    world.nodes.add(&format!("node{number}"), ClientId(number), move |boot| {
        let World { settings, recorder, directory, runs, .. } = ours.clone();
        node::run(boot, settings, recorder, directory, runs).boxed_local()
    });
}

/// Makes the database, before anything goes wrong.
async fn provision(actor: &Actor) {
    loop {
        sleep(Duration::from_millis(100)).await;
        let Some(driver) = actor.driver() else { continue };
        let database = DATABASE.parse().expect("a database's id");
        let deadline = driver.now().plus(Duration::from_secs(30));
        let mut call = driver.schema_request(database, SchemaChange::Provision, With::default());
        if call.answer(deadline).await.is_ok() {
            return;
        }
    }
}

/// Takes the steps of the workload at their times.
async fn work(world: &World, setup: &Setup, clients: &BTreeMap<u32, Actor>) {
    let sim = world.net.sim();
    let begun_us = sim.now_us();
    let until = |ms: u64| {
        let passed = Duration::from_micros(sim.now_us() - begun_us);
        Duration::from_millis(ms).saturating_sub(passed)
    };
    let length_ms = u64::try_from(setup.length.as_millis()).expect("a length of minutes");
    for step in setup.workload.steps.iter().filter(|step| step.at_ms < length_ms) {
        let wait = until(step.at_ms);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        match step.what {
            What::Odd(Odd::Leap(hours)) => sim.leap(Duration::from_secs(u64::from(hours) * 3_600)),
            What::Odd(Odd::Leave) => world.directory.leave(ClientId(1 + step.client % setup.nodes)),
            What::Request { .. }
            | What::Batch { .. }
            | What::Query { .. }
            | What::List { .. }
            | What::Spoil { .. }
            | What::Restart
            | What::Schema(_)
            | What::Zone(_)
            | What::Odd(_) => clients[&step.client].take(step),
        }
    }
    sleep(until(length_ms)).await;
}

/// Ends the clients: what they still ask for would come while the log is read.
fn stop_clients(world: &World, which: impl Fn(Node) -> bool) {
    let nodes = world.nodes.list().into_iter().filter(|node| which(*node));
    for client in nodes.filter(|node| world.nodes.role(*node) == Role::Client) {
        world.nodes.process(client).retire();
    }
}

/// Reads every entity once more: through the log, then by a query that sees no less.
async fn look_again(world: &World, last: &Actor, entities: u32) {
    let read = |entity: u32| Ask {
        entity,
        action: Action::Read,
        under: Under::Nothing,
        key: None,
        wants_value: true,
    };
    let request = |ask| What::Request { ask, patience_ms: 20_000, again: 2 };
    let query = |entity| What::Query { entity, with_positions: true };
    for (round, first) in [(0, LAST_STEPS_FROM), (1, LAST_STEPS_FROM + entities)] {
        for entity in 0..entities {
            let what = if round == 0 { request(read(entity)) } else { query(entity) };
            last.take(&Step { number: first + entity, client: 0, at_ms: 0, what });
        }
        for _ in 0..LAST_LOOK.as_millis() / 50 {
            sleep(Duration::from_millis(50)).await;
            if liveness::waiting(world).is_empty() {
                break;
            }
        }
    }
}
