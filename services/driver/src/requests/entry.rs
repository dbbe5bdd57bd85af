//! One request under way.

use std::time::Duration;

use tidelog_core::{ClientId, RequestId, RequestName, Timestamp, port::Append};

use super::{Awaits, Requests, Token, gathering::Gathering};
use crate::options::RESEND_AFTER_MAX;

/// Which of the driver's requests it is: a name of the client, and a number under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// Which of the client's names.
    pub(crate) incarnation: u32,
    /// The number.
    pub(crate) number: u64,
}

/// What is known of a request's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InLog {
    /// No sending of it has got into the log.
    No,
    /// Some sending may have.
    Perhaps,
    /// Some sending is there for good.
    Yes,
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Alarm<R> {
    pub(super) awaits: Awaits,
    pub(super) deadline: Timestamp,
    /// Whom to tell then, or when the append is known that was waited for.
    pub(super) reply: R,
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Entry<R> {
    pub(super) token: Token,
    /// What has been seen of its parts, if it is a batch.
    pub(super) gathering: Option<Box<Gathering>>,
    /// The time that it is stamped with.
    pub(super) first_sent: Timestamp,
    /// When its outcome is unknown for good.
    pub(super) give_up_at: Timestamp,
    /// The record, unless it is not to be sent again.
    pub(super) append: Option<Append>,
    pub(super) is_being_appended: bool,
    pub(super) in_log: InLog,
    last_sent: Timestamp,
    resend_at: Timestamp,
    resend_after: Duration,
    /// Whom to tell the answer.
    pub(super) reply: Option<R>,
    /// Who waits for it.
    pub(super) alarm: Option<Alarm<R>>,
    is_detached: bool,
    /// Its time among the timers.
    pub(super) wake_at: Timestamp,
}

impl<R> Entry<R> {
    pub(super) fn new(
        token: Token,
        is_batch: bool,
        first_sent: Timestamp,
        append: Append,
        reply: R,
    ) -> Self {
        Self {
            token,
            gathering: is_batch.then(Box::default),
            first_sent,
            give_up_at: Timestamp::MAX,
            append: Some(append),
            is_being_appended: false,
            in_log: InLog::No,
            last_sent: Timestamp::ZERO,
            resend_at: Timestamp::MAX,
            resend_after: Duration::ZERO,
            reply: Some(reply),
            alarm: None,
            is_detached: false,
            wake_at: Timestamp::MAX,
        }
    }

    /// It has been sent, and is to be sent again after that time.
    pub(super) fn sent(&mut self, now: Timestamp, resend_after: Duration) {
        self.is_being_appended = true;
        self.last_sent = now;
        self.resend_after = resend_after;
        self.resend_at = now.plus(resend_after);
    }

    /// It is in the log for good. Gives back whom to tell that.
    pub(super) fn appended(&mut self) -> Option<R> {
        self.in_log = InLog::Yes;
        self.alarm.take_if(|alarm| alarm.awaits == Awaits::Append).map(|alarm| alarm.reply)
    }

    /// Somebody waits for it: where nobody did for a while, it is sent again as if for the first
    /// time.
    pub(super) fn asked_again(&mut self, now: Timestamp, resend_after: Duration) {
        let soonest = self.last_sent.plus(resend_after).max(now);
        if soonest < self.resend_at {
            self.resend_at = soonest;
            self.resend_after = resend_after;
        }
    }

    /// The record to send again, if that is due, and somebody wants the answer or the deed, and the
    /// last sending is over. A record that is still being appended needs no second one behind it.
    pub(super) fn resend(&mut self, now: Timestamp, first_after: Duration) -> Option<Append> {
        if self.resend_at > now {
            return None;
        }
        let is_wanted = self.alarm.is_some() || self.is_detached;
        if !is_wanted || self.is_being_appended {
            self.resend_at = now.plus(self.resend_after);
            return None;
        }
        let longest = RESEND_AFTER_MAX.max(first_after);
        self.sent(now, self.resend_after.saturating_mul(2).min(longest));
        self.append.clone()
    }

    /// Its caller wants it done, but not the answer.
    pub(super) fn detach(&mut self) {
        self.is_detached = true;
        self.reply = None;
        self.alarm = None;
    }

    /// Its caller has what there is of an answer: nothing is left to do but to keep its number.
    pub(super) fn linger(&mut self) {
        self.append = None;
        self.reply = None;
        self.alarm = None;
    }

    /// When it wants to be looked at.
    pub(super) fn next_wake(&self) -> Timestamp {
        let deadline = self.alarm.as_ref().map_or(Timestamp::MAX, |alarm| alarm.deadline);
        let resend_at = self.append.as_ref().map_or(Timestamp::MAX, |_| self.resend_at);
        let held_until = self.held_until().unwrap_or(Timestamp::MAX);
        self.give_up_at.min(deadline).min(resend_at).min(held_until)
    }

    /// Until when its answer is kept back, if it is there and kept back.
    fn held_until(&self) -> Option<Timestamp> {
        self.gathering.as_ref()?.held_until()
    }

    /// Whether its answer is kept back, and is not to be any longer.
    pub(super) fn is_held_too_long(&self, now: Timestamp) -> bool {
        let is_overdue = self.alarm.as_ref().is_some_and(|alarm| alarm.deadline <= now);
        self.held_until().is_some_and(|until| until <= now || self.give_up_at <= now || is_overdue)
    }
}

/// How entries are found, changed and taken.
impl<R> Requests<R> {
    /// Where a request is, if it is one of ours and under way.
    pub(super) fn slot(&self, id: &RequestId) -> Option<Slot> {
        let RequestName { client, number } = &id.name;
        let slot = Slot { incarnation: client.incarnation(), number: *number };
        let incarnation = self.incarnations.get(&slot.incarnation)?;
        let is_ours = incarnation.client() == client
            && incarnation.get(slot.number)?.first_sent == id.first_sent;
        is_ours.then_some(slot)
    }

    /// The request's name.
    pub(super) fn id(&self, slot: Slot) -> Option<RequestId> {
        let incarnation = self.incarnations.get(&slot.incarnation)?;
        let first_sent = incarnation.get(slot.number)?.first_sent;
        let client: ClientId = incarnation.client().clone();
        Some(RequestId { name: RequestName { client, number: slot.number }, first_sent })
    }

    pub(super) fn entry(&mut self, slot: Slot) -> Option<&mut Entry<R>> {
        self.incarnations.get_mut(&slot.incarnation)?.get_mut(slot.number)
    }

    /// Changes an entry, and its time among the timers with it.
    pub(super) fn update(&mut self, slot: Slot, change: impl FnOnce(&mut Entry<R>)) {
        let Some(entry) = self.entry(slot) else { return };
        let before = entry.wake_at;
        change(entry);
        let after = entry.next_wake();
        entry.wake_at = after;
        if after != before {
            self.timers.remove(&(before, slot));
            self.timers.insert((after, slot));
        }
    }

    /// Ends a number, and forgets all about it.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Box<Entry<R>>> {
        let incarnation = self.incarnations.get_mut(&slot.incarnation)?;
        let entry = incarnation.take(slot.number)?;
        let is_past = incarnation.is_empty() && slot.incarnation != self.current.incarnation();
        if is_past {
            self.incarnations.remove(&slot.incarnation);
        }
        self.timers.remove(&(entry.wake_at, slot));
        if self.tokens.get(&entry.token) == Some(&slot) {
            self.tokens.remove(&entry.token);
        }
        self.lingering -= usize::from(entry.append.is_none());
        Some(entry)
    }
}
