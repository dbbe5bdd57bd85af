//! Each step of a worker is done once, whole, whichever one broker crashes and whoever else does the
//! same work.

use super::{
    cluster::{Ask, Cluster},
    scripts::{batch, fetch, produce, stamp, values},
};
use crate::wire::{TransactionResult::*, *};

#[test]
fn each_step_is_done_once_and_whole_with_the_new_protocol() {
    for seed in 0..10 {
        World::new(seed, true).run();
    }
}

#[test]
fn each_step_is_done_once_and_whole_with_the_old_protocol() {
    for seed in 0..10 {
        World::new(seed, false).run();
    }
}

/// A cluster, and workers: two of one transactional id, and one alone.
struct World {
    seed: u64,
    cluster: Cluster,
    topics: [TopicPartition; 2],
    workers: Vec<Worker>,
}

/// Counts: each step writes its number to both topics and commits, as the group's offset, how many
/// steps are done.
struct Worker {
    id: &'static str,
    /// KIP-890.
    is_new: bool,
    phase: Phase,
    identity: Option<ProducerIdentity>,
    /// The step that is due.
    step: u64,
    sequence: i32,
    under_way: Option<Ask>,
    /// It does nothing until then.
    rests_until: Instant,
    /// How many steps it was told are done.
    told: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Begin,
    Position,
    Add,
    AddOffsets,
    Write(usize),
    Offsets,
    End(TransactionResult),
}

impl World {
    fn new(seed: u64, is_new: bool) -> Self {
        let mut cluster = Cluster::new(3, seed);
        let topics = ["one", "two"].map(|it| cluster.create(it, TopicConfig::default()));
        let workers = ["twins", "twins", "alone"].map(|id| Worker::new(id, is_new)).into();
        Self { seed, cluster, topics, workers }
    }

    fn run(mut self) {
        for _ in 0..120 {
            self.disturb();
            self.run_ms(200);
        }
        self.cluster.heal();
        self.cluster.start_all();
        self.run_ms(20_000);
        // What was left open is aborted after ten seconds.
        self.cluster.run_ms(15_000);
        self.check();
    }

    /// Something happens to at most one broker at a time.
    fn disturb(&mut self) {
        let broker = BrokerId(1 + u32::try_from(self.cluster.draw(3)).expect("a small number"));
        let node = Node::Broker(broker);
        match self.cluster.draw(24) {
            0 | 1 if self.cluster.is_well() => self.cluster.crash(broker, false),
            2 if self.cluster.is_well() => self.cluster.crash(broker, true),
            3 if self.cluster.is_well() => self.cluster.cut(node, Node::Controller),
            4..=7 => self.cluster.start_all(),
            8..=10 => self.cluster.heal(),
            11..=14 => {
                let partition = u32::try_from(self.cluster.draw(4)).expect("a small number");
                let topic = [TRANSACTION_STATE, CONSUMER_OFFSETS][self.cluster.draw(2) as usize];
                let at = TopicPartition::new(&topic.into(), partition);
                let partitions = vec![(at, Some(broker))];
                self.cluster.send(Node::Controller, ElectLeadersRequest { partitions });
            }
            15 => {
                let at = self.topics[self.cluster.draw(2) as usize].clone();
                let partitions = vec![(at, Some(broker))];
                self.cluster.send(Node::Controller, ElectLeadersRequest { partitions });
            }
            _ => {}
        }
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.cluster.run_ms(10);
            for worker in &mut self.workers {
                worker.turn(&mut self.cluster, &self.topics);
            }
        }
    }

    fn check(&mut self) {
        let seed = self.seed;
        for id in ["twins", "alone"] {
            let done = self.position(id);
            let told = self.workers.iter().filter(|worker| worker.id == id).map(|it| it.told);
            let told = told.max().unwrap_or_default();
            assert!(told > 20, "seed {seed}: {id} has done only {told} steps");
            assert!(done >= told, "seed {seed}: {id} was told {told}, but {done} are done");
            let expected: Vec<String> = (0..done).map(|step| format!("{id}-{step}")).collect();
            for at in self.topics.clone() {
                let request = fetch(&at, Offset::ZERO, Isolation::ReadCommitted, 0);
                let mut read = values(self.cluster.ask_leader(&at, request));
                read.retain(|value| value.starts_with(id));
                assert_eq!(read, expected, "seed {seed}: {at} has each step once");
            }
        }
    }

    fn position(&mut self, id: &'static str) -> u64 {
        let at = coordinator(CONSUMER_OFFSETS, id);
        let reply = self.cluster.ask_leader(&at, position(id, &self.topics[0]));
        position_of(&reply).expect("no transaction is open").unwrap_or_default()
    }
}

impl Worker {
    fn new(id: &'static str, is_new: bool) -> Self {
        Self {
            id,
            is_new,
            phase: Phase::Begin,
            identity: None,
            step: 0,
            sequence: 0,
            under_way: None,
            rests_until: Instant(0),
            told: 0,
        }
    }

    /// Takes an answer that has come, and goes on.
    fn turn(&mut self, cluster: &mut Cluster, topics: &[TopicPartition; 2]) {
        if let Some(ask) = self.under_way {
            let Some(answer) = cluster.answer(ask) else { return };
            self.under_way = None;
            // Without an answer it asks the same again.
            if let Ok(reply) = answer
                && let Err(error) = self.take(cluster, &reply)
                && !error.is_retriable()
            {
                self.phase = Phase::Begin;
                // Whoever has taken over may go on for a while.
                let ms = 200 + cluster.draw(2_000);
                self.rests_until = cluster.now().instant.plus_ms(ms);
            }
        }
        if cluster.now().instant >= self.rests_until {
            let (to, request) = self.request(topics);
            self.under_way = cluster.send_to_leader(&to, request);
        }
    }

