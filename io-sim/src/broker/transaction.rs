//! The coordinator of transactions: one per partition of `__transaction_state`.
//!
//! Each transactional id is a small machine (`state`): Empty, Ongoing, Prepare, Complete. Every step
//! is a record; it counts, and is answered, once all in-sync replicas have it, and until then the id
//! takes no other (`ConcurrentTransactions`). From the moment that a Prepare record counts it is
//! decided how the transaction ends; the markers are sent to each partition's leader until all have
//! them, by this coordinator or by the next one (`markers`).

mod expiry;
mod ids;
mod markers;
mod record;
mod requests;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::{ids::ProducerIds, state::Transaction};
use super::coordinator::{Action, Context, Coordinator, Event, Seat, Target, Ticket};
use crate::wire::{
    Batch, ErrorCode, Instant, Record, Records, Reply, Request, Token, TopicName, TopicPartition,
    Unreachable,
};

/// The coordinator of the transactional ids of one partition.
#[derive(Debug)]
pub struct TransactionCoordinator {
    seat: Seat,
    phase: Phase,
    entries: BTreeMap<String, Entry>,
    ids: ProducerIds,
    tickets: BTreeMap<Ticket, Append>,
    calls: BTreeMap<u64, Call>,
    /// The next ticket or call.
    next: u64,
    /// The topic of groups' offsets, whose partitions become parts of transactions.
    offsets_topic: TopicName,
    /// When to look for transactions that are overdue.
    scan_at: Option<Instant>,
    /// When to look for ids that nobody uses.
    expire_at: Option<Instant>,
    /// When to try again what has failed.
    retry_at: Option<Instant>,
}

/// How far a coordinator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It reads its partition.
    Loading,
    /// It has read it, but does not know yet whether all in-sync replicas have what it has read.
    Settling,
    /// It serves.
    Active,
}

/// A transactional id.
#[derive(Debug, Default)]
struct Entry {
    /// How it stands, as all in-sync replicas know. None: it is new.
    current: Option<Transaction>,
    /// The change that is being written.
    pending: Option<Pending>,
    /// Where the transaction that is being ended still has no marker.
    unmarked: BTreeSet<TopicPartition>,
    /// Of these, where none is on its way.
    unsent: BTreeSet<TopicPartition>,
}

/// A change that is being written.
#[derive(Debug)]
struct Pending {
    /// How the id will stand; none: forgotten.
    next: Option<Transaction>,
    answer: Answer,
}

/// Who waits for a change.
#[derive(Debug)]
enum Answer {
    Nobody,
    /// Gets its new identity.
    Init(Token),
    /// Is told to ask again, once its predecessor is fenced.
    Fence(Token),
    Add(Token, Vec<TopicPartition>),
    AddOffsets(Token),
    End(Token),
}

/// What an append is for.
#[derive(Debug)]
enum Append {
    /// To learn that all that was read is on all in-sync replicas.
    Settle,
    /// A change of a transactional id.
    Change(String),
}

/// What a call is for.
#[derive(Debug)]
enum Call {
    ProducerIds,
    Markers { transactional_id: String, partitions: Vec<TopicPartition> },
}

/// A step: what is known, and what comes of it.
struct Turn<'a> {
    context: &'a Context<'a>,
    actions: Vec<Action>,
}

impl TransactionCoordinator {
    /// The coordinator that sits there; it knows nothing yet.
    pub fn new(seat: Seat) -> Self {
        Self {
            seat,
            phase: Phase::Loading,
            entries: BTreeMap::new(),
            ids: ProducerIds::default(),
            tickets: BTreeMap::new(),
            calls: BTreeMap::new(),
            next: 0,
            offsets_topic: TopicName::from(crate::wire::CONSUMER_OFFSETS),
            scan_at: None,
            expire_at: None,
            retry_at: None,
        }
    }

    fn replay(&mut self, batch: &Batch) {
        self.phase = Phase::Settling;
        for (_, record) in batch.records() {
            match record::decode(record) {
                (id, Some(transaction)) => {
                    let entry = self.entries.entry(id).or_default();
                    entry.current = Some(transaction);
                }
                (id, None) => drop(self.entries.remove(&id)),
            }
        }
    }

