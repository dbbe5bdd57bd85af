//! A cluster in one loop: machines, a clock, and messages that take their time.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    broker::{Broker, Controller},
    wire::*,
};

/// Brokers, the controller, and what is on its way between them.
pub(super) struct Cluster {
    pub(super) brokers: BTreeMap<BrokerId, Broker>,
    pub(super) controller: Controller,
    now: Instant,
    queue: BTreeMap<(Instant, u64), Due>,
    /// Of events and tokens.
    count: u64,
    random: u64,
    down: BTreeSet<BrokerId>,
    /// How often each broker has crashed: what is on its way to a process that has ended is lost.
    lives: BTreeMap<Node, u32>,
    cut: BTreeSet<(Node, Node)>,
    wakes: BTreeMap<Node, Instant>,
    /// Requests that are being worked on: by whom, for whom.
    served: BTreeMap<Token, (Node, Asker)>,
    answers: BTreeMap<Ask, Result<Reply, Unreachable>>,
}

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask(u64);

enum Due {
    Request { from: Asker, to: Node, life: u32, request: Request },
    Reply { to: Asker, reply: Result<Reply, Unreachable> },
    Tick(Node),
}

/// Who waits for an answer.
#[derive(Clone, Copy)]
enum Asker {
    Machine { node: Node, life: u32, call: CallId },
    Client(Ask),
}

pub(super) const CLIENT: Node = Node::Client(ClientId(1));

/// A message takes at most so long, in microseconds.
const DELAY_MAX_US: u64 = 2_000;

