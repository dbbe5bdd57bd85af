//! What was acknowledged is kept, and what was read stays, whichever one broker crashes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cluster::{Ask, Cluster},
    scripts::{batch, fetch, produce, stamp},
};
use crate::wire::*;

#[test]
fn nothing_that_was_acknowledged_or_read_is_lost_by_the_crash_of_one_broker_at_a_time() {
    for seed in 0..12 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.disturb();
            world.run_ms(200);
        }
        world.recover();
        world.check();
    }
}

/// A cluster, producers that write one record after another, and a reader that follows them.
struct World {
    seed: u64,
    cluster: Cluster,
    at: TopicPartition,
    producers: Vec<Producer>,
    reader: Reader,
}

struct Producer {
    identity: ProducerIdentity,
    next: i32,
    under_way: Option<Ask>,
    acknowledged: BTreeMap<Offset, String>,
}

#[derive(Default)]
struct Reader {
    position: Offset,
    under_way: Option<Ask>,
    read: BTreeMap<Offset, String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(3, seed);
        let at = cluster.create("topic", TopicConfig::default());
        let mut producers = Vec::new();
        for _ in 0..3 {
            let request = InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: 0,
                current: None,
            };
            let Reply::InitProducerId(Ok(identity)) =
                cluster.ask(Node::Broker(BrokerId(1)), request)
            else {
                panic!("seed {seed}: no producer id")
            };
            let acknowledged = BTreeMap::new();
            producers.push(Producer { identity, next: 0, under_way: None, acknowledged });
        }
        Self { seed, cluster, at, producers, reader: Reader::default() }
    }

    /// Something happens to at most one broker at a time.
    fn disturb(&mut self) {
        let broker = BrokerId(1 + u32::try_from(self.cluster.draw(3)).expect("a small number"));
        let node = Node::Broker(broker);
        let at = self.at.clone();
        match self.cluster.draw(24) {
            0 if self.cluster.is_well() => self.cluster.crash(broker, false),
            1 | 2 if self.cluster.is_well() => self.cluster.crash(broker, true),
            3 if self.cluster.is_well() => self.cluster.cut(node, Node::Controller),
            4 if self.cluster.is_well() => {
                let others = (1..=3).map(|id| Node::Broker(BrokerId(id)));
                for other in others.filter(|other| *other != node) {
                    self.cluster.cut(node, other);
                }
            }
            5..=8 => self.cluster.start_all(),
            9..=11 => self.cluster.heal(),
            12 | 13 => {
                let request = ElectLeadersRequest { partitions: vec![(at, Some(broker))] };
                self.cluster.send(Node::Controller, request);
            }
            14 => self.cluster.maintain(broker, &at, Maintenance::Flush),
            15 => self.cluster.maintain(broker, &at, Maintenance::Roll),
            _ => {}
        }
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.cluster.run_ms(10);
            for producer in &mut self.producers {
                producer.turn(&mut self.cluster, &self.at);
            }
            self.reader.turn(&mut self.cluster, &self.at);
        }
    }

    fn recover(&mut self) {
        self.cluster.heal();
        self.cluster.start_all();
        self.run_ms(15_000);
        let seed = self.seed;
        assert!(self.cluster.is_well(), "seed {seed}: {:?}", self.cluster.controller.image());
        let before: Vec<_> = self.producers.iter().map(|it| it.next).collect();
        self.run_ms(2_000);
        for (producer, before) in self.producers.iter().zip(before) {
            assert!(producer.next > before + 10, "seed {seed}: a producer stands still");
        }
        self.cluster.run_ms(2_000);
    }

    fn check(&self) {
        let seed = self.seed;
        let leader = self.cluster.leader(&self.at).expect("a leader");
        let log = self.log_of(leader);
        let distinct: BTreeSet<_> = log.values().collect();
        assert_eq!(distinct.len(), log.len(), "seed {seed}: each record is there once");
        for producer in &self.producers {
            for (offset, value) in &producer.acknowledged {
                assert_eq!(log.get(offset), Some(value), "seed {seed}: acknowledged at {offset}");
            }
        }
        assert!(self.reader.read.len() > 200, "seed {seed}: {} were read", self.reader.read.len());
        for (offset, value) in &self.reader.read {
            assert_eq!(log.get(offset), Some(value), "seed {seed}: read at {offset}");
        }
        for follower in self.cluster.brokers.keys() {
            assert_eq!(self.log_of(*follower), log, "seed {seed}: all replicas are the same");
        }
    }

    fn log_of(&self, broker: BrokerId) -> BTreeMap<Offset, String> {
        let partition = self.cluster.brokers[&broker].partition(&self.at).expect("a replica");
        partition.log().batches().flat_map(texts).collect()
    }
}

impl Producer {
    /// Takes an answer that has come, and sends the next record, or this one again.
    fn turn(&mut self, cluster: &mut Cluster, at: &TopicPartition) {
        if let Some(ask) = self.under_way {
            let Some(answer) = cluster.answer(ask) else { return };
            self.under_way = None;
            if let Ok(Reply::Produce(reply)) = answer
                && let Ok(appended) = reply.partitions[0].result
            {
                self.acknowledged.insert(appended.base_offset, self.value());
                self.next += 1;
            }
        }
        let stamp = stamp(self.identity, self.next, false);
        let batch = batch(Some(stamp), &[&self.value()]);
        let mut request = produce(None, vec![(at.clone(), batch)]);
        request.timeout_ms = 1_000;
        self.under_way = cluster.send_to_leader(at, request);
    }

    fn value(&self) -> String {
        format!("{}-{}", self.identity.id, self.next)
    }
}

impl Reader {
    fn turn(&mut self, cluster: &mut Cluster, at: &TopicPartition) {
        if let Some(ask) = self.under_way {
            let Some(answer) = cluster.answer(ask) else { return };
            self.under_way = None;
            if let Ok(Reply::Fetch(reply)) = answer
                && let Ok(fetched) = &reply.partitions[0].result
            {
                for batch in &fetched.batches {
                    self.read.extend(texts(batch));
                    self.position = batch.last_offset.next();
                }
            }
        }
        let request = fetch(at, self.position, Isolation::ReadUncommitted, 200);
        self.under_way = cluster.send_to_leader(at, request);
    }
}

fn texts(batch: &Batch) -> impl Iterator<Item = (Offset, String)> {
    batch.records().map(|(offset, record)| {
        let value = record.value.clone().expect("no tombstones here");
        (offset, String::from_utf8(value.to_vec()).expect("text"))
    })
}
