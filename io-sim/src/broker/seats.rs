//! The coordinators that this broker seats: one for each partition of an internal topic that it leads.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Broker,
    calls::Call,
    coordinator::{Action, Context, Coordinator, Event, Seat, Target},
    group::GroupCoordinator,
    timers::Alarm,
    transaction::TransactionCoordinator,
};
use crate::wire::{
    CONSUMER_OFFSETS, ErrorCode, Instant, LeaderEpoch, Node, Reply, TRANSACTION_STATE,
    TopicPartition, Unreachable, partition_for,
};

/// The coordinators, by partition.
#[derive(Debug, Default)]
pub(super) struct Seats(BTreeMap<TopicPartition, Seated>);

#[derive(Debug)]
struct Seated {
    epoch: LeaderEpoch,
    coordinator: Box<dyn Coordinator>,
    /// When it is to be woken.
    armed: Option<Instant>,
    /// What happens to it while it is at work.
    events: VecDeque<Event>,
    is_at_work: bool,
}

/// A call of a coordinator.
#[derive(Debug)]
pub(super) struct SeatCall {
    at: TopicPartition,
    epoch: LeaderEpoch,
    call: u64,
}

impl Broker {
    /// This broker leads that partition from now on: it seats a coordinator, which reads the partition.
    pub(super) fn seat(&mut self, at: &TopicPartition, epoch: LeaderEpoch) {
        let seat = Seat { partition: at.clone(), leader_epoch: epoch };
        let Some(coordinator) = new_coordinator(seat) else { return };
        let replay = self.partitions[at].log().batches().cloned().map(Event::Replay);
        let events = replay.chain([Event::Loaded]).collect();
        let seated = Seated { epoch, coordinator, armed: None, events, is_at_work: false };
        self.seats.0.insert(at.clone(), seated);
        self.work_at(at);
    }

    /// This broker does not lead that partition any more.
    pub(super) fn vacate(&mut self, at: &TopicPartition) {
        self.seat_event(at, None, Event::Resigned);
        if let Some(Seated { armed: Some(armed), .. }) = self.seats.0.remove(at) {
            self.timers.cancel(armed, Alarm::Seat(at.clone()));
        }
    }

    pub(super) fn has_seated(&self, at: &TopicPartition) -> bool {
        self.seats.0.contains_key(at)
    }

    /// Something happens to a coordinator; to that of `epoch` only, if that is given.
    pub(super) fn seat_event(
        &mut self,
        at: &TopicPartition,
        epoch: Option<LeaderEpoch>,
        event: Event,
    ) {
        let Some(seated) = self.seats.0.get_mut(at) else { return };
        if epoch.is_some_and(|epoch| epoch != seated.epoch) {
            return;
        }
        seated.events.push_back(event);
        if !seated.is_at_work {
            self.work_at(at);
        }
    }

    pub(super) fn seat_answered(&mut self, call: SeatCall, reply: Option<Reply>) {
        let SeatCall { at, epoch, call } = call;
        let event = Event::Reply { call, reply: reply.ok_or(Unreachable) };
        self.seat_event(&at, Some(epoch), event);
    }

    pub(super) fn seat_alarmed(&mut self, at: &TopicPartition) {
        if let Some(seated) = self.seats.0.get_mut(at) {
            seated.armed = None;
            self.seat_event(at, None, Event::Tick);
        }
    }

    /// Where the coordinator of a group or transactional id sits.
    pub(super) fn coordinator_of(
        &self,
        topic: &str,
        key: &str,
    ) -> Result<(Node, TopicPartition), ErrorCode> {
        let (name, state) =
            self.image.topics.get_key_value(topic).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let count = u32::try_from(state.partitions.len()).expect("few partitions");
        let number = partition_for(key, count);
        let leader = state.partitions[number as usize].leader;
        let leader = leader.ok_or(ErrorCode::CoordinatorNotAvailable)?;
        Ok((Node::Broker(leader), TopicPartition::new(name, number)))
    }

    /// Lets a coordinator take what has happened to it, until nothing is left.
    fn work_at(&mut self, at: &TopicPartition) {
        let (now, broker) = (self.now, self.id);
        loop {
            let Some(seated) = self.seats.0.get_mut(at) else { return };
            seated.is_at_work = true;
            let Some(event) = seated.events.pop_front() else { break };
            let context = Context {
                now,
                broker,
                broker_epoch: self.membership.epoch.unwrap_or_default(),
                config: &self.config,
                image: &self.image,
            };
            let epoch = seated.epoch;
            for action in seated.coordinator.step(&context, event) {
                self.act(at, epoch, action);
            }
        }
        let seated = self.seats.0.get_mut(at).expect("it has just worked");
        seated.is_at_work = false;
        let wake_at = seated.coordinator.wake_at();
        if wake_at != seated.armed {
            if let Some(armed) = seated.armed {
                self.timers.cancel(armed, Alarm::Seat(at.clone()));
            }
            if let Some(wake_at) = wake_at {
                self.timers.set(wake_at, Alarm::Seat(at.clone()));
            }
            seated.armed = wake_at;
        }
    }

    fn act(&mut self, at: &TopicPartition, epoch: LeaderEpoch, action: Action) {
        match action {
            Action::Reply { token, reply } => self.reply(token, reply),
            Action::Append { ticket, records, transaction } => {
                self.append_for_seat(at, epoch, ticket, records, transaction);
            }
            Action::Call { call, to, request } => {
                let seat_call = SeatCall { at: at.clone(), epoch, call };
                let to = match to {
                    Target::Controller => Some(Node::Controller),
                    Target::LeaderOf(partition) => {
                        let state = self.image.partition(&partition);
                        state.and_then(|state| state.leader).map(Node::Broker)
                    }
                };
                match to {
                    Some(to) => self.call(to, request, Call::Seat(seat_call)),
                    None => self.seat_answered(seat_call, None),
                }
            }
        }
    }
}

/// The coordinator of a partition, if it is one of an internal topic.
fn new_coordinator(seat: Seat) -> Option<Box<dyn Coordinator>> {
    match seat.partition.topic.as_str() {
        CONSUMER_OFFSETS => Some(Box::new(GroupCoordinator::new(seat))),
        TRANSACTION_STATE => Some(Box::new(TransactionCoordinator::new(seat))),
        _ => None,
    }
}
