//! Requests that the broker sends itself, to others or to itself.

use std::collections::BTreeMap;

use super::{Arrived, Broker, produce::Verified, seats::SeatCall};
use crate::wire::{
    BrokerId, CallId, Node, Output, Reply, Request, Token, TopicPartition, Unreachable,
};

/// The calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    next: u64,
    pending: BTreeMap<CallId, Call>,
}

/// What a call is for.
#[derive(Debug)]
pub(super) enum Call {
    Register,
    Heartbeat,
    Image,
    /// Records of the partitions that are followed.
    Fetch(BrokerId),
    /// Where the leader's log begins, for a replica that has fallen behind that.
    LogStart(BrokerId, TopicPartition),
    AlterPartition(Vec<TopicPartition>),
    /// Whether partitions are part of a transaction.
    Verify(Verified),
    ProducerIds,
    /// A request that is the controller's to answer.
    Forward(Token),
    /// A coordinator's own.
    Seat(SeatCall),
}

/// Tokens of requests to itself are the call's number with this mark. Those of a host have other marks.
const INTERNAL: u64 = 0b10 << 62;
const MARK: u64 = 0b11 << 62;

/// Whether a token stands for a request of the broker to itself.
pub(super) const fn is_internal(token: Token) -> bool {
    token.0 & MARK == INTERNAL
}

/// The call that a token of the broker's own stands for.
pub(super) fn internal(token: Token) -> Option<CallId> {
    is_internal(token).then_some(CallId(token.0 & !MARK))
}

impl Calls {
    /// A number that no other verification has.
    pub(super) const fn guard(&self) -> u64 {
        self.next
    }

    /// For the next process: a late answer to this one's calls means nothing to it.
    pub(super) fn restart(self) -> Self {
        Self { next: self.next, pending: BTreeMap::new() }
    }
}

impl Broker {
    pub(super) fn call(&mut self, to: Node, request: impl Into<Request>, call: Call) {
        let (id, request) = (CallId(self.calls.next), request.into());
        self.calls.next += 1;
        self.calls.pending.insert(id, call);
        if to == Node::Broker(self.id) {
            let token = Token(id.0 | INTERNAL);
            self.inbox.push_back(Arrived { from: to, token, request });
        } else {
            self.outputs.push(Output::Call { id, to, request });
        }
    }

    pub(super) fn answered(&mut self, id: CallId, reply: Result<Reply, Unreachable>) {
        // Nothing is pending for answers to an earlier process.
        let Some(call) = self.calls.pending.remove(&id) else { return };
        match (call, reply.ok()) {
            (Call::Register, Some(Reply::BrokerRegistration(reply))) => {
                self.registered(Some(reply));
            }
            (Call::Register, _) => self.registered(None),
            (Call::Heartbeat, Some(Reply::BrokerHeartbeat(reply))) => {
                self.heartbeat_answered(reply);
            }
            (Call::Heartbeat, _) => {}
            (Call::Image, Some(Reply::FetchImage(reply))) => self.image_fetched(Some(reply.image)),
            (Call::Image, _) => self.image_fetched(None),
            (Call::Fetch(leader), Some(Reply::Fetch(reply))) => self.fetched(leader, Some(reply)),
            (Call::Fetch(leader), _) => self.fetched(leader, None),
            (Call::LogStart(leader, at), Some(Reply::ListOffsets(reply))) => {
                self.log_start_learnt(leader, &at, Some(reply));
            }
            (Call::LogStart(leader, at), _) => self.log_start_learnt(leader, &at, None),
            (Call::AlterPartition(asked), Some(Reply::AlterPartition(reply))) => {
                self.partitions_altered(asked, Some(reply));
            }
            (Call::AlterPartition(asked), _) => self.partitions_altered(asked, None),
            (Call::Verify(verified), Some(Reply::AddPartitionsToTxn(reply))) => {
                self.verified(verified, Some(reply));
            }
            (Call::Verify(verified), _) => self.verified(verified, None),
            (Call::ProducerIds, Some(Reply::AllocateProducerIds(reply))) => {
                self.producer_ids_allocated(reply.ok());
            }
            (Call::ProducerIds, _) => self.producer_ids_allocated(None),
            (Call::Forward(token), Some(reply)) => self.reply(token, reply),
            // The asker will lose patience.
            (Call::Forward(_), None) => {}
            (Call::Seat(call), reply) => self.seat_answered(call, reply),
        }
    }
}
