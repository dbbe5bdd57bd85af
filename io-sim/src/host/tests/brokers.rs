//! The broker itself on simulated machines: what a producer was told is kept, whatever strikes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use madsim::time::sleep;
use tidelog_core::Layout;

use crate::{
    fault::{FaultKind, Scope},
    host::{Boot, Chaos, ChaosSettings, Cluster, ClusterSettings, Loss, Nodes},
    net::{Caller, Net},
    plan::Plan,
    sim::{Options, Run, Sim, lock},
    trace::diverge,
    wire::{
        Acks, Appended, BrokerId, ClientId, ClusterConfig, InitProducerIdRequest, NewBatch, Node,
        Offset, ProduceRequest, ProducerIdentity, ProducerStamp, Record, Records, Reply, Sequence,
        TopicPartition,
    },
};

#[test]
fn a_cluster_of_one_broker_keeps_what_it_is_sent() {
    let run = run(Plan::calm(), 1, &[BrokerId(1)], |world| async move {
        sleep(Duration::from_secs(10)).await;
        world.check(200);
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn a_broker_that_is_killed_reads_its_log_again() {
    let run = run(Plan::calm(), 1, &[BrokerId(1)], |world| async move {
        sleep(Duration::from_secs(5)).await;
        let before = lock(&world.told).len();
        let broker = &world.cluster.brokers()[&BrokerId(1)];
        assert!(broker.crash(Loss::Memory, Duration::from_secs(1)));
        sleep(Duration::from_secs(10)).await;
        world.check(before + 100);
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn three_brokers_go_on_without_one_of_them() {
    let run = run(Plan::calm(), 1, &THREE, |world| async move {
        for broker in world.cluster.brokers().values() {
            sleep(Duration::from_secs(5)).await;
            let before = lock(&world.told).len();
            broker.crash(Loss::Memory, Duration::from_secs(15));
            sleep(Duration::from_secs(12)).await;
            assert!(lock(&world.told).len() > before + 100, "the others have taken over");
            sleep(Duration::from_secs(10)).await;
        }
        world.check(1_000);
    });
    assert_eq!(run.outcome, Ok(()));
}

#[test]
fn whatever_strikes_what_was_acknowledged_is_there_once_and_in_order() {
    for seed in 0..12 {
        let run = storm(seed);
        let struck: Vec<_> = run.report.struck.iter().filter(|(_, count)| **count > 0).collect();
        assert_eq!(run.outcome, Ok(()), "seed {seed}: {struck:?}");
    }
}

#[test]
fn a_storm_over_brokers_is_the_same_each_time() {
    let (first, again) = (storm(4).report, storm(4).report);
    assert_eq!(diverge(&first.lines, &again.lines).map(|it| it.to_string()), None);
    assert_eq!((first.hash, first.events), (again.hash, again.events));
}

const THREE: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];

struct World {
    net: Net,
    cluster: Cluster,
    nodes: Nodes,
    /// What the producer was told, in the order of its records.
    told: Arc<Mutex<Vec<Appended>>>,
}

/// A minute of whatever a seed brings, and half a minute to recover.
fn storm(seed: u64) -> Run<()> {
    let kinds: Vec<_> =
        FaultKind::ALL.iter().copied().filter(|it| it.scope() != Scope::App).collect();
    run(Plan::swarm(seed, &kinds), seed, &THREE, |world| async move {
        let World { net, cluster, nodes, .. } = &world;
        let chaos = Chaos::start(net, cluster, nodes, ChaosSettings::default());
        sleep(Duration::from_secs(60)).await;
        chaos.heal();
        let before = lock(&world.told).len();
        sleep(Duration::from_secs(30)).await;
        assert!(lock(&world.told).len() > before + 100, "it goes on once all is well");
        world.check(before + 100);
    })
}

fn run<F: Future<Output = ()>>(
    plan: Plan,
    seed: u64,
    brokers: &[BrokerId],
    test: impl FnOnce(World) -> F + Send,
) -> Run<()> {
    let options = Options { plan, keeps_lines: true, ..Options::calm(seed) };
    Sim::run(options, |sim| async move {
        let net = Net::new(&sim);
        let mut settings = ClusterSettings::new(Layout::new(1).expect("a small layout"));
        settings.config = ClusterConfig { brokers: brokers.to_vec(), ..ClusterConfig::default() };
        let cluster = Cluster::start(&net, settings);
        cluster.create_topics().await;
        let (nodes, told) = (Nodes::new(&net), Arc::new(Mutex::new(Vec::new())));
        let (theirs, of) = (Arc::clone(&told), brokers.to_vec());
        nodes.add_client("producer", ClientId(9), move |boot| {
            Producer::run(boot, of.clone(), Arc::clone(&theirs)).boxed_local()
        });
        test(World { net, cluster, nodes, told }).await;
    })
}

impl World {
    /// What the leader has is what the producer was told, at its place, and nothing of it twice.
    fn check(&self, at_least: usize) {
        let told = lock(&self.told);
        assert!(told.len() >= at_least, "{} records in all", told.len());
        let image = self.cluster.image().expect("a controller");
        let leader = image.partition(&at()).and_then(|state| state.leader).expect("a leader");
        let records = self.cluster.look(leader, |broker| {
            let partition = broker.partition(&at()).expect("a replica");
            let batches = partition.log().batches();
            let records =
                batches.flat_map(|batch| batch.records().map(|(at, it)| (at, number(it))));
            records.collect::<Vec<(Offset, usize)>>()
        });
        let records = records.expect("a broker");
        for (nth, (_, record)) in records.iter().enumerate() {
            assert_eq!(*record, nth, "each record comes once and in its order");
        }
        for (appended, (offset, _)) in told.iter().zip(&records) {
            assert_eq!(appended.base_offset, *offset);
        }
        assert!(records.len() >= told.len(), "{} of {} records", records.len(), told.len());
    }
}

fn at() -> TopicPartition {
    TopicPartition::new(&"entity-patches".into(), 0)
}

fn number(record: &Record) -> usize {
    let value = record.value.as_ref().expect("no tombstone");
    std::str::from_utf8(value).expect("text").parse().expect("a number")
}

/// Writes one record after another, each until it is acknowledged.
struct Producer {
    caller: Caller,
    brokers: Vec<BrokerId>,
    /// Which broker is asked.
    turn: usize,
    identity: ProducerIdentity,
}

impl Producer {
    async fn run(boot: Boot, brokers: Vec<BrokerId>, told: Arc<Mutex<Vec<Appended>>>) {
        let caller = boot.net.caller(boot.node);
        let clock = boot.machine.clock();
        let identity = loop {
            let request = InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: 0,
                current: None,
            };
            let asked = caller.request(Node::Broker(brokers[0]), request, Duration::from_secs(1));
            if let Ok(Reply::InitProducerId(Ok(identity))) = asked.await {
                break identity;
            }
            clock.sleep(Duration::from_millis(100)).await;
        };
        let mut producer = Self { caller, brokers, turn: 0, identity };
        for nth in 0.. {
            let appended = loop {
                match producer.send(nth).await {
                    Some(appended) => break appended,
                    None => clock.sleep(Duration::from_millis(50)).await,
                }
            };
            lock(&told).push(appended);
            clock.sleep(Duration::from_millis(20)).await;
        }
    }

    async fn send(&mut self, nth: u32) -> Option<Appended> {
        let producer = ProducerStamp {
            id: self.identity.id,
            epoch: self.identity.epoch,
            sequence: Some(Sequence::default().plus(nth)),
            transactional: false,
        };
        let value = Bytes::from(nth.to_string());
        let records = Records::new(vec![Record::new(&b"key"[..], value)]);
        let request = ProduceRequest {
            transactional_id: None,
            adds_partitions: false,
            acks: Acks::All,
            timeout_ms: 1_500,
            partitions: vec![(at(), NewBatch { producer: Some(producer), records })],
        };
        let to = Node::Broker(self.brokers[self.turn]);
        let reply = self.caller.request(to, request, Duration::from_secs(2)).await;
        if let Ok(Reply::Produce(reply)) = reply {
            let [reply] = &reply.partitions[..] else { panic!("one partition: {reply:?}") };
            // A gap in the sequence is seen by a broker that has stood still and leads no more.
            if let Ok(appended) = reply.result {
                return Some(appended);
            }
        }
        self.turn = (self.turn + 1) % self.brokers.len();
        None
    }
}
