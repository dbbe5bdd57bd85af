//! Crashes at moments that matter: a random time rarely falls between the end of a transaction and its
//! markers.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{Chaos, Shared};
use crate::{
    fault::{Draw, FaultKind},
    host::{Loss, Role},
    net::Net,
    wire::{BrokerId, Node, Request},
};

impl Chaos {
    /// Looks at every request for what makes its moment one to crash at.
    pub(super) fn watch(&self, net: &Net) {
        let ours: Weak<Shared> = Arc::downgrade(&self.0);
        net.watch(move |from, _, request| {
            if let Some(shared) = ours.upgrade() {
                Self(shared).sees(from, request);
            }
        });
    }

    fn sees(&self, from: Node, request: &Request) {
        let commits = matches!(
            request,
            Request::AddOffsetsToTxn(_) | Request::TxnOffsetCommit(_) | Request::EndTxn(_)
        );
        if commits {
            self.node_commits(from);
        }
        if let (Node::Broker(broker), Request::WriteTxnMarkers(_)) = (from, request) {
            self.broker_ends(broker);
        }
    }

    fn node_commits(&self, node: Node) {
        if !self.sim().may(FaultKind::NodeKilledInCommit) || !self.is_node(node) {
            return;
        }
        let kind = FaultKind::NodeKilledInCommit;
        let Some(draw) = self.sim().fault(kind, self.entity(node)) else { return };
        let chaos = self.clone();
        self.later(moment(draw), move || {
            chaos.0.nodes.crash(node, draw.millis("down", 50, 8_000), |_| {});
        });
    }

    fn broker_ends(&self, broker: BrokerId) {
        let kind = FaultKind::BrokerKilledInEnd;
        if !self.sim().may(kind) {
            return;
        }
        let Some(host) = self.0.cluster.brokers().get(&broker).cloned() else { return };
        let down = |draw: Draw| draw.millis("down", 50, 4_000);
        let entity = host.process().machine().entity();
        if let Some(draw) = self.strikes_broker(kind, broker, entity, down) {
            self.later(moment(draw), move || {
                host.crash(Loss::Memory, down(draw));
            });
        }
    }

    fn is_node(&self, node: Node) -> bool {
        self.0.nodes.list().contains(&node) && self.0.nodes.role(node) == Role::Node
    }
}

/// How long after the request the crash comes: mostly while it is on its way, at times soon after.
fn moment(draw: Draw) -> Duration {
    match draw.pick("moment", 3) {
        0 => Duration::ZERO,
        1 => Duration::from_micros(draw.between("micros", 100, 3_000)),
        _ => draw.millis("millis", 1, 30),
    }
}
