//! Answers that are owed until replicas have what was appended.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Broker,
    coordinator::{Event, Ticket},
    timers::Alarm,
};
use crate::wire::{
    CONSUMER_OFFSETS, ErrorCode, Instant, LeaderEpoch, Offset, ProducePartitionReply, ProduceReply,
    ProducerEpoch, ProducerId, Reply, Token, TopicPartition, TransactionResult, TxnMarkerResults,
    WriteTxnMarkersReply,
};

/// Which answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OwedId(u64);

/// Answers of which some parts are not known yet.
#[derive(Debug, Default)]
pub(super) struct Owed {
    next: OwedId,
    answers: BTreeMap<OwedId, Answer>,
    waits: BTreeMap<TopicPartition, VecDeque<Wait>>,
}

#[derive(Debug)]
struct Answer {
    token: Token,
    /// How many of its parts are open. An open part says `RequestTimedOut` already.
    open: usize,
    until: Instant,
    body: Body,
}

/// What an answer says, part by part.
#[derive(Debug)]
pub(super) enum Body {
    Produce(Vec<ProducePartitionReply>),
    Markers(Vec<TxnMarkerResults>),
}

/// Something waits for the high watermark of a partition.
#[derive(Debug)]
struct Wait {
    until: Offset,
    part: Part,
}

/// What waits.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A batch of a producer: its answer is in place but for the result.
    Batch { answer: OwedId, index: usize, appended: crate::wire::Appended },
    /// A marker.
    Marker {
        answer: OwedId,
        marker: usize,
        index: usize,
        ended: (ProducerId, ProducerEpoch, TransactionResult, Offset),
    },
    /// An append of a coordinator of that epoch.
    Ticket { epoch: LeaderEpoch, ticket: Ticket },
}

impl Broker {
    /// An answer with so many open parts is owed.
    pub(super) fn owe(
        &mut self,
        token: Token,
        body: Body,
        open: usize,
        patience_ms: u64,
    ) -> OwedId {
        let id = self.owed.next;
        self.owed.next.0 += 1;
        let until = self.now.instant.plus_ms(patience_ms);
        self.owed.answers.insert(id, Answer { token, open, until, body });
        self.timers.set(until, Alarm::Owed(id));
        id
    }

    /// A part waits until all in-sync replicas have everything before `until`.
    pub(super) fn wait_for(&mut self, at: &TopicPartition, until: Offset, part: Part) {
        let waits = self.owed.waits.entry(at.clone()).or_default();
        let after = waits.partition_point(|wait| wait.until <= until);
        waits.insert(after, Wait { until, part });
        self.changed.insert(at.clone());
    }

    /// The partition has changed: what has waited for that goes on.
    pub(super) fn settle_owed(&mut self, at: &TopicPartition) {
        while let Some(wait) = self.owed.waits.get(at).and_then(|waits| waits.front()) {
            let partition = self.partitions.get(at).expect("nothing waits for what is not there");
            let Some(result) = partition.is_replicated(wait.until) else { return };
            let waits = self.owed.waits.get_mut(at).expect("it was there");
            let wait = waits.pop_front().expect("it has a first");
            self.settle_part(at, wait.part, result);
        }
    }

    /// This broker does not lead the partition any more, or leads it anew.
    pub(super) fn fail_owed(&mut self, at: &TopicPartition) {
        for wait in self.owed.waits.remove(at).into_iter().flatten() {
            self.settle_part(at, wait.part, Err(ErrorCode::NotLeaderOrFollower));
        }
    }

    pub(super) fn settle_part(
        &mut self,
        at: &TopicPartition,
        part: Part,
        result: Result<(), ErrorCode>,
    ) {
        match part {
            Part::Batch { answer, index, appended } => {
                self.settle_batch(answer, index, result.map(|()| appended));
            }
            Part::Marker { answer, marker, index, ended } => {
                let (producer, epoch, result_of, offset) = ended;
                if result.is_ok() && at.topic.as_str() == CONSUMER_OFFSETS {
                    let event = Event::Marker { producer, epoch, result: result_of, at: offset };
                    self.seat_event(at, None, event);
                }
                self.settle_marker(answer, marker, index, result);
            }
            Part::Ticket { epoch, ticket } => {
                // Too few replicas are in sync by now, but all of them have it: it counts.
                let counts =
                    matches!(result, Ok(()) | Err(ErrorCode::NotEnoughReplicasAfterAppend));
                if counts {
                    self.seat_event(at, Some(epoch), Event::Committed { ticket });
                }
            }
        }
    }

    pub(super) fn settle_batch(
        &mut self,
        id: OwedId,
        index: usize,
        result: Result<crate::wire::Appended, ErrorCode>,
    ) {
        let Some(answer) = self.owed.answers.get_mut(&id) else { return };
        let Body::Produce(partitions) = &mut answer.body else {
            unreachable!("batches are part of the answer to a producer")
        };
        partitions[index].result = result;
        self.part_settled(id);
    }

    pub(super) fn settle_marker(
        &mut self,
        id: OwedId,
        marker: usize,
        index: usize,
        result: Result<(), ErrorCode>,
    ) {
        let Some(answer) = self.owed.answers.get_mut(&id) else { return };
        let Body::Markers(markers) = &mut answer.body else {
            unreachable!("markers are part of the answer to a coordinator")
        };
        markers[marker].1[index].1 = result;
        self.part_settled(id);
    }

    fn part_settled(&mut self, id: OwedId) {
        let answer = self.owed.answers.get_mut(&id).expect("the caller has looked it up");
        answer.open -= 1;
        if answer.open == 0 {
            self.out_of_patience(id);
        }
    }

    /// The answer leaves as it stands.
    pub(super) fn out_of_patience(&mut self, id: OwedId) {
        let Some(answer) = self.owed.answers.remove(&id) else { return };
        self.timers.cancel(answer.until, Alarm::Owed(id));
        let reply = match answer.body {
            Body::Produce(mut partitions) => {
                for reply in &mut partitions {
                    if reply.result == Err(ErrorCode::NotLeaderOrFollower) {
                        reply.current_leader = self.hint(&reply.partition);
                    }
                }
                Reply::Produce(ProduceReply { partitions })
            }
            Body::Markers(markers) => Reply::WriteTxnMarkers(WriteTxnMarkersReply { markers }),
        };
        self.reply(answer.token, reply);
    }
}
