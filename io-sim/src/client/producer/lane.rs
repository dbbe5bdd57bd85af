//! The records of one partition on their way: batches with sequence numbers, a few of them in flight.

use std::collections::VecDeque;

use tidelog_core::Offset;

use super::{Delivery, Unsent};
use crate::wire::{BrokerId, Instant, ProducerIdentity, Sequence};

/// Batches of one partition that may be in flight: as many as a broker remembers of a producer.
const IN_FLIGHT_MAX: usize = 5;

/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 10_000;

/// Bytes of one batch; one record may be larger.
const BATCH_BYTES_MAX: usize = 1_000_000;

/// Which record of which call.
pub(super) type Ticket = (u64, usize);

/// A record that has still to get into the log.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) record: Unsent,
    pub(super) ticket: Ticket,
    /// When it is given up.
    pub(super) expires: Instant,
}

/// What a broker said to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is in the log, its first record at this offset.
    Appended(Offset),
    /// It was in the log already, nobody knows where.
    Duplicate,
    /// Not now: it is not in the log.
    NotYet(Box<str>),
    /// Perhaps: there was no answer, or one that does not say.
    Perhaps(Box<str>),
    /// Something before it is missing.
    OutOfOrder,
    /// Never.
    Refused(Box<str>),
}

/// The records of one partition.
#[derive(Debug)]
pub(super) struct Lane {
    /// Whom the numbers belong to. Nobody at first.
    identity: Option<ProducerIdentity>,
    next_sequence: Sequence,
    queue: VecDeque<Waiting>,
    /// In the order of their sequences.
    batches: VecDeque<Batch>,
    retry_at: Instant,
    /// Where the batches in flight are on their way to. One that is sent elsewhere could get there first,
    /// and a broker that knows nothing of a producer takes any number for its first.
    leader: Option<BrokerId>,
    /// The sequence has a hole: nothing gets in any more under this identity.
    is_broken: bool,
}

#[derive(Debug)]
struct Batch {
    sequence: Sequence,
    records: Vec<Waiting>,
    is_in_flight: bool,
    /// Whether an earlier attempt may have got it into the log.
    perhaps: bool,
    /// Whether one behind it got into the log first: a broker that knows nothing of a producer takes any
    /// number for its first. It would stand in the wrong place now.
    is_overtaken: bool,
    why: Box<str>,
}

