//! Producer ids for idempotent producers without transactions, from ranges that the controller gives.

use super::{Broker, calls::Call};
use crate::wire::{
    AllocateProducerIdsRequest, ErrorCode, Node, ProducerEpoch, ProducerIdRange, ProducerIdentity,
    Reply, Token,
};

/// The ids that are left, and who waits for one.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    range: Option<ProducerIdRange>,
    waiting: Vec<Token>,
}

impl Broker {
    pub(super) fn init_producer(&mut self, token: Token) {
        let Some(epoch) = self.membership.epoch else {
            return self.init_answered(token, Err(ErrorCode::CoordinatorLoadInProgress));
        };
        if let Some(range) = &mut self.producer_ids.range {
            let identity = ProducerIdentity { id: range.first, epoch: ProducerEpoch(0) };
            range.first.0 += 1;
            range.count -= 1;
            if range.count == 0 {
                self.producer_ids.range = None;
            }
            return self.init_answered(token, Ok(identity));
        }
        self.producer_ids.waiting.push(token);
        if self.producer_ids.waiting.len() == 1 {
            let request = AllocateProducerIdsRequest { broker: self.id, epoch };
            self.call(Node::Controller, request, Call::ProducerIds);
        }
    }

    pub(super) fn producer_ids_allocated(&mut self, range: Option<ProducerIdRange>) {
        let waiting = std::mem::take(&mut self.producer_ids.waiting);
        match range {
            Some(range) => {
                self.producer_ids.range = Some(range);
                waiting.into_iter().for_each(|token| self.init_producer(token));
            }
            None => {
                let error = Err(ErrorCode::CoordinatorLoadInProgress);
                waiting.into_iter().for_each(|token| self.init_answered(token, error));
            }
        }
    }

    fn init_answered(&mut self, token: Token, result: Result<ProducerIdentity, ErrorCode>) {
        self.reply(token, Reply::InitProducerId(result));
    }
}
