//! A world for one coordinator: its log, and time.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    broker::{
        coordinator::{Action, Context, Coordinator, Event, Seat, Ticket, TransactionalAppend},
        group::{
            GroupCoordinator,
            record::{self, Key},
            state::{Group, Loaded, State},
        },
    },
    wire::*,
};

/// The world.
pub(super) struct World {
    pub(super) config: ClusterConfig,
    pub(super) now: Now,
    image: Image,
    coordinator: GroupCoordinator,
    epoch: u32,
    log: Vec<Batch>,
    replicated: usize,
    /// What is in the log, but not yet on all in-sync replicas.
    waiting: VecDeque<Waiting>,
    /// Appends whose transaction is being verified.
    pub(super) verifying: VecDeque<(Ticket, Records, ProducerIdentity)>,
    replies: BTreeMap<Token, Reply>,
    tokens: u64,
    /// Nothing is replicated unless it is told so.
    pub(super) holds_replication: bool,
    /// No transaction is verified unless it is told so.
    pub(super) holds_verification: bool,
    /// The log takes nothing.
    pub(super) is_read_only: bool,
}

enum Waiting {
    Append(Ticket),
    Marker(ProducerIdentity, TransactionResult, Offset),
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            config: ClusterConfig::default(),
            now: Now { instant: Instant(0), wall: Timestamp(1_000_000) },
            image: Image::default(),
            coordinator: GroupCoordinator::new(seat(1)),
            epoch: 1,
            log: Vec::new(),
            replicated: 0,
            waiting: VecDeque::new(),
            verifying: VecDeque::new(),
            replies: BTreeMap::new(),
            tokens: 0,
            holds_replication: false,
            holds_verification: false,
            is_read_only: false,
        };
        world.step(Event::Loaded);
        world
    }

    /// Sends a request; its answer can be had by the token.
    pub(super) fn send(&mut self, request: impl Into<Request>) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        let from = Node::Client(ClientId(1));
        self.step(Event::Request { from, token, request: request.into() });
        self.settle();
        token
    }

    pub(super) fn reply(&mut self, token: Token) -> Option<Reply> {
        self.replies.remove(&token)
    }

    pub(super) fn settle(&mut self) {
        loop {
            let has_verified = !self.holds_verification && self.verify(Ok(()));
            let has_replicated = !self.holds_replication && self.replicate();
            if !has_verified && !has_replicated {
                return;
            }
        }
    }

    /// What is next is on all in-sync replicas.
    pub(super) fn replicate(&mut self) -> bool {
        let Some(waiting) = self.waiting.pop_front() else { return false };
        self.replicated = self.log.len() - self.waiting.len();
        self.step(match waiting {
            Waiting::Append(ticket) => Event::Committed { ticket },
            Waiting::Marker(producer, result, at) => {
                Event::Marker { producer: producer.id, epoch: producer.epoch, result, at }
            }
        });
        true
    }

    /// The coordinator of transactions says whether an append is part of one.
    pub(super) fn verify(&mut self, result: Result<(), ErrorCode>) -> bool {
        let Some((ticket, records, producer)) = self.verifying.pop_front() else { return false };
        match result {
            Ok(()) => self.append(ticket, records, Some(producer)),
            Err(error) => self.step(Event::Written { ticket, result: Err(error) }),
        }
        true
    }

    /// The end of a producer's transaction is written to the partition.
    pub(super) fn mark(&mut self, producer: ProducerIdentity, result: TransactionResult) {
        let coordinator_epoch = LeaderEpoch(1);
        let at = self.push(Some(producer), 1, Payload::Marker { result, coordinator_epoch });
        self.waiting.push_back(Waiting::Marker(producer, result, at));
        self.settle();
    }

    /// Time goes by, with every tick that was asked for.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now.instant.plus_ms(ms);
        while let Some(at) = self.coordinator.wake_at().filter(|at| *at <= until) {
            self.move_to(at.max(self.now.instant));
            self.step(Event::Tick);
            self.settle();
        }
        self.move_to(until);
    }

    /// Another broker takes over: with what was replicated, and `more` of what was not. If nothing was
    /// under way, it knows what its predecessor knew and had to keep.
    pub(super) fn take_over(&mut self, more: usize) {
        self.step(Event::Resigned);
        let is_quiet = self.waiting.is_empty() && self.verifying.is_empty();
        let known = is_quiet.then(|| self.known());
        self.waiting.clear();
        self.verifying.clear();
        self.log.truncate(self.replicated + more);
        self.epoch += 1;
        self.coordinator = GroupCoordinator::new(seat(self.epoch));
        for batch in self.log.clone() {
            self.step(Event::Replay(batch));
        }
        if let Some(known) = known {
            let now = self.known();
            assert_eq!(now.1, known.1, "what is known of offsets is what was written");
            for (id, group) in known.0 {
                assert_eq!(now.0.get(&id), Some(&group), "a settled group is what was written");
            }
        }
        self.step(Event::Loaded);
        self.settle();
    }

    /// What the coordinator knows: the groups that are stable or have become empty, and all offsets.
    fn known(&self) -> (BTreeMap<String, Loaded>, BTreeMap<String, String>) {
        let is_kept = |group: &Group| match group.state {
            State::Stable => true,
            State::Empty => group.generation > Generation(0),
            State::Preparing { .. } | State::Completing { .. } => false,
        };
        let groups = self.coordinator.groups.iter();
        let kept = groups.clone().filter(|(_, group)| is_kept(group));
        let offsets = groups.filter(|(_, group)| !group.offsets.is_empty());
        (
            kept.map(|(id, group)| (id.clone(), group.save(None))).collect(),
            offsets.map(|(id, group)| (id.clone(), format!("{:?}", group.offsets))).collect(),
        )
    }

    /// What the replicated part of the log says: the offset that counts, and the offsets of producers
    /// whose transactions are open.
    pub(super) fn reference(&self) -> (Option<u64>, BTreeMap<ProducerId, (Offset, u64)>) {
        let mut counts: Option<(Offset, u64)> = None;
        let mut open: BTreeMap<ProducerId, (Offset, u64)> = BTreeMap::new();
        for batch in &self.log[..self.replicated] {
            let producer = batch.producer.map(|stamp| stamp.id);
            match (&batch.payload, producer) {
                (Payload::Marker { result, .. }, Some(producer)) => {
                    let ended = open.remove(&producer);
                    if *result == TransactionResult::Commit {
                        counts = counts.max(ended);
                    }
                }
                (Payload::Marker { .. }, None) => panic!("a marker ends a producer's transaction"),
                (Payload::Records(_), producer) => {
                    for (at, record) in batch.records() {
                        let Some(offset) = offset(record) else { continue };
                        match producer {
                            Some(producer) => drop(open.insert(producer, (at, offset))),
                            None => counts = Some((at, offset)),
                        }
                    }
                }
            }
        }
        (counts.map(|(_, offset)| offset), open)
    }

    fn move_to(&mut self, at: Instant) {
        let ms = at.ms_since(self.now.instant);
        self.now = Now { instant: at, wall: Timestamp(self.now.wall.0 + ms) };
    }

    fn step(&mut self, event: Event) {
        let context = Context {
            now: self.now,
            broker: BrokerId(1),
            broker_epoch: BrokerEpoch(1),
            config: &self.config,
            image: &self.image,
        };
        for action in self.coordinator.step(&context, event) {
            match action {
                Action::Reply { token, reply } => {
                    assert_eq!(self.replies.insert(token, reply), None, "one answer each");
                }
                // The transaction's coordinator, which knows the partition.
                Action::Call { call, request, .. } => {
                    let Request::AddPartitionsToTxn(request) = request else {
                        panic!("a group asks nothing else: {request:?}")
                    };
                    let partitions = request.partitions.into_iter().map(|at| (at, Ok(())));
                    let reply = AddPartitionsToTxnReply { partitions: partitions.collect() };
                    let reply = Ok(Reply::AddPartitionsToTxn(reply));
                    self.step(Event::Reply { call, reply });
                }
                Action::Append { ticket, records, transaction: None } => {
                    self.append(ticket, records, None);
                }
                Action::Append { ticket, records, transaction: Some(transaction) } => {
                    let TransactionalAppend { producer, .. } = transaction;
                    self.verifying.push_back((ticket, records, producer));
                }
            }
        }
    }

    fn append(&mut self, ticket: Ticket, records: Records, producer: Option<ProducerIdentity>) {
        if self.is_read_only {
            self.step(Event::Written { ticket, result: Err(ErrorCode::NotEnoughReplicas) });
            return;
        }
        let count = records.len() as u64;
        let base = self.push(producer, count, Payload::Records(records));
        self.waiting.push_back(Waiting::Append(ticket));
        self.step(Event::Written { ticket, result: Ok(base) });
    }

    fn push(&mut self, producer: Option<ProducerIdentity>, count: u64, payload: Payload) -> Offset {
        let base_offset = self.log.last().map_or(Offset::ZERO, |last| last.last_offset.next());
        let stamp = |it: ProducerIdentity| ProducerStamp {
            id: it.id,
            epoch: it.epoch,
            sequence: None,
            transactional: true,
        };
        self.log.push(Batch {
            base_offset,
            last_offset: base_offset + (count - 1),
            leader_epoch: LeaderEpoch(self.epoch),
            timestamp: self.now.wall,
            producer: producer.map(stamp),
            payload,
        });
        base_offset
    }
}

/// The offset that a record is about, if it is about one.
fn offset(record: &Record) -> Option<u64> {
    match record::key(record) {
        Key::Group(_) => None,
        Key::Offset(..) => record::offset(record).map(|committed| committed.value.offset.0),
    }
}

fn seat(epoch: u32) -> Seat {
    let partition = TopicPartition::new(&TopicName::from(CONSUMER_OFFSETS), 0);
    Seat { partition, leader_epoch: LeaderEpoch(epoch) }
}
