//! The coordinator of groups: one per partition of `__consumer_offsets`. The classic protocol, with
//! static members.
//!
//! A group (`state`) gathers members in rounds (`rebalance`): whoever wants to belong joins, and
//! once all have, or the time is up, a new generation begins; its leader hands in who gets what
//! (`sync`), that is written, and then the group is stable. Of all that only a stable group and an
//! empty one are records: a coordinator that takes over begins with the newest of them, and members
//! that know a later generation join again. Beside it a group has offsets (`offsets`), each a record
//! of its own, those of transactions as part of their transaction.

mod commit;
mod expiry;
mod fetch;
mod join;
mod leave;
mod offsets;
mod rebalance;
mod record;
mod state;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::{commit::Committer, offsets::Committed, record::Key, state::Group};
use super::coordinator::{Action, Context, Coordinator, Event, Seat, Ticket, TransactionalAppend};
use crate::wire::{
    Batch, ErrorCode, Generation, Instant, Node, Offset, Payload, ProducerId, Record, Records,
    Reply, Request, Token, TopicPartition,
};

/// The coordinator of the groups of one partition.
#[derive(Debug)]
pub struct GroupCoordinator {
    seat: Seat,
    phase: Phase,
    groups: BTreeMap<String, Group>,
    tickets: Tickets,
    /// Commits that are refused once the coordinator of their transaction has been asked, by call.
    refusing: BTreeMap<u64, (OffsetsAppend, ErrorCode)>,
    /// The number in the next member's id.
    next_member: u64,
    /// When to look for offsets and groups that nobody uses.
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

/// Appends that are under way.
#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    open: BTreeMap<Ticket, Append>,
}

/// What an append is for.
#[derive(Debug)]
enum Append {
    /// To learn that all that was read is on all in-sync replicas.
    Settle,
    /// That a group is empty.
    Emptied,
    /// What a group's leader has handed in.
    Assignment(AssignmentAppend),
    /// A static member's new id.
    Renamed(RenamedAppend),
    /// Offsets.
    Offsets(OffsetsAppend),
    /// That offsets, and perhaps the group, are forgotten.
    Forgotten(ForgottenAppend),
}

#[derive(Debug)]
struct AssignmentAppend {
    group: String,
    generation: Generation,
    assignments: BTreeMap<String, bytes::Bytes>,
}

#[derive(Debug)]
struct RenamedAppend {
    group: String,
    token: Token,
    instance: String,
    old: String,
    new: String,
}

#[derive(Debug)]
struct OffsetsAppend {
    group: String,
    token: Token,
    committer: Committer,
    /// Whose transaction they are part of.
    producer: Option<ProducerId>,
    /// What became of them. While the transaction was verified the group may have gone on without the
    /// member: then it is told so, and will not commit the transaction.
    result: Result<(), ErrorCode>,
    offsets: Vec<(TopicPartition, Committed)>,
}

#[derive(Debug)]
struct ForgottenAppend {
    group: String,
    offsets: Vec<TopicPartition>,
    /// Where the records begin, once they are written.
    at: Option<Offset>,
}

/// A step: what is known, and what comes of it.
struct Turn<'a> {
    context: &'a Context<'a>,
    tickets: Tickets,
    actions: Vec<Action>,
}

impl GroupCoordinator {
    /// The coordinator that sits there; it knows nothing yet.
    pub fn new(seat: Seat) -> Self {
        Self {
            seat,
            phase: Phase::Loading,
            groups: BTreeMap::new(),
            tickets: Tickets::default(),
            refusing: BTreeMap::new(),
            next_member: 0,
            expire_at: None,
            retry_at: None,
        }
    }

    fn request(&mut self, turn: &mut Turn<'_>, from: Node, token: Token, request: Request) {
        match request {
            Request::JoinGroup(request) => self.join(turn, from, token, request),
            Request::SyncGroup(request) => self.sync(turn, token, request),
            Request::Heartbeat(request) => self.heartbeat(turn, token, &request),
            Request::LeaveGroup(request) => self.leave(turn, token, request),
            Request::OffsetCommit(request) => self.commit(turn, token, request),
            Request::TxnOffsetCommit(request) => self.commit_in_transaction(turn, token, request),
            Request::OffsetFetch(request) => self.fetch(turn, token, request),
            Request::DescribeGroup(request) => self.describe(turn, token, &request),
            other => unreachable!("a coordinator of groups is not asked for {}", other.name()),
        }
    }

