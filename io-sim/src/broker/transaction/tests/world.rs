//! A world for one coordinator: its log, the leaders of three partitions, the controller.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    broker::{
        coordinator::{Action, Context, Coordinator, Event, Seat, Ticket},
        producers::{Check, Ended, Producers, check_batch, check_marker},
        transaction::{TransactionCoordinator, state::Transaction},
    },
    wire::*,
};

/// The world.
pub(super) struct World {
    pub(super) config: ClusterConfig,
    pub(super) now: Now,
    image: Image,
    coordinator: TransactionCoordinator,
    epoch: u32,
    log: Vec<Batch>,
    replicated: usize,
    waiting: VecDeque<Ticket>,
    calls: Vec<(u64, Request)>,
    /// Requests whose sender has given them up.
    pub(super) strays: Vec<Request>,
    replies: BTreeMap<Token, Reply>,
    tokens: u64,
    ids: u64,
    /// Nothing is replicated unless it is told so.
    pub(super) holds_replication: bool,
    /// No call arrives unless it is told so.
    pub(super) holds_calls: bool,
    /// The log takes nothing.
    pub(super) is_read_only: bool,
    leaders: BTreeMap<TopicPartition, Leader>,
}

/// The leader of a partition.
#[derive(Default)]
pub(super) struct Leader {
    producers: Producers,
    end: Offset,
    /// What is in the open transactions.
    open: BTreeMap<ProducerId, Vec<u64>>,
    /// The labels of each transaction that has ended, and how it did.
    pub(super) ended: Vec<(Vec<u64>, TransactionResult)>,
    /// It answers no markers.
    pub(super) is_down: bool,
}

impl World {
    pub(super) fn new() -> Self {
        let config =
            ClusterConfig { transaction_abort_interval_ms: 1_000, ..ClusterConfig::default() };
        let mut world = Self {
            config,
            now: Now { instant: Instant(0), wall: Timestamp(1_000_000) },
            image: image(),
            coordinator: TransactionCoordinator::new(seat(1)),
            epoch: 1,
            log: Vec::new(),
            replicated: 0,
            waiting: VecDeque::new(),
            calls: Vec::new(),
            strays: Vec::new(),
            replies: BTreeMap::new(),
            tokens: 0,
            ids: 0,
            holds_replication: false,
            holds_calls: false,
            is_read_only: false,
            leaders: BTreeMap::new(),
        };
        world.step(Event::Loaded);
        world.settle();
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

    /// Replicates and delivers what is not held back.
    pub(super) fn settle(&mut self) {
        loop {
            let has_replicated = !self.holds_replication && self.replicate();
            let has_delivered = !self.holds_calls && self.deliver(0);
            if !has_replicated && !has_delivered {
                return;
            }
        }
    }

    /// The next append is on all in-sync replicas.
    pub(super) fn replicate(&mut self) -> bool {
        let Some(ticket) = self.waiting.pop_front() else { return false };
        self.replicated = self.log.len() - self.waiting.len();
        self.step(Event::Committed { ticket });
        true
    }

    /// A call arrives, and its answer as well.
    pub(super) fn deliver(&mut self, which: usize) -> bool {
        if which >= self.calls.len() {
            return false;
        }
        let (call, request) = self.calls.remove(which);
        let reply = self.work_on(&request);
        let reply = reply.ok_or(Unreachable);
        self.step(Event::Reply { call, reply });
        true
    }

    /// A call is given up: it may have arrived, it may still arrive, or never.
    pub(super) fn give_up(&mut self, which: usize, arrives: bool, is_late: bool) -> bool {
        if which >= self.calls.len() {
            return false;
        }
        let (call, request) = self.calls.remove(which);
        if arrives {
            self.work_on(&request);
        }
        if is_late {
            self.strays.push(request);
        }
        self.step(Event::Reply { call, reply: Err(Unreachable) });
        true
    }

    /// What was given up arrives after all.
    pub(super) fn deliver_stray(&mut self, which: usize) {
        if which < self.strays.len() {
            let request = self.strays.remove(which);
            self.work_on(&request);
        }
    }

    /// How many calls are on their way.
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
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

    /// Another broker takes over: with what was replicated, and `more` of what was not. If all was
    /// replicated, it knows what its predecessor knew.
    pub(super) fn take_over(&mut self, more: usize) {
        self.step(Event::Resigned);
        let known = self.waiting.is_empty().then(|| self.known());
        self.strays.extend(self.calls.drain(..).map(|(_, request)| request));
        self.waiting.clear();
        self.log.truncate(self.replicated + more);
        self.epoch += 1;
        self.coordinator = TransactionCoordinator::new(seat(self.epoch));
        for batch in self.log.clone() {
            self.step(Event::Replay(batch));
        }
        if let Some(known) = known {
            assert_eq!(self.known(), known, "what is known is what was written");
        }
        self.step(Event::Loaded);
        self.settle();
    }

    /// A producer appends a record. The label finds it again in [`Leader::ended`].
    pub(super) fn produce(
        &mut self,
        producer: ProducerIdentity,
        partition: u32,
        label: u64,
    ) -> Result<(), ErrorCode> {
        let leader = self.leader(partition);
        let (id, epoch) = (producer.id, producer.epoch);
        let stamp = ProducerStamp { id, epoch, sequence: None, transactional: true };
        match check_batch(&leader.producers, stamp, 1)? {
            Check::New | Check::Repeated(_) => {}
        }
        let records = Records::new(vec![Record::new("key", "value")]);
        leader.append(stamp, Payload::Records(records));
        leader.open.entry(id).or_default().push(label);
        Ok(())
    }

    pub(super) fn leader(&mut self, partition: u32) -> &mut Leader {
        self.leaders.entry(stock(partition)).or_default()
    }

    /// The labels that still lie in an open transaction.
    pub(super) fn open_labels(&self) -> Vec<u64> {
        let open = self.leaders.values().flat_map(|leader| leader.open.values().flatten());
        open.copied().collect()
    }

    /// The transactions that have ended in any partition.
    pub(super) fn ended(&self) -> impl Iterator<Item = &(Vec<u64>, TransactionResult)> {
        self.leaders.values().flat_map(|leader| &leader.ended)
    }

    /// What the coordinator knows of each id.
    fn known(&self) -> Vec<(String, Transaction)> {
        let entries = self.coordinator.entries.iter();
        entries.filter_map(|(id, entry)| Some((id.clone(), entry.current.clone()?))).collect()
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
                Action::Call { call, to: _, request } => self.calls.push((call, request)),
                Action::Append { ticket, records, transaction: _ } => self.append(ticket, records),
            }
        }
    }

    fn append(&mut self, ticket: Ticket, records: Records) {
        if self.is_read_only {
            self.step(Event::Written { ticket, result: Err(ErrorCode::NotEnoughReplicas) });
            return;
        }
        let offset = Offset(self.log.len() as u64);
        self.log.push(Batch {
            base_offset: offset,
            last_offset: offset,
            leader_epoch: LeaderEpoch(self.epoch),
            timestamp: self.now.wall,
            producer: None,
            payload: Payload::Records(records),
        });
        self.waiting.push_back(ticket);
        self.step(Event::Written { ticket, result: Ok(offset) });
    }

    fn work_on(&mut self, request: &Request) -> Option<Reply> {
        match request {
            Request::AllocateProducerIds(_) => {
                self.ids += 10;
                let range = ProducerIdRange { first: ProducerId(self.ids), count: 10 };
                Some(Reply::AllocateProducerIds(Ok(range)))
            }
            Request::WriteTxnMarkers(request) => {
                let markers = request.markers.iter().map(|it| (it.producer, self.mark(it)));
                Some(Reply::WriteTxnMarkers(WriteTxnMarkersReply { markers: markers.collect() }))
            }
            other => panic!("nobody answers {other:?}"),
        }
    }

    fn mark(&mut self, marker: &TxnMarker) -> Vec<(TopicPartition, Result<(), ErrorCode>)> {
        let mut results = Vec::new();
        for partition in &marker.partitions {
            let leader = self.leaders.entry(partition.clone()).or_default();
            results.push((partition.clone(), leader.mark(marker)));
        }
        results
    }
}

