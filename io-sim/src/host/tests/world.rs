//! A toy cluster, with nodes and a client that do a little of everything.

use std::time::Duration;

use futures_util::{FutureExt, future::LocalBoxFuture};
use madsim::time::sleep;
use tidelog_core::Layout;

use super::toy::{self, ToyBroker, ToyController};
use crate::{
    clock::BEGINNING,
    disk::File,
    host::{Boot, Chaos, ChaosSettings, Cluster, ClusterSettings, Host, Nodes, Role},
    net::Net,
    plan::Plan,
    sim::{Options, Run, Sim},
    wire::{
        BrokerId, ClientId, EndTxnRequest, Node, ProducerEpoch, ProducerId, ProducerIdentity,
        TransactionResult,
    },
};

#[derive(Clone)]
pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) net: Net,
    pub(super) cluster: Cluster,
    pub(super) nodes: Nodes,
}

impl World {
    pub(super) fn chaos(&self) -> Chaos {
        Chaos::start(&self.net, &self.cluster, &self.nodes, ChaosSettings::default())
    }
}

pub(super) fn run<T: Send, F: Future<Output = T>>(
    plan: Plan,
    seed: u64,
    test: impl FnOnce(World) -> F + Send,
) -> Run<T> {
    run_with(plan, seed, |boot| toy_node(boot).boxed_local(), test)
}

/// A run whose nodes do what is given.
pub(super) fn run_with<T: Send, F: Future<Output = T>>(
    plan: Plan,
    seed: u64,
    main: impl Fn(Boot) -> LocalBoxFuture<'static, ()> + Clone + Send + Sync + 'static,
    test: impl FnOnce(World) -> F + Send,
) -> Run<T> {
    let options = Options { plan, keeps_lines: true, ..Options::calm(seed) };
    Sim::run(options, |sim| async move {
        let net = Net::new(&sim);
        let settings = ClusterSettings::new(Layout::new(2).expect("a small layout"));
        let cluster = Cluster::start_with(&net, settings, ToyController::default(), ToyBroker::new);
        cluster.create_topics().await;
        let nodes = Nodes::new(&net);
        for number in 1..=2 {
            nodes.add(&format!("node{number}"), ClientId(number), main.clone());
        }
        nodes.add_client("app", ClientId(9), |boot| toy_client(boot).boxed_local());
        test(World { sim, net, cluster, nodes }).await
    })
}

/// Half a minute of faults, and a moment after they are healed.
pub(super) fn storm(plan: Plan, seed: u64) -> Run<()> {
    run(plan, seed, |world| async move {
        let chaos = world.chaos();
        let World { sim, cluster, nodes, .. } = world;
        for _ in 0..300 {
            sleep(Duration::from_millis(100)).await;
            let out = cluster.brokers().values().map(Host::process);
            let out = out.filter(|process| !process.is_up() || process.is_paused()).count();
            assert!(out <= 1, "{out} of 3 brokers are down");
        }
        chaos.heal();
        let struck = sim.report().faults.len();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(sim.report().faults.len(), struck, "nothing strikes after healing");
        for broker in cluster.brokers().values() {
            assert!(broker.process().is_up() && !broker.process().is_paused());
            let heard = toy::heard(broker);
            sleep(Duration::from_secs(2)).await;
            assert!(toy::heard(broker) > heard, "it is heard again");
        }
        for node in nodes.list() {
            assert_eq!(nodes.process(node).is_up(), nodes.role(node) != Role::Twin);
            let machine = sim.machine(node);
            let right = BEGINNING.as_millis() + sim.now_us() / 1000;
            assert!(machine.clock().wall().as_millis().abs_diff(right) <= 1);
        }
    })
}

/// A node that uses its disk and ends transactions, and ends by itself after twenty seconds.
pub(super) async fn toy_node(boot: Boot) {
    boot.net.sim().event(&boot.name, "boot", &(boot.start, boot.format));
    let file = boot.disk.open("file").or_else(|_| boot.disk.create("file"));
    let caller = boot.net.caller(boot.node);
    for turn in 0..200 {
        if let Ok(file) = &file {
            write(file);
        }
        let end = (turn % 5 == 0).then(|| caller.request(broker(), end(), Duration::from_secs(1)));
        boot.machine.clock().sleep(Duration::from_millis(100)).await;
        drop(end);
    }
}

/// A disk that fails is no concern of these toys.
fn write(file: &File) {
    let _ = file.append(b"a line\n").and_then(|()| file.sync()).and_then(|()| file.read());
}

async fn toy_client(boot: Boot) {
    let caller = boot.net.caller(boot.node);
    loop {
        let _ = caller.request(broker(), end(), Duration::from_secs(1)).await;
        boot.machine.clock().sleep(Duration::from_millis(200)).await;
    }
}

fn broker() -> Node {
    Node::Broker(BrokerId(1))
}

fn end() -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: "toy".into(),
        producer: ProducerIdentity { id: ProducerId(1), epoch: ProducerEpoch(1) },
        result: TransactionResult::Commit,
        bumps_epoch: true,
    }
}

pub(super) fn client(number: u32) -> Node {
    Node::Client(ClientId(number))
}