    /// The group, if there is one.
    fn group(&mut self, id: &str) -> Result<Option<&mut Group>, ErrorCode> {
        match self.phase {
            Phase::Loading | Phase::Settling => Err(ErrorCode::CoordinatorLoadInProgress),
            Phase::Active if id.is_empty() => Err(ErrorCode::InvalidGroupId),
            Phase::Active => Ok(self.groups.get_mut(id)),
        }
    }

    /// The group, which begins now if there is none.
    fn group_or_new(&mut self, turn: &Turn<'_>, id: &str) -> Result<&mut Group, ErrorCode> {
        self.group(id)?;
        let new = || Group::new(id, turn.context.now.wall);
        Ok(self.groups.entry(id.to_owned()).or_insert_with(new))
    }

    fn replay(&mut self, turn: &Turn<'_>, batch: &Batch) {
        self.phase = Phase::Settling;
        let producer = batch.producer.filter(|stamp| stamp.transactional);
        if let (Payload::Marker { result, .. }, Some(stamp)) = (&batch.payload, producer) {
            let at = batch.base_offset;
            self.groups.values_mut().for_each(|group| group.offsets.end(stamp.id, *result, at));
        }
        for (at, record) in batch.records() {
            let (group_id, of) = match record::key(record) {
                Key::Group(group) => (group, None),
                Key::Offset(group, partition) => (group, Some(partition)),
            };
            let new = || Group::new(&group_id, turn.context.now.wall);
            let group = self.groups.entry(group_id.clone()).or_insert_with(new);
            match of {
                None => group.load(record::group(record)),
                Some(of) => {
                    let committed = record::offset(record).map(|it| Committed { at, ..it });
                    group.offsets.load(producer.map(|stamp| stamp.id), of, committed);
                }
            }
        }
    }

    /// A replica that takes over may be ahead of the others: what it alone has may still be lost. So it
    /// writes a record of its own first, that says nothing.
    fn loaded(&mut self, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Loading => self.activate(turn),
            Phase::Settling => settle(turn),
            Phase::Active => unreachable!("a coordinator is loaded once"),
        }
    }

    /// Members that were there before have their whole session from now on.
    fn activate(&mut self, turn: &Turn<'_>) {
        self.phase = Phase::Active;
        self.groups.retain(|_, group| !group.is_nothing());
        for group in self.groups.values_mut() {
            group.all_heard(turn.context.now.instant);
        }
        self.schedule_expiry(turn);
    }

    fn written(&mut self, turn: &mut Turn<'_>, ticket: Ticket, result: Result<Offset, ErrorCode>) {
        match result {
            Ok(base) => self.appended(turn, ticket, base),
            Err(error) => {
                let append = turn.tickets.close(ticket);
                self.refused(turn, append, unavailable(error));
            }
        }
    }

    /// An append has its place in the log.
    fn appended(&mut self, turn: &mut Turn<'_>, ticket: Ticket, base: Offset) {
        match turn.tickets.open.get_mut(&ticket).expect("an append is written once") {
            Append::Settle | Append::Emptied | Append::Assignment(_) | Append::Renamed(_) => {}
            Append::Forgotten(append) => append.at = Some(base),
            Append::Offsets(append) => {
                for (delta, (_, committed)) in (0..).zip(&mut append.offsets) {
                    committed.at = base + delta;
                }
                if let (Some(producer), Some(group)) =
                    (append.producer, self.groups.get_mut(&append.group))
                {
                    group.offsets.settle(&append.offsets);
                    group.offsets.add_pending(producer, &append.offsets);
                    append.result = group.check_commit(turn.context.now.instant, &append.committer);
                }
            }
        }
    }

    fn refused(&mut self, turn: &mut Turn<'_>, append: Append, error: ErrorCode) {
        match append {
            Append::Settle => {
                self.retry_at.get_or_insert(turn.context.now.instant.plus_ms(RETRY_MS));
            }
            // The group is empty all the same, and will be again after a restart.
            Append::Emptied | Append::Forgotten(_) => {}
            Append::Assignment(append) => {
                if let Some(group) = self.groups.get_mut(&append.group) {
                    group.assignment_refused(turn, append.generation, error);
                }
            }
            Append::Renamed(append) => self.rename_refused(turn, append, error),
            Append::Offsets(append) => self.commit_refused(turn, append, error),
        }
    }

    fn committed(&mut self, turn: &mut Turn<'_>, ticket: Ticket) {
        match turn.tickets.close(ticket) {
            Append::Settle => self.activate(turn),
            Append::Emptied => {}
            Append::Assignment(append) => {
                if let Some(group) = self.groups.get_mut(&append.group) {
                    group.assign(turn, append.generation, append.assignments);
                }
            }
            Append::Renamed(append) => self.renamed(turn, append),
            Append::Offsets(append) => self.commit_done(turn, append),
            Append::Forgotten(append) => self.forgotten(turn, &append),
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.context.now.instant;
        for group in self.groups.values_mut().filter(|group| group.wake.is_some_and(|at| at <= now))
        {
            group.tick(turn);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            settle(turn);
        }
        if self.expire_at.is_some_and(|at| at <= now) {
            self.expire(turn);
        }
    }

    fn resigned(&mut self, turn: &mut Turn<'_>) {
        for group in self.groups.values_mut() {
            group.resign(turn);
        }
        for (append, _) in std::mem::take(&mut self.refusing).into_values() {
            let reply = commit::reply(&append, Err(ErrorCode::NotCoordinator));
            turn.reply(append.token, reply);
        }
        for append in std::mem::take(&mut turn.tickets.open).into_values() {
            match append {
                Append::Settle | Append::Emptied | Append::Assignment(_) | Append::Forgotten(_) => {
                }
                Append::Renamed(append) => {
                    let reply = join::refusal(ErrorCode::NotCoordinator, &append.new);
                    turn.reply(append.token, reply);
                }
                Append::Offsets(append) => {
                    let reply = commit::reply(&append, Err(ErrorCode::NotCoordinator));
                    turn.reply(append.token, reply);
                }
            }
        }
    }
}