    fn take(&mut self, cluster: &mut Cluster, reply: &Reply) -> Result<(), ErrorCode> {
        self.phase = match (self.phase, reply) {
            (Phase::Begin, Reply::InitProducerId(reply)) => {
                self.is_now((*reply)?);
                Phase::Position
            }
            (Phase::Position, reply) => {
                self.step = position_of(reply)?.unwrap_or_default();
                self.first_of_step()
            }
            (Phase::Add, Reply::AddPartitionsToTxn(reply)) => {
                reply.partitions.iter().try_for_each(|(_, result)| *result)?;
                Phase::AddOffsets
            }
            (Phase::AddOffsets, Reply::AddOffsetsToTxn(reply)) => {
                (*reply)?;
                Phase::Write(0)
            }
            (Phase::Write(which), Reply::Produce(reply)) => {
                reply.partitions[0].result?;
                if which == 0 { Phase::Write(1) } else { Phase::Offsets }
            }
            (Phase::Offsets, Reply::TxnOffsetCommit(reply)) => {
                reply.partitions[0].1?;
                Phase::End(if cluster.draw(5) == 0 { Abort } else { Commit })
            }
            (Phase::End(result), Reply::EndTxn(reply)) => {
                let next = (*reply)?;
                self.sequence += 1;
                if self.identity != Some(next) {
                    self.is_now(next);
                }
                if result == Commit {
                    self.step += 1;
                    self.told = self.told.max(self.step);
                }
                self.first_of_step()
            }
            (phase, reply) => panic!("{phase:?} is not answered by {reply:?}"),
        };
        Ok(())
    }

    fn request(&self, topics: &[TopicPartition; 2]) -> (TopicPartition, Request) {
        let transactional_id = self.id.to_owned();
        let group_id = self.id.to_owned();
        let to = coordinator(TRANSACTION_STATE, self.id);
        let group = coordinator(CONSUMER_OFFSETS, self.id);
        let producer = || self.identity.expect("it has begun");
        match self.phase {
            Phase::Begin => {
                let transactional_id = Some(transactional_id);
                let (transaction_timeout_ms, current) = (10_000, None);
                let request =
                    InitProducerIdRequest { transactional_id, transaction_timeout_ms, current };
                (to, request.into())
            }
            Phase::Position => (group, position(self.id, &topics[0]).into()),
            Phase::Add => {
                let (producer, partitions) = (producer(), topics.to_vec());
                let verify_only = false;
                let request = AddPartitionsToTxnRequest {
                    transactional_id,
                    producer,
                    verify_only,
                    partitions,
                };
                (to, request.into())
            }
            Phase::AddOffsets => {
                let producer = producer();
                (to, AddOffsetsToTxnRequest { transactional_id, producer, group_id }.into())
            }
            Phase::Write(which) => {
                let stamp = stamp(producer(), self.sequence, true);
                let batch = batch(Some(stamp), &[&format!("{}-{}", self.id, self.step)]);
                let at = topics[which].clone();
                let mut request = produce(Some(self.id), vec![(at.clone(), batch)]);
                request.adds_partitions = self.is_new;
                (at, request.into())
            }
            Phase::Offsets => (group, self.offsets(&topics[0]).into()),
            Phase::End(result) => {
                let (producer, bumps_epoch) = (producer(), self.is_new);
                (to, EndTxnRequest { transactional_id, producer, result, bumps_epoch }.into())
            }
        }
    }

    fn offsets(&self, of: &TopicPartition) -> TxnOffsetCommitRequest {
        let offset = Offset(self.step + 1);
        let to_commit = OffsetToCommit { offset, leader_epoch: None, metadata: String::new() };
        TxnOffsetCommitRequest {
            transactional_id: self.id.to_owned(),
            producer: self.identity.expect("it has begun"),
            group_id: self.id.to_owned(),
            member_id: String::new(),
            group_instance_id: None,
            generation: Generation(-1),
            adds_partitions: self.is_new,
            offsets: vec![(of.clone(), to_commit)],
        }
    }

    fn first_of_step(&self) -> Phase {
        if self.is_new { Phase::Write(0) } else { Phase::Add }
    }

    fn is_now(&mut self, identity: ProducerIdentity) {
        self.identity = Some(identity);
        self.sequence = 0;
    }
}

/// Whose leader coordinates.
fn coordinator(topic: &str, key: &str) -> TopicPartition {
    TopicPartition::new(&topic.into(), partition_for(key, 4))
}

fn position(id: &str, of: &TopicPartition) -> OffsetFetchRequest {
    let partitions = Some(vec![of.clone()]);
    OffsetFetchRequest { group_id: id.to_owned(), require_stable: true, partitions }
}

fn position_of(reply: &Reply) -> Result<Option<u64>, ErrorCode> {
    let Reply::OffsetFetch(reply) = reply else { panic!("{reply:?}") };
    match reply.error {
        Some(error) => Err(error),
        None => Ok(reply.partitions[0].1.clone()?.map(|committed| committed.offset.0)),
    }
}
