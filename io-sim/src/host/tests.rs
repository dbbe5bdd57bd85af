mod toy;

use std::time::Duration;

use futures_util::FutureExt;
use madsim::time::sleep;
use tidelog_core::Layout;

use self::toy::{ToyBroker, ToyController};
use super::*;
use crate::{
    fault::{FaultKind, Scope},
    net::Net,
    plan::Plan,
    sim::{Options, Run, Sim},
    trace::diverge,
    wire::{BrokerId, ClientId, MetadataRequest, Node, Reply},
};

#[test]
fn a_cluster_has_its_topics_and_its_brokers_hear_each_other() {
    let run = run(Plan::calm(), 1, |world| async move {
        let image = world.cluster.image().expect("the controller's metadata");
        assert_eq!(image.topics.len(), 1 + tidelog_core::Topic::all().count());
        sleep(Duration::from_secs(2)).await;
        for broker in world.cluster.brokers().values() {
            assert!(toy::heard(broker) > 20, "{}", toy::heard(broker));
        }
        let asked = world.cluster.ask(Node::Broker(BrokerId(1)), MetadataRequest { topics: None });
        assert!(matches!(asked.await, Ok(Reply::Metadata(_))));
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_broker_that_crashes_comes_back_with_what_was_left() {
    let run = run(Plan::calm(), 1, |world| async move {
        let broker = &world.cluster.brokers()[&BrokerId(1)];
        sleep(Duration::from_secs(1)).await;
        assert!(broker.crash(Loss::Memory, Duration::from_secs(1)));
        assert!(!broker.process().is_up());
        assert!(!broker.crash(Loss::Memory, Duration::from_secs(9)), "it is down already");
        assert_eq!(toy::heard(broker), 0, "its memory is gone");
        sleep(Duration::from_secs(2)).await;
        assert!(broker.process().is_up());
        assert_eq!(broker.process().starts(), 2);
        assert!(toy::heard(broker) > 5);
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_process_that_ends_is_started_again_and_one_that_is_paused_is_no_other() {
    let run = run(Plan::calm(), 1, |world| async move {
        let process = world.nodes.process(node(1));
        assert!(process.pause_for(Duration::from_secs(1)));
        assert!(!process.pause_for(Duration::from_secs(100)), "it stands still already");
        sleep(Duration::from_secs(2)).await;
        assert_eq!((process.is_up(), process.starts()), (true, 1));
        assert!(process.pause_for(Duration::from_secs(100)));
        world.nodes.crash(node(1), Duration::from_secs(1), |_| {});
        sleep(Duration::from_secs(2)).await;
        assert_eq!((process.is_up(), process.is_paused(), process.starts()), (true, false, 2));
        // The toy ends by itself after twenty seconds.
        sleep(Duration::from_secs(25)).await;
        assert!(process.starts() > 2 && process.is_up());
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn every_kind_that_chaos_brings_strikes_and_heals() {
    let brought = |kind: &FaultKind| match kind.scope() {
        Scope::Cluster | Scope::Node | Scope::Broker | Scope::Log | Scope::Clock => true,
        Scope::Link | Scope::Client | Scope::Disk => false,
    };
    for kind in FaultKind::ALL.iter().copied().filter(brought) {
        let crash = match kind.scope() {
            Scope::Node => FaultKind::NodeKilled,
            Scope::Cluster | Scope::Link | Scope::Broker | Scope::Log | Scope::Clock => {
                FaultKind::BrokerKilled
            }
            Scope::Client | Scope::Disk => unreachable!("chaos does not bring those"),
        };
        // What is late has to be down first.
        let is_late = matches!(kind, FaultKind::NodeStartsLate | FaultKind::BrokerStartsLate);
        let kinds = if is_late { vec![kind, crash] } else { vec![kind] };
        let run = storm(Plan::of(&kinds, 0.05), 1);
        assert_eq!(run.outcome, Ok(()), "{kind}");
        assert!(run.report.struck[&kind] > 0, "{kind} never struck");
    }
}

#[test]
fn in_any_storm_a_majority_of_brokers_is_well_and_after_it_all_is_up() {
    for seed in 0..10 {
        let kinds: Vec<_> = FaultKind::ALL.to_vec();
        let run = storm(Plan::of(&kinds, 0.01), seed);
        assert_eq!(run.outcome, Ok(()), "seed {seed}");
        assert!(run.report.faults.len() > 50);
    }
}

#[test]
fn a_storm_is_the_same_each_time_and_can_be_replayed_from_its_list() {
    let kinds: Vec<_> = FaultKind::ALL.to_vec();
    let first = storm(Plan::of(&kinds, 0.01), 3).report;
    let again = storm(Plan::of(&kinds, 0.01), 3).report;
    assert_eq!(diverge(&first.lines, &again.lines), None);
    assert_eq!(first.hash, again.hash);
    let replayed = storm(Plan::replay(&first.faults), 3).report;
    assert_eq!(diverge(&first.lines, &replayed.lines), None);
    assert_eq!(first.faults, replayed.faults);
}

#[test]
fn a_twin_has_its_node_s_name_and_a_machine_and_a_disk_of_its_own() {
    let run = run(Plan::calm(), 1, |world| async move {
        world.nodes.twin(node(1), Duration::from_secs(5));
        sleep(Duration::from_secs(1)).await;
        let twin = world.nodes.list().into_iter().find(|it| world.nodes.is_twin(*it));
        let twin = twin.expect("a twin");
        assert!(world.nodes.process(twin).is_up() && world.nodes.process(node(1)).is_up());
        assert_ne!(world.nodes.disk(twin).name(), world.nodes.disk(node(1)).name());
        sleep(Duration::from_secs(5)).await;
        assert!(!world.nodes.process(twin).is_up() && world.nodes.process(node(1)).is_up());
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_node_can_be_killed_in_the_midst_of_a_commit() {
    let run = run(Plan::of(&[FaultKind::NodeKilledInCommit], 1.0), 1, |world| async move {
        world.nodes.commits(node(1));
        sleep(Duration::from_millis(50)).await;
        assert!(!world.nodes.process(node(1)).is_up());
        sleep(Duration::from_secs(10)).await;
        assert!(world.nodes.process(node(1)).is_up());
    });
    assert_eq!(run.outcome, Ok(()));
}

#[derive(Clone)]
struct World {
    sim: Sim,
    net: Net,
    cluster: Cluster,
    nodes: Nodes,
}

fn run<T: Send, F: Future<Output = T>>(
    plan: Plan,
    seed: u64,
    test: impl FnOnce(World) -> F + Send,
) -> Run<T> {
    let options = Options { plan, keeps_lines: true, ..Options::calm(seed) };
    Sim::run(options, |sim| async move {
        let net = Net::new(&sim);
        let settings = ClusterSettings::new(Layout::new(2).expect("a small layout"));
        let cluster = Cluster::start(&net, settings, ToyController::default(), ToyBroker::new);
        cluster.create_topics().await;
        let nodes = Nodes::new(&net);
        for number in 1..=2 {
            nodes.add(&format!("node{number}"), ClientId(number), |boot| {
                toy_node(boot).boxed_local()
            });
        }
        test(World { sim, net, cluster, nodes }).await
    })
}

/// Half a minute of faults, and a moment after they are healed.
fn storm(plan: Plan, seed: u64) -> Run<()> {
    run(plan, seed, |world| async move {
        let World { sim, net, cluster, nodes } = world;
        let chaos = Chaos::start(&net, &cluster, &nodes, ChaosSettings::default());
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
            assert_eq!(nodes.process(node).is_up(), !nodes.is_twin(node));
            let machine = sim.machine(node);
            let right = crate::clock::BEGINNING.as_millis() + sim.now_us() / 1000;
            assert!(machine.clock().wall().as_millis().abs_diff(right) <= 1);
        }
    })
}

/// A node that writes to its disk, and ends after twenty seconds.
async fn toy_node(boot: Boot) {
    boot.net.sim().event(&boot.name, "boot", &(boot.start, boot.format));
    let file = match boot.disk.open("file") {
        Ok(file) => Ok(file),
        Err(_) => boot.disk.create("file"),
    };
    for _ in 0..200 {
        if let Ok(file) = &file {
            // A disk that fails is no concern of this toy.
            let _ = file.append(b"a line\n").and_then(|()| file.sync());
        }
        boot.machine.clock().sleep(Duration::from_millis(100)).await;
    }
}

fn node(number: u32) -> Node {
    Node::Client(ClientId(number))
}
