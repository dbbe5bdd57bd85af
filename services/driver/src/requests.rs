//! The requests under way, as a pure state machine: inputs and the time go in, and what is to be
//! done comes out as data. No clock, no channel, no task.
//!
//! ```text
//!              Submit, Name, Wait, Detach, Abandon            Append (a record for the log)
//!   calls ───────────────────────────────────────▶ Requests ─────────────────────────────▶ log
//!         ◀───────────────────────────────────────          ◀─────────────────────────────
//!          Tell (a name, appended, an answer, overdue)        Appended, Partial, Complete
//! ```
//!
//! # Invariants
//!
//! - A request has one name, one first sending's time and one payload however often it is sent.
//! - `first_incomplete` never passes a number that is under way: one that was neither answered
//!   whole nor given up.
//! - A call is told that its request is in the log only once the log has said so.
//! - A call is told one answer at most. What is over leaves nothing behind.
//! - A clock that is set back puts no deadline off.

mod answers;
mod entry;
mod event;
mod gathering;
mod incarnation;
mod request;
mod steady;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidelog_core::{
    ClientId, Layout, Probe, RequestName, Timestamp,
    limits::{DRIVER_RESENDS_FOR, REQUESTS_AHEAD_MAX},
    message::Origin,
};

pub(crate) use self::{
    entry::Slot,
    event::{Awaits, Input, Output, Reply, Rules, Told},
    request::Request,
};
use self::{
    entry::{Alarm, Entry, InLog},
    incarnation::Incarnation,
    steady::Steady,
};
use crate::error::Error;

/// What a call is known by between its driver and the connection.
pub(crate) type Token = u64;

/// The requests of one driver that are under way.
#[derive(Debug)]
pub(crate) struct Requests<R> {
    rules: Rules,
    layout: Layout,
    current: ClientId,
    /// The client's names that have requests under way, and the one that new requests get.
    incarnations: BTreeMap<u32, Incarnation<R>>,
    /// Where the calls' requests are.
    tokens: BTreeMap<Token, Slot>,
    /// When each request wants to be looked at next: one time for each that is under way.
    timers: BTreeSet<(Timestamp, Slot)>,
    /// The time of the timers. Outside, times are those of the client's clock.
    steady: Steady,
    /// The greatest task time that was told: no first sending is stamped below it.
    task_time: Timestamp,
    lingering: usize,
    is_closed: bool,
    outputs: Vec<Output<R>>,
}

impl<R> Requests<R> {
    /// No requests yet of this client.
    pub(crate) fn new(client: ClientId, layout: Layout, rules: Rules) -> Self {
        let resend_after = rules.resend_after.max(Duration::from_millis(1));
        let first = Incarnation::new(client.clone());
        Self {
            rules: Rules { resend_after, ..rules },
            layout,
            incarnations: BTreeMap::from([(client.incarnation(), first)]),
            current: client,
            tokens: BTreeMap::new(),
            timers: BTreeSet::new(),
            steady: Steady::default(),
            task_time: Timestamp::ZERO,
            lingering: 0,
            is_closed: false,
            outputs: Vec::new(),
        }
    }

    /// Takes an input when the clock shows `clock`. What is to be done then is among the outputs.
    pub(crate) fn handle(&mut self, clock: Timestamp, input: Input<R>) {
        let now = self.steady.tick(clock);
        match input {
            Input::Submit { token, request, reply } => self.submit(now, token, request, reply),
            Input::Name { token, reply } => self.name(token, reply),
            Input::Wait { token, awaits, deadline, reply } => {
                let deadline = self.steady.at(deadline);
                self.wait(now, token, Alarm { awaits, deadline, reply });
            }
            Input::Detach(token) => self.detach(token),
            Input::Abandon(token) => self.abandon(token),
            Input::Appended { slots, outcomes } => self.appended(slots, outcomes),
            Input::Partial(response) => self.partial(response),
            Input::Complete(response) => self.complete(now, response),
            Input::Tick => self.tick(now),
            Input::Close => self.is_closed = true,
            Input::Finish => self.finish(),
        }
    }

    /// What is to be done, in this order. Take it after each input, or after some.
    pub(crate) fn outputs(&mut self) -> &mut Vec<Output<R>> {
        &mut self.outputs
    }

    /// Whether an [`Input::Tick`] is due when the clock shows `clock`.
    pub(crate) fn is_due(&mut self, clock: Timestamp) -> bool {
        let now = self.steady.tick(clock);
        self.timers.first().is_some_and(|(at, _)| *at <= now)
    }