impl Coordinator for GroupCoordinator {
    fn step(&mut self, context: &Context<'_>, event: Event) -> Vec<Action> {
        let tickets = std::mem::take(&mut self.tickets);
        let mut turn = Turn { context, tickets, actions: Vec::new() };
        match event {
            Event::Replay(batch) => self.replay(&turn, &batch),
            Event::Loaded => self.loaded(&mut turn),
            Event::Request { from, token, request } => {
                self.request(&mut turn, from, token, request);
            }
            Event::Written { ticket, result } => self.written(&mut turn, ticket, result),
            Event::Committed { ticket } => self.committed(&mut turn, ticket),
            Event::Marker { producer, epoch: _, result, at } => {
                self.groups.values_mut().for_each(|group| group.offsets.end(producer, result, at));
            }
            Event::Tick => self.tick(&mut turn),
            Event::Resigned => self.resigned(&mut turn),
            Event::Reply { call, reply } => self.refuse(&mut turn, call, reply),
        }
        self.tickets = turn.tickets;
        turn.actions
    }

    fn wake_at(&self) -> Option<Instant> {
        let groups = self.groups.values().filter_map(|group| group.wake);
        groups.chain(self.retry_at).chain(self.expire_at).min()
    }
}

impl Turn<'_> {
    fn reply(&mut self, token: Token, reply: Reply) {
        self.actions.push(Action::Reply { token, reply });
    }

    fn append(&mut self, what: Append, records: Vec<Record>) {
        self.append_in_transaction(what, records, None);
    }

    fn append_in_transaction(
        &mut self,
        what: Append,
        records: Vec<Record>,
        transaction: Option<TransactionalAppend>,
    ) {
        self.tickets.next += 1;
        let ticket = Ticket(self.tickets.next);
        self.tickets.open.insert(ticket, what);
        let records = Records::new(records);
        self.actions.push(Action::Append { ticket, records, transaction });
    }
}

impl Tickets {
    fn close(&mut self, ticket: Ticket) -> Append {
        self.open.remove(&ticket).expect("an append ends once")
    }
}

fn settle(turn: &mut Turn<'_>) {
    turn.append(Append::Settle, vec![record::encode_group("", None)]);
}

/// What a client is told of an append that was refused.
fn unavailable(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NotEnoughReplicas => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        other => other,
    }
}

/// The pause before what has failed is tried again.
const RETRY_MS: u64 = 50;
