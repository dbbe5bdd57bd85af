//! Brokers and the controller that are killed, paused, or left behind.

use std::time::Duration;

use super::Chaos;
use crate::{
    choice::Entity,
    fault::{Draw, FaultKind},
    host::{Host, Loss},
    net::Cut,
    wire::{BrokerId, Input, Maintenance, Node},
};

impl Chaos {
    pub(super) fn strike_brokers(&self) {
        let slow = |draw: Draw| draw.millis("length", 100, 4_000);
        if let Some(draw) = self.strikes_controller(FaultKind::ControllerSlow, slow) {
            self.0.cluster.controller().process().pause_for(slow(draw));
        }
        for (broker, host) in self.0.cluster.brokers() {
            let entity = host.process().machine().entity();
            if host.process().is_up() && !host.process().is_paused() {
                self.strike_broker(*broker, host, entity);
            }
        }
    }

    fn strike_broker(&self, broker: BrokerId, host: &Host, entity: Entity) {
        let down = |draw: Draw| draw.millis("down", 50, 4_000);
        let killed = self.strikes_broker(FaultKind::BrokerKilled, broker, entity, down);
        if let Some(draw) = killed {
            return self.crash(broker, host, Loss::Memory, down(draw));
        }
        if let Some(draw) = self.strikes_broker(FaultKind::BrokerPowerLoss, broker, entity, down) {
            return self.crash(broker, host, Loss::Power(draw), down(draw));
        }
        let length = |draw: Draw| draw.millis("length", 50, 8_000);
        if let Some(draw) = self.strikes_broker(FaultKind::BrokerPaused, broker, entity, length) {
            host.process().pause_for(length(draw));
        }
        let lagging = |draw: Draw| draw.millis("length", 6_000, 12_000);
        let left_behind = self.strikes_broker(FaultKind::ReplicaOutOfSync, broker, entity, lagging);
        if let Some(draw) = left_behind {
            let others = self.0.cluster.brokers().keys().filter(|other| **other != broker);
            for other in others {
                let cut = Cut::BothWays(Node::Broker(broker), Node::Broker(*other));
                self.cut_for(cut, lagging(draw));
            }
        }
        if self.sim().fault(FaultKind::BrokerFlushes, entity).is_some() {
            self.flush(broker, host);
        }
    }

    fn flush(&self, broker: BrokerId, host: &Host) {
        let Some(image) = self.image() else { return };
        for (partition, state) in image.partitions() {
            if state.replicas.contains(&broker) {
                host.input(Input::Maintain { partition, work: Maintenance::Flush });
            }
        }
    }

    fn crash(&self, broker: BrokerId, host: &Host, loss: Loss, down: Duration) {
        let entity = host.process().machine().entity();
        let late = self.sim().fault(FaultKind::BrokerStartsLate, entity);
        let late = late.map_or(Duration::ZERO, |draw| draw.millis("late", 2_000, 12_000));
        self.broker_is_out(broker, down + late);
        host.crash(loss, down + late);
    }
}
