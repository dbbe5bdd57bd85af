//! A broker: a pure machine.
//!
//! [`Broker::step`] takes one input and says what comes of it. There is no clock, no randomness and no
//! I/O; a host brings the messages, the time and the crashes.
//!
//! ```text
//! Input ──> inbox ──> serve, by kind of request ──┬──> partitions (log, producers, in-sync set)
//!             ^                                   ├──> seats (coordinators of the internal topics)
//!             │  requests to itself               └──> owed (answers that wait for replicas)
//!             └── changed partitions: what waits for records or for the high watermark goes on
//! ```

mod calls;
mod controller;
pub mod coordinator;
mod fetch;
mod fetchers;
pub mod group;
mod isr;
pub mod log;
mod membership;
mod metadata;
mod owed;
pub mod partition;
mod produce;
mod producer_ids;
pub mod producers;
mod refusal;
mod replication;
mod seats;
mod serve;
mod sessions;
#[cfg(test)]
mod tests;
mod timers;
pub mod transaction;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
};

pub use self::controller::Controller;
use self::{
    calls::Calls,
    fetch::Fetches,
    fetchers::Fetchers,
    isr::Isr,
    membership::Membership,
    owed::Owed,
    partition::{Partition, Seen},
    producer_ids::ProducerIds,
    seats::Seats,
    sessions::Sessions,
    timers::Timers,
};
use crate::wire::{
    BrokerId, Config, Image, Incarnation, Input, Maintenance, Node, Now, Output, Reply, Request,
    Timestamp, Token, TopicPartition,
};

/// A broker.
#[derive(Debug)]
pub struct Broker {
    id: BrokerId,
    config: Config,
    /// Which process this is.
    incarnation: Incarnation,
    now: Now,
    /// The metadata as this broker knows it.
    image: Arc<Image>,
    /// Its replicas: what survives the process.
    partitions: BTreeMap<TopicPartition, Partition>,
    membership: Membership,
    calls: Calls,
    timers: Timers,
    owed: Owed,
    fetches: Fetches,
    /// Followers that fetch from here.
    sessions: Sessions,
    /// When each of them was last heard of.
    seen: Seen,
    /// Leaders that this broker fetches from.
    fetchers: Fetchers,
    isr: Isr,
    seats: Seats,
    producer_ids: ProducerIds,
    inbox: VecDeque<Arrived>,
    /// Partitions whose end, high watermark, start or leader has changed in this step.
    changed: BTreeSet<TopicPartition>,
    outputs: Vec<Output>,
}

/// A request to be served.
#[derive(Debug)]
struct Arrived {
    from: Node,
    token: Token,
    request: Request,
}

impl Broker {
    /// A broker whose disk is empty. It begins with its first input.
    pub fn new(id: BrokerId, config: Config) -> Self {
        Self {
            id,
            config,
            incarnation: Incarnation(0),
            now: Now::default(),
            image: Arc::default(),
            partitions: BTreeMap::new(),
            membership: Membership::default(),
            calls: Calls::default(),
            timers: Timers::default(),
            owed: Owed::default(),
            fetches: Fetches::default(),
            sessions: Sessions::default(),
            seen: Seen::default(),
            fetchers: Fetchers::default(),
            isr: Isr::default(),
            seats: Seats::default(),
            producer_ids: ProducerIds::default(),
            inbox: VecDeque::new(),
            changed: BTreeSet::new(),
            outputs: Vec::new(),
        }
    }

    /// Takes an input.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.now = now;
        self.begin();
        match input {
            Input::Request { from, token, request } => {
                assert!(!calls::is_internal(token), "the host's tokens leave the broker's alone");
                self.inbox.push_back(Arrived { from, token, request });
            }
            Input::Reply { id, reply } => self.answered(id, reply),
            Input::Tick => self.timers.woken(),
            Input::Maintain { partition, work } => self.maintain(&partition, work),
        }
        while let Some(alarm) = self.timers.due(now.instant) {
            self.alarmed(alarm);
        }
        self.settle();
        self.outputs.extend(self.timers.arm().map(Output::WakeAt));
        mem::take(&mut self.outputs)
    }

    /// The process has ended; another one begins with what is in the page cache: all of its logs, and the
    /// high watermarks as they were last written down.
    pub fn restart(&mut self) {
        self.lose_power(|_, unsynced| unsynced);
    }

    /// The power was lost: of the batches of a replica that had not reached the disk, so many of the first
    /// are on it as `kept` says; it is told how many there were.
    pub fn lose_power(&mut self, mut kept: impl FnMut(&TopicPartition, usize) -> usize) {
        let mut partitions = mem::take(&mut self.partitions);
        for (at, partition) in &mut partitions {
            let unsynced = partition.log().unsynced_batches();
            let kept = kept(at, unsynced);
            if kept < unsynced {
                partition.lose_power(kept);
            } else {
                partition.restart();
            }
        }
        let calls = mem::take(&mut self.calls).restart();
        let incarnation = Incarnation(self.incarnation.0 + 1);
        let new = Self::new(self.id, Arc::clone(&self.config));
        *self = Self { partitions, calls, incarnation, ..new };
    }

    /// A replica, to be looked at.
    pub fn partition(&self, at: &TopicPartition) -> Option<&Partition> {
        self.partitions.get(at)
    }

    /// The replicas, to be looked at.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &Partition)> {
        self.partitions.iter()
    }

    /// Works until nothing is left that this step can do.
    fn settle(&mut self) {
        loop {
            if let Some(arrived) = self.inbox.pop_front() {
                self.serve(arrived);
            } else if let Some(at) = self.changed.pop_first() {
                self.progress(&at);
            } else if !self.answer_followers() {
                break;
            }
        }
    }

    /// What waits for that partition goes on.
    fn progress(&mut self, at: &TopicPartition) {
        self.settle_owed(at);
        self.wake_fetches(at);
        self.sessions.changed(at);
    }

    fn reply(&mut self, token: Token, reply: Reply) {
        match calls::internal(token) {
            Some(call) => self.answered(call, Ok(reply)),
            None => self.outputs.push(Output::Reply { token, reply }),
        }
    }

    fn maintain(&mut self, at: &TopicPartition, work: Maintenance) {
        let wall = self.now.wall;
        let Some(partition) = self.partitions.get_mut(at) else { return };
        match work {
            Maintenance::Flush => partition.sync(),
            Maintenance::Roll => partition.roll(),
            Maintenance::Compact { up_to } => {
                partition.compact(wall, up_to);
            }
            Maintenance::Retain => self.retain(at, wall),
        }
    }

    fn retain(&mut self, at: &TopicPartition, wall: Timestamp) {
        let partition = self.partitions.get_mut(at).expect("the caller has looked it up");
        if partition.retain(wall) {
            self.changed.insert(at.clone());
        }
    }

    /// Cleans all replicas, as Kafka's background threads do.
    fn clean(&mut self) {
        let wall = self.now.wall;
        let silent = wall.0.saturating_sub(self.config.producer_id_expiration_ms);
        for (at, partition) in &mut self.partitions {
            if partition.clean(wall) {
                self.changed.insert(at.clone());
            }
            partition.expire_producers(Timestamp(silent));
        }
    }
}
