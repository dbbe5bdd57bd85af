//! Nodes of tidelog that are killed, paused, robbed of their disks, or doubled, and clients that go
//! away.

use std::time::Duration;

use super::Chaos;
use crate::{
    disk::Disk,
    fault::{Draw, FaultKind},
    host::{Format, Role},
    wire::Node,
};

/// What is done to a node that is killed.
#[derive(Clone, Copy, Debug)]
enum Harm {
    None,
    LosePower,
    LoseUnsynced,
    Wipe,
    GoBack,
    Swap,
    Write(Format),
}

/// The kinds that kill a node.
const CRASHES: [(FaultKind, Harm); 8] = [
    (FaultKind::NodeKilled, Harm::None),
    (FaultKind::NodePowerLoss, Harm::LosePower),
    (FaultKind::NodePowerLossWhole, Harm::LoseUnsynced),
    (FaultKind::NodeDiskWiped, Harm::Wipe),
    (FaultKind::NodeDiskOldCopy, Harm::GoBack),
    (FaultKind::NodeDiskTwin, Harm::Swap),
    (FaultKind::NodePreviousFormat, Harm::Write(Format::Previous)),
    (FaultKind::NodeNextFormat, Harm::Write(Format::Next)),
];

/// How often disks are copied, where there is a kind that goes back to a copy.
const COPY_EVERY_TICKS: u64 = 30;

impl Chaos {
    pub(super) fn strike_nodes(&self, tick: u64) {
        let nodes = self.0.nodes.list();
        let copies = self.sim().may(FaultKind::NodeDiskOldCopy);
        for node in &nodes {
            if copies && tick.is_multiple_of(COPY_EVERY_TICKS) {
                self.0.nodes.disk(*node).keep_copy();
            }
            let process = self.0.nodes.process(*node);
            if !process.is_up() || process.is_paused() {
                continue;
            }
            match self.0.nodes.role(*node) {
                Role::Node => self.strike_node(*node, &nodes),
                Role::Client => self.strike_client(*node),
                Role::Twin => {}
            }
        }
    }

    fn strike_client(&self, client: Node) {
        let entity = self.entity(client);
        if let Some(draw) = self.sim().fault(FaultKind::ClientPaused, entity) {
            let process = self.0.nodes.process(client);
            process.pause_for(draw.millis("length", 10, 10_000));
        }
        if let Some(draw) = self.sim().fault(FaultKind::ClientKilled, entity) {
            self.0.nodes.crash(client, draw.millis("down", 50, 10_000), |_| {});
        }
    }

    fn strike_node(&self, node: Node, nodes: &[Node]) {
        let process = self.0.nodes.process(node);
        let session = self.0.settings.session_timeout;
        let entity = self.entity(node);
        let strikes = |kind| self.sim().fault(kind, entity);
        if let Some(draw) = strikes(FaultKind::NodePaused) {
            process.pause_for(draw.millis("length", 10, 2_000));
        } else if let Some(draw) = strikes(FaultKind::NodeZombie) {
            process.pause_for(session + session / 10 + draw.millis("length", 0, 6_000));
        } else if let Some(draw) = strikes(FaultKind::NodeTwin) {
            self.0.nodes.twin(node, draw.millis("length", 1_000, 15_000));
        }
        let crash = CRASHES.iter().find_map(|(kind, harm)| Some((strikes(*kind)?, *harm)));
        if let Some((draw, harm)) = crash {
            let late = strikes(FaultKind::NodeStartsLate);
            let late = late.map_or(Duration::ZERO, |draw| draw.millis("late", 1_000, 15_000));
            let down = draw.millis("down", 50, 4_000) + late;
            self.0.nodes.crash(node, down, |disk| self.harm(node, nodes, disk, draw, harm));
        }
    }

    fn harm(&self, node: Node, nodes: &[Node], disk: &Disk, draw: Draw, harm: Harm) {
        match harm {
            Harm::None => {}
            Harm::LosePower => disk.lose_power(draw),
            Harm::LoseUnsynced => disk.lose_unsynced(),
            Harm::Wipe => disk.wipe(),
            Harm::GoBack => drop(disk.go_back(draw)),
            Harm::Swap => {
                let is_other = |it: &&Node| **it != node && self.0.nodes.role(**it) != Role::Client;
                let others: Vec<_> = nodes.iter().filter(is_other).collect();
                if !others.is_empty() {
                    let picked = draw.pick("twin", others.len() as u64);
                    let other = others[usize::try_from(picked).expect("one of few")];
                    disk.become_twin_of(&self.0.nodes.disk(*other));
                }
            }
            Harm::Write(format) => self.0.nodes.set_format(node, format),
        }
    }
}
