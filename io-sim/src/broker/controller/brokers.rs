//! Who is alive: registrations, sessions, fencing.

use super::Controller;
use crate::wire::{
    BrokerEpoch, BrokerHeartbeatReply, BrokerHeartbeatRequest, BrokerId, BrokerRegistrationReply,
    BrokerRegistrationRequest, BrokerStanding, BrokerState, ErrorCode, Instant,
};

impl Controller {
    /// A process introduces itself. It is fenced until its heartbeats say that it has seen its own
    /// registration.
    pub(super) fn register(
        &mut self,
        now: Instant,
        request: &BrokerRegistrationRequest,
    ) -> BrokerRegistrationReply {
        let BrokerRegistrationRequest { broker, incarnation } = *request;
        if !self.config.brokers.contains(&broker) {
            return Err(ErrorCode::BrokerIdNotRegistered);
        }
        if let Some(known) = self.image.brokers.get(&broker) {
            if known.incarnation == incarnation {
                self.heard.insert(broker, now);
                return Ok(known.epoch);
            }
            if !known.fenced {
                // The process before may be alive; its session will tell.
                return Err(ErrorCode::DuplicateBrokerRegistration);
            }
        }
        self.heard.insert(broker, now);
        let image = self.change();
        let epoch = BrokerEpoch(image.version.0);
        image.brokers.insert(broker, BrokerState { epoch, incarnation, fenced: true });
        Ok(epoch)
    }

    /// A process is alive.
    pub(super) fn heartbeat(
        &mut self,
        now: Instant,
        request: &BrokerHeartbeatRequest,
    ) -> BrokerHeartbeatReply {
        self.check_broker(request.broker, request.epoch)?;
        self.heard.insert(request.broker, now);
        let is_fenced = self.image.brokers[&request.broker].fenced;
        if request.wants_shut_down {
            return Ok(self.shut_down(request.broker));
        }
        if is_fenced && request.seen.0 >= request.epoch.0 {
            self.unfence(request.broker);
            return Ok(BrokerStanding { fenced: false, may_shut_down: false });
        }
        Ok(BrokerStanding { fenced: is_fenced, may_shut_down: false })
    }

    /// Whether that is the broker's current registration.
    pub(super) fn check_broker(
        &self,
        broker: BrokerId,
        epoch: BrokerEpoch,
    ) -> Result<(), ErrorCode> {
        match self.image.brokers.get(&broker) {
            None => Err(ErrorCode::BrokerIdNotRegistered),
            Some(known) if known.epoch != epoch => Err(ErrorCode::StaleBrokerEpoch),
            Some(_) => Ok(()),
        }
    }

    /// Whether a broker can lead and be in sync.
    pub(super) fn is_alive(&self, broker: BrokerId) -> bool {
        self.image.brokers.get(&broker).is_some_and(|state| !state.fenced)
    }

    /// Fences the brokers that have been silent for too long.
    pub(super) fn expire_sessions(&mut self, now: Instant) {
        let timeout = self.config.broker_session_timeout_ms;
        let alive = self.image.brokers.iter().filter(|(_, state)| !state.fenced);
        let alive: Vec<_> = alive.map(|(broker, _)| *broker).collect();
        for broker in alive {
            // After a restart of the controller every session begins anew.
            let heard = *self.heard.entry(broker).or_insert(now);
            if now >= heard.plus_ms(timeout) {
                self.fence(broker);
            }
        }
    }

    /// When the sessions of those who are alive end, if nothing is heard of them.
    pub(super) fn sessions_end(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let timeout = self.config.broker_session_timeout_ms;
        let alive = self.image.brokers.iter().filter(|(_, state)| !state.fenced);
        alive
            .map(move |(broker, _)| self.heard.get(broker).copied().unwrap_or(now).plus_ms(timeout))
    }

    fn fence(&mut self, broker: BrokerId) {
        self.set_fenced(broker, true);
        self.leave_all(broker);
    }

    fn unfence(&mut self, broker: BrokerId) {
        self.set_fenced(broker, false);
        self.lead_the_leaderless();
        self.create_internal_topics();
    }

    fn set_fenced(&mut self, broker: BrokerId, fenced: bool) {
        let state = self.change().brokers.get_mut(&broker).expect("the caller knows the broker");
        state.fenced = fenced;
    }

    /// Takes a broker out of everything that can go on without it.
    fn shut_down(&mut self, broker: BrokerId) -> BrokerStanding {
        if self.is_alive(broker) {
            self.fence(broker);
        }
        let states = self.image.topics.values().flat_map(|topic| &topic.partitions);
        let leads = states.into_iter().any(|state| state.leader == Some(broker));
        BrokerStanding { fenced: true, may_shut_down: !leads }
    }
}
