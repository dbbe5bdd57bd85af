//! Links that are cut.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{Chaos, Shared, in_ms};
use crate::{
    fault::{Draw, FaultKind},
    net::{Cut, Net},
    sim::lock,
    wire::{BrokerId, Node},
};

/// Within that time each broker has told the controller again that it is there.
const HEARTBEATS_MS: u64 = 1_000;

/// How long links stay cut, in milliseconds: from a moment to past every session.
fn length(draw: Draw) -> Duration {
    match draw.pick("length", 3) {
        0 => draw.millis("short", 50, 1_000),
        1 => draw.millis("usual", 500, 5_000),
        _ => draw.millis("long", 4_000, 15_000),
    }
}

impl Chaos {
    pub(super) fn strike_links(&self) {
        let kinds = [FaultKind::LinkCutOneWay, FaultKind::LinkCutBothWays];
        let machines = self.machines();
        if kinds.iter().any(|kind| self.sim().may(*kind)) {
            self.strike_pairs(&machines);
        }
        if self.sim().may(FaultKind::MachineIsolated) {
            machines.iter().for_each(|machine| self.strike_machine(*machine));
        }
        self.strike_all(&machines);
    }

    fn strike_pairs(&self, machines: &[Node]) {
        for from in machines {
            for to in machines.iter().filter(|to| *to != from) {
                let (from, to) = (*from, *to);
                let link = self.link(from, to);
                let may = |_| self.may_part(from, to);
                let one_way = self.sim().fault_if(FaultKind::LinkCutOneWay, link, may);
                if let Some(draw) = one_way {
                    self.part(from, to, length(draw));
                    self.cut_for(Cut::OneWay { from, to }, length(draw));
                }
                if from < to
                    && let Some(draw) = self.sim().fault_if(FaultKind::LinkCutBothWays, link, may)
                {
                    self.part(from, to, length(draw));
                    self.cut_for(Cut::BothWays(from, to), length(draw));
                }
            }
        }
    }

    fn strike_machine(&self, machine: Node) {
        let entity = self.entity(machine);
        let kind = FaultKind::MachineIsolated;
        let struck = match machine {
            Node::Broker(broker) => self.strikes_broker(kind, broker, entity, length),
            // That it is cut off is a kind of its own.
            Node::Controller => None,
            Node::Client(_) => self.sim().fault(kind, entity),
        };
        if let Some(draw) = struck {
            self.cut_for(Cut::Isolated(machine), length(draw));
        }
    }

    fn strike_all(&self, machines: &[Node]) {
        if let Some(draw) = self.strikes_controller(FaultKind::ControllerCutOff, length) {
            self.cut_for(Cut::Isolated(Node::Controller), length(draw));
        }
        let entity = self.sim().entity("network");
        let brokers: Vec<_> = self.0.cluster.brokers().keys().copied().collect();
        let minor = |draw: Draw| {
            let picked = draw.pick("broker", brokers.len() as u64);
            brokers[usize::try_from(picked).expect("one of few")]
        };
        let may = |draw| self.may_stop(minor(draw));
        if let Some(draw) = self.sim().fault_if(FaultKind::PartitionInHalves, entity, may) {
            let minor = minor(draw);
            self.broker_is_out(minor, length(draw));
            let is_beside = |nth: &u64| draw.pick_nth("beside", *nth, 2) == 0;
            let beside = (0..).zip(machines).filter(|(nth, node)| match node {
                Node::Broker(broker) => *broker == minor,
                Node::Controller => false,
                Node::Client(_) => is_beside(nth),
            });
            let half: BTreeSet<_> = beside.map(|(_, node)| *node).collect();
            self.cut_for(Cut::Halves(half), length(draw));
        }
    }

    /// Keeps what brokers tell the controller from being held up while it may not be out of reach of them.
    /// Where it is held up, they are not heard of until their next heartbeats have come.
    pub(super) fn spare(&self, net: &Net) {
        let ours: Weak<Shared> = Arc::downgrade(&self.0);
        net.hold_up(move |from, to, time| match (from, to) {
            (Node::Broker(_), Node::Controller) => {
                let chaos = ours.upgrade().map(Self);
                chaos.is_none_or(|chaos| chaos.holds_up_controller(time))
            }
            _ => true,
        });
    }

    fn holds_up_controller(&self, time: Duration) -> bool {
        let (image, now) = (self.image(), self.now_ms());
        let mut atlas = lock(&self.0.atlas);
        let may = atlas.may_stop_controller(image.as_deref(), now);
        if may {
            atlas.controller_stopped(now + in_ms(time) + HEARTBEATS_MS);
        }
        may
    }

    /// Whether two machines may lose sight of each other. Of two brokers one falls out of sync.
    fn may_part(&self, one: Node, other: Node) -> bool {
        out_of(one, other).is_none_or(|broker| self.may_stop(broker))
    }

    fn part(&self, one: Node, other: Node, time: Duration) {
        if let Some(broker) = out_of(one, other) {
            self.broker_is_out(broker, time);
        }
    }

    fn may_stop(&self, broker: BrokerId) -> bool {
        lock(&self.0.atlas).may_stop(broker, self.image().as_deref(), self.now_ms())
    }
}

/// The broker that is out if nothing gets from one machine to another, if one is.
fn out_of(one: Node, other: Node) -> Option<BrokerId> {
    match (one, other) {
        (Node::Broker(_), Node::Broker(broker))
        | (Node::Broker(broker), Node::Controller)
        | (Node::Controller, Node::Broker(broker)) => Some(broker),
        (Node::Client(_), _) | (_, Node::Client(_)) | (Node::Controller, Node::Controller) => None,
    }
}