/// A batch to send now.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) identity: ProducerIdentity,
    pub(super) sequence: Sequence,
    pub(super) records: &'a [Waiting],
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            identity: None,
            next_sequence: Sequence(0),
            queue: VecDeque::new(),
            batches: VecDeque::new(),
            retry_at: Instant::default(),
            leader: None,
            is_broken: true,
        }
    }

    /// Whom its numbers belong to.
    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    pub(super) fn push(&mut self, record: Waiting) {
        self.queue.push_back(record);
    }

    /// Whether it would have something to send, if its leader was known.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        let waits = self.batches.iter().any(|batch| !batch.is_in_flight);
        !self.is_broken && now >= self.retry_at && (waits || !self.queue.is_empty())
    }

    /// The next batch to be sent to that leader, which is in flight then.
    pub(super) fn send(&mut self, now: Instant, leader: BrokerId) -> Option<Outgoing<'_>> {
        let in_flight = self.batches.iter().filter(|batch| batch.is_in_flight).count();
        let is_elsewhere = in_flight > 0 && self.leader != Some(leader);
        if !self.is_waiting(now) || is_elsewhere || in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        let again = self.batches.iter().position(|batch| !batch.is_in_flight);
        let index = match again {
            Some(index) => index,
            None if self.queue.is_empty() || self.batches.len() >= IN_FLIGHT_MAX => return None,
            None => {
                self.fill();
                self.batches.len() - 1
            }
        };
        let identity = self.identity?;
        self.leader = Some(leader);
        let batch = &mut self.batches[index];
        batch.is_in_flight = true;
        Some(Outgoing { identity, sequence: batch.sequence, records: &batch.records })
    }

    /// Takes the answer to a batch, of which there may be none any more.
    pub(super) fn answer(
        &mut self,
        identity: ProducerIdentity,
        sequence: Sequence,
        said: Said,
        retry_at: Instant,
    ) -> Vec<(Ticket, Delivery)> {
        let found = self.batches.iter().position(|batch| batch.sequence == sequence);
        let Some(index) = found.filter(|_| self.identity == Some(identity)) else {
            return Vec::new();
        };
        let batch = &mut self.batches[index];
        batch.is_in_flight = false;
        match said {
            Said::Appended(base) => {
                self.batches.iter_mut().take(index).for_each(|before| before.is_overtaken = true);
                self.done(index, |at| Delivery::Appended(Offset(base.0 + at)))
            }
            Said::Duplicate => {
                let why: Box<str> = "it was appended before, nobody knows where".into();
                self.done(index, |_| Delivery::Unknown(why.clone()))
            }
            Said::NotYet(why) => {
                batch.why = why;
                self.retry_at = self.retry_at.max(retry_at);
                Vec::new()
            }
            Said::Perhaps(why) => {
                (batch.perhaps, batch.why) = (true, why);
                self.retry_at = self.retry_at.max(retry_at);
                Vec::new()
            }
            Said::OutOfOrder if index > 0 => {
                self.retry_at = self.retry_at.max(retry_at);
                Vec::new()
            }
            Said::OutOfOrder => {
                // What it waited for was given up, or the broker knows nothing of the producer.
                batch.why = "the broker has not what comes before it".into();
                self.is_broken = true;
                Vec::new()
            }
            Said::Refused(why) => {
                // Its number is missing now.
                self.is_broken = true;
                self.give_up(index, why)
            }
        }
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Ticket, Delivery)> {
        let mut told = Vec::new();
        let is_over = |batch: &Batch| {
            !batch.is_in_flight && batch.records.first().is_some_and(|it| it.expires <= now)
        };
        while let Some(index) = self.batches.iter().position(is_over) {
            self.is_broken = true;
            let why = format!("it was given up: {}", self.batches[index].why);
            told.extend(self.give_up(index, why.into()));
        }
        while let Some(waiting) = self.queue.pop_front_if(|it| it.expires <= now) {
            let why = "it was given up before it could be sent".into();
            told.push((waiting.ticket, Delivery::Failed(why)));
        }
        told
    }

    /// When there is something to do apart from answers.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let waits = self.batches.iter().any(|batch| !batch.is_in_flight);
        let retry = (waits && !self.is_broken && self.retry_at > now).then_some(self.retry_at);
        let oldest = self.batches.iter().filter(|batch| !batch.is_in_flight);
        let oldest = oldest.filter_map(|batch| batch.records.first()).chain(self.queue.front());
        oldest.map(|waiting| waiting.expires).chain(retry).min()
    }

    /// Whether it needs a new identity, and nothing of the old one is in flight any more.
    pub(super) fn needs_identity(&self) -> bool {
        self.is_broken && !self.batches.iter().any(|batch| batch.is_in_flight)
    }

    /// Begins anew: what is certainly not in the log is numbered again, unless it would stand behind what
    /// came after it; what may be in the log is given up.
    pub(super) fn renew(&mut self, identity: ProducerIdentity) -> Vec<(Ticket, Delivery)> {
        let mut told = Vec::new();
        let batches = std::mem::take(&mut self.batches);
        let (given_up, mut certain): (VecDeque<_>, VecDeque<_>) =
            batches.into_iter().partition(|batch| batch.perhaps || batch.is_overtaken);
        for Batch { records, perhaps, why, .. } in given_up {
            let delivery = if perhaps { Delivery::Unknown(why) } else { Delivery::Failed(why) };
            let tickets = records.into_iter().map(|waiting| waiting.ticket);
            told.extend(tickets.map(|ticket| (ticket, delivery.clone())));
        }
        (self.identity, self.next_sequence, self.is_broken) = (Some(identity), Sequence(0), false);
        for batch in &mut certain {
            batch.sequence = self.next_sequence;
            self.next_sequence = after(self.next_sequence, &batch.records);
        }
        self.batches = certain;
        told
    }

    fn fill(&mut self) {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < BATCH_RECORDS_MAX
            && let Some(waiting) = self
                .queue
                .pop_front_if(|next| bytes == 0 || bytes + next.record.bytes() <= BATCH_BYTES_MAX)
        {
            bytes += waiting.record.bytes().max(1);
            records.push(waiting);
        }
        let sequence = self.next_sequence;
        self.next_sequence = after(sequence, &records);
        let why = "it was not sent".into();
        let batch = Batch {
            sequence,
            records,
            is_in_flight: false,
            perhaps: false,
            is_overtaken: false,
            why,
        };
        self.batches.push_back(batch);
    }

    fn done(&mut self, index: usize, tell: impl Fn(u64) -> Delivery) -> Vec<(Ticket, Delivery)> {
        let Some(batch) = self.batches.remove(index) else { return Vec::new() };
        let told = batch.records.into_iter().zip(0..);
        told.map(|(waiting, at)| (waiting.ticket, tell(at))).collect()
    }

    fn give_up(&mut self, index: usize, why: Box<str>) -> Vec<(Ticket, Delivery)> {
        let perhaps = self.batches.get(index).is_some_and(|batch| batch.perhaps);
        self.done(index, |_| {
            if perhaps { Delivery::Unknown(why.clone()) } else { Delivery::Failed(why.clone()) }
        })
    }
}

/// The sequence after a batch.
fn after(sequence: Sequence, records: &[Waiting]) -> Sequence {
    sequence.plus(u32::try_from(records.len()).expect("a batch has a bound"))
}

#[cfg(test)]
mod tests;