    /// A replica that takes over may be ahead of the others: what it alone has may still be lost. So it
    /// writes a record of its own first, that says nothing.
    fn loaded(&mut self, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Loading => self.activate(turn),
            Phase::Settling => self.settle(turn),
            Phase::Active => unreachable!("a coordinator is loaded once"),
        }
    }

    fn settle(&mut self, turn: &mut Turn<'_>) {
        let nothing = record::encode("", None);
        self.append(turn, Append::Settle, nothing);
    }

    fn activate(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Active;
        self.want_producer_ids(turn);
        self.schedule_scan(turn);
        self.schedule_expiry(turn);
        let prepared: Vec<String> = self.prepared().cloned().collect();
        for id in prepared {
            self.begin_marking(turn, &id);
        }
    }

    /// Writes a change of an id.
    fn change(&mut self, turn: &mut Turn<'_>, id: &str, next: Option<Transaction>, answer: Answer) {
        let entry = self.entries.entry(id.to_owned()).or_default();
        assert!(entry.pending.is_none(), "{id} changes one step at a time");
        let record = record::encode(id, next.as_ref());
        entry.pending = Some(Pending { next, answer });
        self.append(turn, Append::Change(id.to_owned()), record);
    }

    fn append(&mut self, turn: &mut Turn<'_>, what: Append, record: Record) {
        let ticket = Ticket(self.number());
        self.tickets.insert(ticket, what);
        let records = Records::new(vec![record]);
        turn.actions.push(Action::Append { ticket, records, transaction: None });
    }

    fn call(&mut self, turn: &mut Turn<'_>, what: Call, to: Target, request: Request) {
        let call = self.number();
        self.calls.insert(call, what);
        turn.actions.push(Action::Call { call, to, request });
    }

    fn written(&mut self, turn: &mut Turn<'_>, ticket: Ticket, error: Option<ErrorCode>) {
        let Some(error) = error else { return };
        let append = self.tickets.remove(&ticket).expect("an append is answered once");
        match append {
            Append::Settle => self.retry_later(turn),
            Append::Change(id) => self.refused(turn, &id, unavailable(error)),
        }
    }

    /// A change was not written: all is as before.
    fn refused(&mut self, turn: &mut Turn<'_>, id: &str, error: ErrorCode) {
        let entry = self.entries.get_mut(id).expect("a change belongs to an id");
        let pending = entry.pending.take().expect("a change is pending until it is written");
        turn.actions.extend(pending.answer.error(error));
        let is_new = entry.current.is_none();
        let must_go_on = entry.is_prepared();
        if is_new {
            self.entries.remove(id);
        }
        if must_go_on {
            self.retry_later(turn);
        }
    }

    fn committed(&mut self, turn: &mut Turn<'_>, ticket: Ticket) {
        let append = self.tickets.remove(&ticket).expect("an append is replicated once");
        let id = match append {
            Append::Settle => return self.activate(turn),
            Append::Change(id) => id,
        };
        let entry = self.entries.get_mut(&id).expect("a change belongs to an id");
        let pending = entry.pending.take().expect("a change is pending until it is replicated");
        let Some(next) = pending.next else {
            self.entries.remove(&id);
            return;
        };
        turn.actions.extend(pending.answer.success(&next));
        entry.current = Some(next);
        if entry.is_prepared() {
            self.begin_marking(turn, &id);
        }
        self.schedule_scan(turn);
    }

    fn answered(&mut self, turn: &mut Turn<'_>, call: u64, reply: Result<Reply, Unreachable>) {
        let call = self.calls.remove(&call).expect("a call is answered once");
        match (call, reply) {
            (Call::ProducerIds, Ok(Reply::AllocateProducerIds(Ok(range)))) => {
                self.ids.refill(range);
            }
            (Call::ProducerIds, _) => {
                self.ids.failed();
                self.retry_later(turn);
            }
            (Call::Markers { transactional_id, partitions }, reply) => {
                self.marked(turn, &transactional_id, partitions, reply);
            }
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if is_due(&mut self.retry_at, turn) {
            self.retry(turn);
        }
        if is_due(&mut self.scan_at, turn) {
            self.abort_overdue(turn);
        }
        if is_due(&mut self.expire_at, turn) {
            self.expire(turn);
        }
    }

    fn retry(&mut self, turn: &mut Turn<'_>) {
        let is_settling = self.tickets.values().any(|it| matches!(it, Append::Settle));
        if self.phase == Phase::Settling && !is_settling {
            self.settle(turn);
        }
        if self.phase == Phase::Active {
            self.want_producer_ids(turn);
            let prepared: Vec<String> = self.prepared().cloned().collect();
            for id in prepared {
                self.go_on_marking(turn, &id);
            }
        }
    }

    fn resigned(&mut self, turn: &mut Turn<'_>) {
        let pending = self.entries.values_mut().filter_map(|entry| entry.pending.take());
        let answers = pending.filter_map(|it| it.answer.error(ErrorCode::NotCoordinator));
        turn.actions.extend(answers);
    }

    fn retry_later(&mut self, turn: &Turn<'_>) {
        self.retry_at.get_or_insert(turn.context.now.instant.plus_ms(RETRY_MS));
    }

    fn prepared(&self) -> impl Iterator<Item = &String> {
        self.entries.iter().filter(|(_, entry)| entry.is_prepared()).map(|(id, _)| id)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Coordinator for TransactionCoordinator {
    fn step(&mut self, context: &Context<'_>, event: Event) -> Vec<Action> {
        let mut turn = Turn { context, actions: Vec::new() };
        match event {
            Event::Replay(batch) => self.replay(&batch),
            Event::Loaded => self.loaded(&mut turn),
            Event::Request { from: _, token, request } => self.request(&mut turn, token, request),
            Event::Written { ticket, result } => self.written(&mut turn, ticket, result.err()),
            Event::Committed { ticket } => self.committed(&mut turn, ticket),
            Event::Reply { call, reply } => self.answered(&mut turn, call, reply),
            Event::Tick => self.tick(&mut turn),
            Event::Resigned => self.resigned(&mut turn),
            // Nobody writes to this partition in a transaction.
            Event::Marker { .. } => {}
        }
        turn.actions
    }

    fn wake_at(&self) -> Option<Instant> {
        [self.retry_at, self.scan_at, self.expire_at].into_iter().flatten().min()
    }
}

impl Answer {
    fn success(self, next: &Transaction) -> Option<Action> {
        let (token, reply) = match self {
            Self::Nobody => return None,
            Self::Init(token) => (token, Reply::InitProducerId(Ok(next.producer))),
            Self::Fence(token) => {
                (token, Reply::InitProducerId(Err(ErrorCode::ConcurrentTransactions)))
            }
            Self::Add(token, partitions) => (token, requests::added(partitions, Ok(()))),
            Self::AddOffsets(token) => (token, Reply::AddOffsetsToTxn(Ok(()))),
            Self::End(token) => (token, Reply::EndTxn(Ok(next.next_producer()))),
        };
        Some(Action::Reply { token, reply })
    }

    fn error(self, error: ErrorCode) -> Option<Action> {
        let (token, reply) = match self {
            Self::Nobody => return None,
            Self::Init(token) | Self::Fence(token) => (token, Reply::InitProducerId(Err(error))),
            Self::Add(token, partitions) => (token, requests::added(partitions, Err(error))),
            Self::AddOffsets(token) => (token, Reply::AddOffsetsToTxn(Err(error))),
            Self::End(token) => (token, Reply::EndTxn(Err(error))),
        };
        Some(Action::Reply { token, reply })
    }
}

/// What a client is told of an append that was refused.
fn unavailable(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NotEnoughReplicas => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        other => other,
    }
}

/// Whether that time has come; then it is over.
fn is_due(at: &mut Option<Instant>, turn: &Turn<'_>) -> bool {
    let is_due = at.is_some_and(|at| at <= turn.context.now.instant);
    if is_due {
        *at = None;
    }
    is_due
}

/// The pause before what has failed is tried again (Kafka: `retry.backoff.ms` between brokers).
const RETRY_MS: u64 = 50;
