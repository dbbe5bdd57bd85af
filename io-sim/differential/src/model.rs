//! The modelled broker, in one loop with its controller.

use std::collections::BTreeMap;

use tidelog_io_sim::{
    broker::{Broker, Controller},
    wire::{
        BrokerId, CallId, ClientId, ClusterConfig, Config, CreateTopicsRequest, Input, Instant,
        NewTopic, Node, Now, Output, Reply, Request, Timestamp, Token, TopicConfig,
    },
};

use crate::{Home, Names};

/// One broker and the controller. Time goes on only while somebody waits.
pub struct Model {
    broker: Broker,
    controller: Controller,
    now: Instant,
    /// What is on its way, by when it arrives and in which order it was sent.
    queue: BTreeMap<(Instant, u64), Due>,
    count: u64,
    wakes: BTreeMap<Node, Instant>,
    /// Whom an answer is owed to.
    asked: BTreeMap<Token, Asker>,
    answers: BTreeMap<usize, Reply>,
}

enum Due {
    Request { from: Asker, to: Node, request: Request },
    Reply { to: Node, call: CallId, reply: Reply },
    Tick(Node),
}

#[derive(Clone, Copy)]
enum Asker {
    Machine { node: Node, call: CallId },
    Client { connection: usize },
    Nobody,
}

const ONLY: BrokerId = BrokerId(1);

/// How long a message takes.
const DELAY_US: u64 = 100;

/// How long an answer is waited for at a time, in milliseconds.
const GLANCE_MS: u64 = 20;

impl Model {
    /// A broker that has joined.
    #[must_use]
    pub fn start() -> Self {
        let config = Config::new(ClusterConfig {
            brokers: vec![ONLY],
            offsets_partitions: 1,
            transaction_partitions: 1,
            internal_replication_factor: 1,
            internal_min_insync_replicas: 1,
            group_initial_rebalance_delay_ms: 0,
            ..ClusterConfig::default()
        });
        let mut model = Self {
            broker: Broker::new(ONLY, config.clone()),
            controller: Controller::new(config),
            now: Instant(1_000_000),
            queue: BTreeMap::new(),
            count: 0,
            wakes: BTreeMap::new(),
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
        model.push(Due::Tick(Node::Broker(ONLY)));
        model.run_ms(3_000);
        model
    }

    fn run_ms(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while self.turn(until) {}
        self.now = until;
    }

    /// Something happens, if it is to happen by `until`.
    fn turn(&mut self, until: Instant) -> bool {
        let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) else {
            return false;
        };
        self.now = self.now.max(entry.key().0);
        match entry.remove() {
            Due::Tick(node) => {
                if self.wakes.get(&node).is_none_or(|at| *at <= self.now) {
                    self.wakes.remove(&node);
                    self.step(node, Input::Tick);
                }
            }
            Due::Request { from, to, request } => {
                self.count += 1;
                let token = Token(self.count);
                self.asked.insert(token, from);
                let from = match from {
                    Asker::Machine { node, .. } => node,
                    Asker::Client { .. } | Asker::Nobody => Node::Client(ClientId(1)),
                };
                self.step(to, Input::Request { from, token, request });
            }
            Due::Reply { to, call, reply } => {
                self.step(to, Input::Reply { id: call, reply: Ok(reply) });
            }
        }
        true
    }

    fn step(&mut self, node: Node, input: Input) {
        let wall = Timestamp(1_700_000_000_000 + self.now.0 / 1000);
        let now = Now { instant: self.now, wall };
        let outputs = match node {
            Node::Controller => self.controller.step(now, input),
            Node::Broker(_) => self.broker.step(now, input),
            Node::Client(_) => unreachable!("clients are no machines"),
        };
        for output in outputs {
            match output {
                Output::Reply { token, reply } => {
                    match self.asked.remove(&token).expect("an answer is owed once") {
                        Asker::Machine { node, call } => {
                            self.push(Due::Reply { to: node, call, reply });
                        }
                        Asker::Client { connection } => {
                            let before = self.answers.insert(connection, reply);
                            assert!(before.is_none(), "one request at a time on a connection");
                        }
                        Asker::Nobody => {}
                    }
                }
                Output::Call { id, to, request } => {
                    let from = Asker::Machine { node, call: id };
                    self.push(Due::Request { from, to, request });
                }
                Output::WakeAt(at) => {
                    self.wakes.insert(node, at);
                    self.push_at(at.max(self.now), Due::Tick(node));
                }
            }
        }
    }

    fn push(&mut self, due: Due) {
        self.push_at(Instant(self.now.0 + DELAY_US), due);
    }

    fn push_at(&mut self, at: Instant, due: Due) {
        self.count += 1;
        self.queue.insert((at, self.count), due);
    }
}

impl Home for Model {
    fn begin(&mut self, names: &Names) {
        let new = NewTopic {
            topic: names.topic.clone(),
            partitions: 2,
            replication_factor: 1,
            config: TopicConfig { min_insync_replicas: 1, ..TopicConfig::default() },
        };
        self.send(0, CreateTopicsRequest { topics: vec![new] }.into());
        while self.glance(0).is_none() {}
        // The broker learns of it from the controller.
        self.run_ms(100);
    }

    fn end(&mut self, _names: &Names) {}

    fn send(&mut self, connection: usize, request: Request) {
        let from = Asker::Client { connection };
        self.push(Due::Request { from, to: Node::Broker(ONLY), request });
    }

    fn glance(&mut self, connection: usize) -> Option<Reply> {
        let until = self.now.plus_ms(GLANCE_MS);
        while !self.answers.contains_key(&connection) && self.turn(until) {}
        let answer = self.answers.remove(&connection);
        if answer.is_none() {
            self.now = until;
        }
        answer
    }

    fn abandon(&mut self, connection: usize) {
        let is_it =
            |asker: &Asker| matches!(asker, Asker::Client { connection: it } if *it == connection);
        for asker in self.asked.values_mut().filter(|asker| is_it(asker)) {
            *asker = Asker::Nobody;
        }
        self.answers.remove(&connection);
    }

    fn pause(&mut self) {
        self.run_ms(10);
    }

    fn settle(&mut self, _names: &Names) {
        self.run_ms(100);
    }
}
