//! The broker's part in the cluster: registration, heartbeats, metadata.

use std::sync::Arc;

use super::{Broker, calls::Call, timers::Alarm};
use crate::wire::{
    BrokerEpoch, BrokerHeartbeatReply, BrokerHeartbeatRequest, BrokerRegistrationReply,
    BrokerRegistrationRequest, ErrorCode, FetchImageRequest, Image, Instant, Node,
};

/// How the broker stands with the controller.
#[derive(Debug, Default)]
pub(super) struct Membership {
    has_begun: bool,
    /// Its registration.
    pub(super) epoch: Option<BrokerEpoch>,
    next_heartbeat: Option<Instant>,
}

impl Broker {
    /// With its first input a process introduces itself.
    pub(super) fn begin(&mut self) {
        if self.membership.has_begun {
            return;
        }
        self.membership.has_begun = true;
        let now = self.now.instant;
        self.timers.set(now.plus_ms(self.config.replica_lag_time_max_ms / 2), Alarm::Lag);
        self.timers.set(now.plus_ms(self.config.high_watermark_checkpoint_ms), Alarm::Checkpoint);
        self.set_cleaner();
        self.register();
    }

    pub(super) fn register(&mut self) {
        let (broker, incarnation) = (self.id, self.incarnation);
        let request = BrokerRegistrationRequest { broker, incarnation };
        self.call(Node::Controller, request, Call::Register);
    }

    pub(super) fn registered(&mut self, reply: Option<BrokerRegistrationReply>) {
        match reply {
            Some(Ok(epoch)) => {
                let is_first = self.membership.epoch.replace(epoch).is_none();
                if is_first {
                    self.fetch_image();
                }
                self.send_heartbeat();
            }
            Some(Err(_)) | None => {
                let interval = self.config.broker_heartbeat_interval_ms;
                self.timers.set(self.now.instant.plus_ms(interval), Alarm::Register);
            }
        }
    }

    pub(super) fn send_heartbeat(&mut self) {
        let Some(epoch) = self.membership.epoch else { return };
        let seen = self.image.version;
        let request =
            BrokerHeartbeatRequest { broker: self.id, epoch, seen, wants_shut_down: false };
        self.call(Node::Controller, request, Call::Heartbeat);
        // Whatever becomes of this one: a lost one does not hold up the next.
        let next = self.now.instant.plus_ms(self.config.broker_heartbeat_interval_ms);
        if let Some(before) = self.membership.next_heartbeat.replace(next) {
            self.timers.cancel(before, Alarm::Heartbeat);
        }
        self.timers.set(next, Alarm::Heartbeat);
    }

    pub(super) fn heartbeat_answered(&mut self, reply: BrokerHeartbeatReply) {
        match reply {
            Ok(_) => {}
            Err(ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered) => self.register(),
            Err(error) => unreachable!("a heartbeat is never refused with {error}"),
        }
    }

    pub(super) fn fetch_image(&mut self) {
        let max_wait_ms = self.config.image_wait_max_ms;
        let request = FetchImageRequest { broker: self.id, seen: self.image.version, max_wait_ms };
        self.call(Node::Controller, request, Call::Image);
    }

    pub(super) fn image_fetched(&mut self, image: Option<Arc<Image>>) {
        let Some(image) = image else {
            let backoff = self.now.instant.plus_ms(self.config.replica_fetch_backoff_ms);
            return self.timers.set(backoff, Alarm::Image);
        };
        if image.version > self.image.version {
            let was_fenced = self.is_fenced();
            self.apply_image(image);
            if was_fenced && self.has_seen_itself() {
                // The sooner the controller hears of it, the sooner the broker may lead.
                self.send_heartbeat();
            }
        }
        self.fetch_image();
    }

    fn is_fenced(&self) -> bool {
        self.image.brokers.get(&self.id).is_none_or(|state| state.fenced)
    }

    fn has_seen_itself(&self) -> bool {
        let known = self.image.brokers.get(&self.id);
        known.is_some_and(|state| Some(state.epoch) == self.membership.epoch && state.fenced)
    }
}