impl Cluster {
    /// A cluster of so many brokers, all of which have joined.
    pub(super) fn new(brokers: u32, seed: u64) -> Self {
        let ids: Vec<_> = (1..=brokers).map(BrokerId).collect();
        let config =
            Config::new(ClusterConfig { brokers: ids.clone(), ..ClusterConfig::default() });
        let broker = |id: &BrokerId| (*id, Broker::new(*id, config.clone()));
        let mut cluster = Self {
            brokers: ids.iter().map(broker).collect(),
            controller: Controller::new(config.clone()),
            now: Instant(1_000_000),
            queue: BTreeMap::new(),
            count: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            down: BTreeSet::new(),
            lives: BTreeMap::new(),
            cut: BTreeSet::new(),
            wakes: BTreeMap::new(),
            served: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
        ids.into_iter().for_each(|id| cluster.start(id));
        cluster.run_ms(3_000);
        cluster
    }

    pub(super) fn now(&self) -> Now {
        Now { instant: self.now, wall: Timestamp(1_700_000_000_000 + self.now.0 / 1000) }
    }

    /// A number below `below`.
    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    /// A new topic with one partition.
    pub(super) fn create(&mut self, topic: &str, config: TopicConfig) -> TopicPartition {
        let replication_factor = u32::try_from(self.brokers.len()).expect("few brokers").min(3);
        let topic = TopicName::from(topic);
        let new = NewTopic { topic: topic.clone(), partitions: 1, replication_factor, config };
        let reply = self.ask(Node::Controller, CreateTopicsRequest { topics: vec![new] });
        let Reply::CreateTopics(reply) = reply else { panic!("{reply:?}") };
        assert_eq!(reply.topics[0].1, Ok(()));
        self.run_ms(1_000);
        TopicPartition::new(&topic, 0)
    }

    pub(super) fn state(&self, at: &TopicPartition) -> &PartitionState {
        self.controller.image().partition(at).expect("it exists")
    }

    /// Whom the controller holds for the leader.
    pub(super) fn leader(&self, at: &TopicPartition) -> Option<BrokerId> {
        self.state(at).leader
    }

    /// Sends a request as a client, to the leader if there is one.
    pub(super) fn send_to_leader(
        &mut self,
        at: &TopicPartition,
        request: impl Into<Request>,
    ) -> Option<Ask> {
        let leader = self.leader(at)?;
        Some(self.send(Node::Broker(leader), request))
    }

    /// Sends a request as a client.
    pub(super) fn send(&mut self, to: Node, request: impl Into<Request>) -> Ask {
        self.count += 1;
        let ask = Ask(self.count);
        self.deliver(CLIENT, Asker::Client(ask), to, request.into());
        ask
    }

    /// What has come of a client's request, if anything has.
    pub(super) fn answer(&mut self, ask: Ask) -> Option<Result<Reply, Unreachable>> {
        self.answers.remove(&ask)
    }

    /// Asks as a client, and waits.
    pub(super) fn ask(&mut self, to: Node, request: impl Into<Request>) -> Reply {
        let ask = self.send(to, request);
        loop {
            if let Some(answer) = self.answer(ask) {
                return answer.expect("it can be reached");
            }
            assert!(self.turn(Instant(u64::MAX)), "no answer comes");
        }
    }

    pub(super) fn ask_leader(&mut self, at: &TopicPartition, request: impl Into<Request>) -> Reply {
        let leader = self.leader(at).unwrap_or_else(|| panic!("{at} has no leader"));
        self.ask(Node::Broker(leader), request)
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while self.turn(until) {}
        self.now = until;
    }

    /// A broker's process ends. With a loss of power, some of what its logs had not synced goes.
    pub(super) fn crash(&mut self, id: BrokerId, loses_power: bool) {
        let draw = self.draw(u64::MAX);
        let broker = self.brokers.get_mut(&id).expect("there is such a broker");
        if loses_power {
            broker.lose_power(|at, unsynced| {
                let draw = draw.rotate_left(at.partition * 7 + at.topic.as_str().len() as u32);
                (draw % (unsynced as u64 + 1)) as usize
            });
        } else {
            broker.restart();
        }
        let node = Node::Broker(id);
        self.down.insert(id);
        *self.lives.entry(node).or_default() += 1;
        self.wakes.remove(&node);
        let gone = self.served.extract_if(.., |_, (server, _)| *server == node);
        for (_, (_, asker)) in gone.collect::<Vec<_>>() {
            self.send_reply(asker, Err(Unreachable));
        }
    }

    /// A broker's process begins.
    pub(super) fn start(&mut self, id: BrokerId) {
        self.down.remove(&id);
        self.push(self.now, Due::Tick(Node::Broker(id)));
    }

    pub(super) fn start_all(&mut self) {
        self.down.clone().into_iter().for_each(|id| self.start(id));
    }

    pub(super) fn cut(&mut self, one: Node, other: Node) {
        self.cut.extend([(one, other), (other, one)]);
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    /// A broker's disk or cleaner does something.
    pub(super) fn maintain(&mut self, id: BrokerId, partition: &TopicPartition, work: Maintenance) {
        self.step(Node::Broker(id), Input::Maintain { partition: partition.clone(), work });
    }

    /// Every broker is alive, in reach, and in sync. A process that has just begun is not: until its registration is
    /// taken, the controller takes it for the one before.
    pub(super) fn is_well(&self) -> bool {
        let image = self.controller.image();
        let is_alive = |(id, state): (&BrokerId, &BrokerState)| {
            !state.fenced && state.incarnation == self.brokers[id].incarnation
        };
        self.down.is_empty()
            && self.cut.is_empty()
            && image.brokers.iter().all(is_alive)
            && image.partitions().all(|(_, state)| state.in_sync.len() == state.replicas.len())
    }

    /// Something happens, if it is to happen by `until`.
    fn turn(&mut self, until: Instant) -> bool {
        let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) else {
            return false;
        };
        self.now = self.now.max(entry.key().0);
        match entry.remove() {
            Due::Tick(node) => self.tick(node),
            Due::Request { from, to, life, request } => self.arrive(from, to, life, request),
            Due::Reply { to: Asker::Client(ask), reply } => {
                assert!(self.answers.insert(ask, reply).is_none(), "an answer comes once");
            }
            Due::Reply { to: Asker::Machine { node, life, call }, reply } => {
                if self.life(node) == life {
                    self.step(node, Input::Reply { id: call, reply });
                }
            }
        }
        true
    }

    fn tick(&mut self, node: Node) {
        let is_early = self.wakes.get(&node).is_some_and(|at| *at > self.now);
        if !is_early {
            self.wakes.remove(&node);
            self.step(node, Input::Tick);
        }
    }

    fn arrive(&mut self, from: Asker, to: Node, life: u32, request: Request) {
        let node = from.node();
        if self.life(to) != life || self.is_cut(node, to) {
            return self.send_reply(from, Err(Unreachable));
        }
        self.count += 1;
        let token = Token(self.count);
        self.served.insert(token, (to, from));
        self.step(to, Input::Request { from: node, token, request });
    }

    fn step(&mut self, node: Node, input: Input) {
        let now = self.now();
        let outputs = match node {
            Node::Controller => self.controller.step(now, input),
            Node::Broker(id) if self.down.contains(&id) => return,
            Node::Broker(id) => {
                self.brokers.get_mut(&id).expect("there is such a broker").step(now, input)
            }
            Node::Client(_) => unreachable!("clients are no machines"),
        };
        for output in outputs {
            match output {
                Output::Reply { token, reply } => {
                    let (_, asker) = self.served.remove(&token).expect("an answer is owed once");
                    let is_lost = self.is_cut(node, asker.node());
                    self.send_reply(asker, if is_lost { Err(Unreachable) } else { Ok(reply) });
                }
                Output::Call { id, to, request } => {
                    assert_ne!(to, node, "nobody calls itself through the host");
                    let asker = Asker::Machine { node, life: self.life(node), call: id };
                    self.deliver(node, asker, to, request);
                }
                Output::WakeAt(at) => {
                    self.wakes.insert(node, at);
                    self.push(at.max(self.now), Due::Tick(node));
                }
            }
        }
    }

    fn deliver(&mut self, from: Node, asker: Asker, to: Node, request: Request) {
        if self.is_cut(from, to) {
            return self.send_reply(asker, Err(Unreachable));
        }
        let (at, life) = (self.later(), self.life(to));
        self.push(at, Due::Request { from: asker, to, life, request });
    }

    fn send_reply(&mut self, to: Asker, reply: Result<Reply, Unreachable>) {
        let at = self.later();
        // News of a connection that is gone takes a while.
        let at = if reply.is_err() { at.plus_ms(100) } else { at };
        self.push(at, Due::Reply { to, reply });
    }

    fn later(&mut self) -> Instant {
        let delay = 100 + self.draw(DELAY_MAX_US);
        Instant(self.now.0 + delay)
    }

    fn push(&mut self, at: Instant, due: Due) {
        self.count += 1;
        self.queue.insert((at, self.count), due);
    }

    fn life(&self, node: Node) -> u32 {
        self.lives.get(&node).copied().unwrap_or(0)
    }

    fn is_cut(&self, from: Node, to: Node) -> bool {
        let is_down = |node| matches!(node, Node::Broker(id) if self.down.contains(&id));
        is_down(to) || self.cut.contains(&(from, to))
    }
}

impl Asker {
    fn node(self) -> Node {
        match self {
            Self::Machine { node, .. } => node,
            Self::Client(_) => CLIENT,
        }
    }
}