    /// What the clock shows when the next [`Input::Tick`] is wanted, at the latest. One that comes early
    /// does no harm.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| self.steady.clock(*at))
    }

    /// Whether nothing is under way but batches whose callers have got what there was.
    pub(crate) fn is_drained(&self) -> bool {
        self.timers.len() == self.lingering
    }

    fn submit(&mut self, now: Timestamp, token: Token, request: Request, reply: R) {
        if self.is_closed {
            return self.tell(reply, Err(Error::Closed));
        }
        if self.timers.len() >= self.rules.in_flight_max {
            Probe::DriverBusy.hit();
            return self.tell(reply, Err(Error::Busy));
        }
        let clock = self.steady.clock(now);
        let first_sent = clock.max(self.task_time);
        Probe::StampedAheadOfClock.hit_if(first_sent > clock);
        let is_batch = request.is_batch();
        let (name, first_incomplete) = self.next_name();
        let number = name.number;
        let (user, device) = request.sender();
        let origin = Origin { name, first_incomplete, first_sent, user, device };
        let append = match request.into_append(origin, self.layout) {
            Ok(append) => append,
            // The name is still free: nothing was sent under it.
            Err(problem) => return self.tell(reply, Err(Error::problem(problem))),
        };
        let slot = Slot { incarnation: self.current.incarnation(), number };
        let mut entry = Entry::new(token, is_batch, first_sent, append.clone(), reply);
        entry.give_up_at = now.plus(DRIVER_RESENDS_FOR);
        entry.sent(now, self.rules.resend_after);
        entry.wake_at = entry.next_wake();
        self.timers.insert((entry.wake_at, slot));
        self.tokens.insert(token, slot);
        self.incarnation().push(entry);
        self.outputs.push(Output::Append(slot, append));
    }

    /// The name of the next request, and the client's first incomplete number. Where one request
    /// has been stuck for too long, it is that of the client's next incarnation.
    fn next_name(&mut self) -> (RequestName, u64) {
        let current = self.incarnation();
        if current.next_number() - current.first_incomplete() > REQUESTS_AHEAD_MAX {
            Probe::ClientNameChanged.hit();
            self.current = self.current.next();
        }
        let client = self.current.clone();
        let current = self.incarnation();
        (RequestName { client, number: current.next_number() }, current.first_incomplete())
    }

    /// The incarnation that new requests get.
    fn incarnation(&mut self) -> &mut Incarnation<R> {
        let current = &self.current;
        self.incarnations
            .entry(current.incarnation())
            .or_insert_with(|| Incarnation::new(current.clone()))
    }

    fn name(&mut self, token: Token, reply: R) {
        let Some(slot) = self.tokens.get(&token) else { return };
        if let Some(id) = self.id(*slot) {
            self.outputs.push(Output::Tell(reply, Told::Named(id)));
        }
    }

    fn wait(&mut self, now: Timestamp, token: Token, alarm: Alarm<R>) {
        let Some(slot) = self.tokens.get(&token).copied() else { return };
        let Some(entry) = self.entry(slot) else { return };
        let is_appended = alarm.awaits == Awaits::Append && entry.in_log == InLog::Yes;
        if is_appended || alarm.deadline <= now {
            if let Some(id) = self.id(slot) {
                let told = if is_appended { Told::Appended(id) } else { Told::Overdue(id) };
                self.outputs.push(Output::Tell(alarm.reply, told));
            }
            return;
        }
        let resend_after = self.rules.resend_after;
        self.update(slot, |entry| {
            entry.alarm = Some(alarm);
            entry.asked_again(now, resend_after);
        });
        // It may be sent again at once.
        self.tick(now);
    }

    fn detach(&mut self, token: Token) {
        let Some(slot) = self.tokens.remove(&token) else { return };
        self.update(slot, Entry::detach);
    }

    fn abandon(&mut self, token: Token) {
        let Some(slot) = self.tokens.get(&token).copied() else { return };
        Probe::RequestAbandoned.hit();
        self.take(slot);
    }

    fn tick(&mut self, now: Timestamp) {
        while let Some((at, slot)) = self.timers.first().copied() {
            if at > now {
                return;
            }
            self.wake(now, slot);
        }
    }

    /// Does what is due for one request, and sets its next time, which is after `now`.
    fn wake(&mut self, now: Timestamp, slot: Slot) {
        let id = self.id(slot);
        let Some(entry) = self.entry(slot) else { return };
        if entry.is_held_too_long(now)
            && let Some(answer) = entry.gathering.as_mut().and_then(|it| it.give_up())
        {
            return self.end(slot, Ok(Reply::Batch(answer)));
        }
        if let Some(alarm) = entry.alarm.take_if(|alarm| alarm.deadline <= now)
            && let Some(id) = &id
        {
            self.outputs.push(Output::Tell(alarm.reply, Told::Overdue(id.clone())));
        }
        let Some(entry) = self.entry(slot) else { return };
        if entry.give_up_at <= now {
            if let Some(request) = id {
                self.end(slot, Err(Error::OutcomeUnknown { request, given_up: true }));
            }
            return;
        }
        let resend_after = self.rules.resend_after;
        let mut again = None;
        self.update(slot, |entry| again = entry.resend(now, resend_after));
        Probe::RequestResent.hit_if(again.is_some());
        self.outputs.extend(again.map(|append| Output::Append(slot, append)));
    }

    /// Ends a request, and tells its call what became of it.
    fn end(&mut self, slot: Slot, answer: Result<Reply, Error>) {
        let Some(entry) = self.take(slot) else { return };
        if let Some(reply) = entry.reply {
            self.tell(reply, answer);
        }
    }

    fn finish(&mut self) {
        self.is_closed = true;
        while let Some((_, slot)) = self.timers.first().copied() {
            let Some(request) = self.id(slot) else { return };
            let held = self.entry(slot).and_then(|entry| entry.gathering.as_mut()?.give_up());
            let unknown = Error::OutcomeUnknown { request, given_up: true };
            self.end(slot, held.map(Reply::Batch).ok_or(unknown));
        }
    }

    fn tell(&mut self, reply: R, answer: Result<Reply, Error>) {
        self.outputs.push(Output::Tell(reply, Told::Answer(answer)));
    }
}