impl Leader {
    fn mark(&mut self, marker: &TxnMarker) -> Result<(), ErrorCode> {
        if self.is_down {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        check_marker(&self.producers, marker)?;
        let (id, epoch) = (marker.producer, marker.epoch);
        let stamp = ProducerStamp { id, epoch, sequence: None, transactional: true };
        let (result, coordinator_epoch) = (marker.result, marker.coordinator_epoch);
        if let Some(ended) = self.append(stamp, Payload::Marker { result, coordinator_epoch }) {
            let labels = self.open.remove(&ended.producer).expect("it has records");
            self.ended.push((labels, ended.result));
        }
        Ok(())
    }

    fn append(&mut self, stamp: ProducerStamp, payload: Payload) -> Option<Ended> {
        let batch = Batch {
            base_offset: self.end,
            last_offset: self.end,
            leader_epoch: LeaderEpoch(0),
            timestamp: Timestamp(0),
            producer: Some(stamp),
            payload,
        };
        self.end = self.end.next();
        self.producers.apply(&batch)
    }
}

/// A partition of the topic that producers write to.
pub(super) fn stock(partition: u32) -> TopicPartition {
    TopicPartition::new(&TopicName::from("stock"), partition)
}

fn seat(epoch: u32) -> Seat {
    let partition = TopicPartition::new(&TopicName::from(TRANSACTION_STATE), 0);
    Seat { partition, leader_epoch: LeaderEpoch(epoch) }
}

/// Two brokers; each leads some of the partitions.
fn image() -> Image {
    let partitions = |count: u32| {
        (0..count).map(|number| PartitionState {
            replicas: vec![BrokerId(1), BrokerId(2)],
            in_sync: vec![BrokerId(1), BrokerId(2)],
            leader: Some(BrokerId(1 + number % 2)),
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
        })
    };
    let topic = |count| TopicState {
        config: TopicConfig::default(),
        partitions: partitions(count).collect(),
    };
    let topics = [("stock", 3), (CONSUMER_OFFSETS, 4)];
    Image {
        topics: topics.map(|(name, count)| (TopicName::from(name), topic(count))).into(),
        ..Image::default()
    }
}
