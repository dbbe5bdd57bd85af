mod brokers;
mod census;
mod leaks;
mod toy;
mod world;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use madsim::time::sleep;

use self::world::{client, run, storm};
use super::*;
use crate::{
    fault::FaultKind,
    plan::Plan,
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
        let process = world.nodes.process(client(1));
        assert!(process.pause_for(Duration::from_secs(1)));
        assert!(!process.pause_for(Duration::from_secs(100)), "it stands still already");
        sleep(Duration::from_secs(2)).await;
        assert_eq!((process.is_up(), process.starts()), (true, 1));
        assert!(process.pause_for(Duration::from_secs(100)));
        world.nodes.crash(client(1), Duration::from_secs(1), |_| {});
        sleep(Duration::from_secs(2)).await;
        assert_eq!((process.is_up(), process.is_paused(), process.starts()), (true, false, 2));
        // The toy ends by itself after twenty seconds.
        sleep(Duration::from_secs(25)).await;
        assert!(process.starts() > 2 && process.is_up());
    });
    assert_eq!(run.outcome, Ok(()));
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
        world.nodes.twin(client(1), Duration::from_secs(5));
        sleep(Duration::from_secs(1)).await;
        let twin = world.nodes.list().into_iter().find(|it| world.nodes.role(*it) == Role::Twin);
        let twin = twin.expect("a twin");
        assert!(world.nodes.process(twin).is_up() && world.nodes.process(client(1)).is_up());
        assert_ne!(world.nodes.disk(twin).name(), world.nodes.disk(client(1)).name());
        sleep(Duration::from_secs(5)).await;
        assert!(!world.nodes.process(twin).is_up() && world.nodes.process(client(1)).is_up());
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_node_can_be_killed_in_the_midst_of_a_commit() {
    let run = run(Plan::of(&[FaultKind::NodeKilledInCommit], 1.0), 1, |world| async move {
        let _chaos = world.chaos();
        sleep(Duration::from_secs(1)).await;
        assert!(!world.nodes.process(client(1)).is_up());
        assert!(world.nodes.process(client(9)).is_up(), "a client commits nothing");
        world.sim.heal();
        sleep(Duration::from_secs(10)).await;
        assert!(world.nodes.process(client(1)).is_up());
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_broker_can_be_killed_while_it_ends_a_transaction() {
    let run = run(Plan::of(&[FaultKind::BrokerKilledInEnd], 1.0), 1, |world| async move {
        let _chaos = world.chaos();
        sleep(Duration::from_secs(5)).await;
        let starts = world.cluster.brokers().values().map(|host| host.process().starts());
        assert!(starts.sum::<u32>() > 3, "one of them was started again");
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_run_leaves_no_cluster_and_no_node_behind() {
    let kept = Arc::new(());
    let run = run(Plan::calm(), 1, |world| {
        let kept = Arc::clone(&kept);
        async move {
            let _chaos = world.chaos();
            world.nodes.add("node3", ClientId(3), move |_| {
                let kept = Arc::clone(&kept);
                async move {
                    sleep(Duration::from_secs(100_000)).await;
                    drop(kept);
                }
                .boxed_local()
            });
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(run.outcome, Ok(()));
    assert_eq!(Arc::strong_count(&kept), 1);
}
