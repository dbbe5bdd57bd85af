//! Producer ids to hand out: a range at a time from the controller, so that nobody else has them.

use super::{Call, TransactionCoordinator, Turn};
use crate::{
    broker::coordinator::Target,
    wire::{AllocateProducerIdsRequest, ErrorCode, ProducerId, ProducerIdRange},
};

/// The ids that are left.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    next: u64,
    left: u64,
    is_asking: bool,
}

impl ProducerIds {
    /// An id that nobody has.
    ///
    /// # Errors
    ///
    /// That there is none at the moment, as Kafka says it.
    pub(super) fn take(&mut self) -> Result<ProducerId, ErrorCode> {
        if self.left == 0 {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let id = ProducerId(self.next);
        self.next += 1;
        self.left -= 1;
        Ok(id)
    }

    pub(super) fn refill(&mut self, range: ProducerIdRange) {
        self.next = range.first.0;
        self.left = range.count;
        self.is_asking = false;
    }

    pub(super) fn failed(&mut self) {
        self.is_asking = false;
    }
}

impl TransactionCoordinator {
    /// Asks the controller for a range if none is left.
    pub(super) fn want_producer_ids(&mut self, turn: &mut Turn<'_>) {
        if self.ids.left > 0 || self.ids.is_asking {
            return;
        }
        self.ids.is_asking = true;
        let (broker, epoch) = (turn.context.broker, turn.context.broker_epoch);
        let request = AllocateProducerIdsRequest { broker, epoch };
        self.call(turn, Call::ProducerIds, Target::Controller, request.into());
    }
}
