//! Chaos: what strikes machines, links, logs and clocks as time goes on, as far as the atlas lets it.

mod brokers;
mod clocks;
mod links;
mod logs;
mod moments;
mod nodes;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Atlas, Cluster, Nodes, process::later};
use crate::{
    choice::Entity,
    fault::{Draw, FaultKind},
    net::{Cut, Net},
    sim::{Sim, lock},
    wire::{BrokerId, Image, Node},
};

/// How chaos goes about it.
#[derive(Clone, Debug)]
pub struct ChaosSettings {
    /// How often machines, links, logs and clocks have an opportunity to be struck.
    pub tick: Duration,
    /// The session timeout of the nodes, past which a zombie stands still.
    pub session_timeout: Duration,
    /// Whether brokers lose what is not on their disks only where three copies can bear it. Where they
    /// do at any time, records are lost that were acknowledged, as on any log.
    pub spares_copies: bool,
}

impl Default for ChaosSettings {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(100),
            session_timeout: Duration::from_secs(6),
            spares_copies: true,
        }
    }
}

/// What strikes a cluster and its nodes. Clones are handles to the same.
#[derive(Clone)]
pub struct Chaos(Arc<Shared>);

struct Shared {
    net: Net,
    cluster: Cluster,
    nodes: Nodes,
    settings: ChaosSettings,
    atlas: Mutex<Atlas>,
    /// What choices about links are keyed by: their names are long to make.
    links: Mutex<BTreeMap<(Node, Node), Entity>>,
    is_over: Mutex<bool>,
}

impl Chaos {
    /// Lets faults strike from now on.
    #[must_use]
    pub fn start(net: &Net, cluster: &Cluster, nodes: &Nodes, settings: ChaosSettings) -> Self {
        let atlas = Mutex::new(Atlas::new(cluster.brokers().keys().copied()));
        let (net, cluster, nodes) = (net.clone(), cluster.clone(), nodes.clone());
        let (links, is_over) = (Mutex::default(), Mutex::new(false));
        let shared = Shared { net, cluster, nodes, settings, atlas, links, is_over };
        let chaos = Self(Arc::new(shared));
        chaos.watch(&chaos.0.net);
        chaos.spare(&chaos.0.net);
        let ours = chaos.clone();
        chaos.sim().post().spawn(async move {
            for tick in 1.. {
                ours.sim().time().sleep(ours.0.settings.tick).await;
                if *lock(&ours.0.is_over) {
                    return;
                }
                ours.tick(tick);
            }
        });
        chaos
    }

    /// Ends all faults and mends what they have done: from now on everything has to catch up.
    pub fn heal(&self) {
        self.sim().heal();
        *lock(&self.0.is_over) = true;
        self.0.net.mend_all();
        self.0.cluster.heal();
        self.0.nodes.heal();
        for node in self.machines() {
            self.sim().machine(node).clock().set_right();
        }
        lock(&self.0.atlas).heal();
    }

    fn tick(&self, tick: u64) {
        self.strike_links();
        self.strike_brokers();
        self.strike_nodes(tick);
        self.strike_clocks();
        if tick.is_multiple_of(LOGS_EVERY_TICKS) {
            self.strike_logs();
        }
    }

    fn sim(&self) -> &Sim {
        self.0.net.sim()
    }

    /// Every machine that can be struck.
    fn machines(&self) -> Vec<Node> {
        let brokers = self.0.cluster.brokers().keys().map(|id| Node::Broker(*id));
        let nodes = self.0.nodes.list();
        brokers.chain([Node::Controller]).chain(nodes).collect()
    }

    fn entity(&self, node: Node) -> Entity {
        self.sim().machine(node).entity()
    }

    fn link(&self, from: Node, to: Node) -> Entity {
        let name = || self.sim().entity(&format!("{from}>{to}"));
        *lock(&self.0.links).entry((from, to)).or_insert_with(name)
    }

    fn now_ms(&self) -> u64 {
        self.sim().now_us() / 1000
    }

    fn image(&self) -> Option<Arc<Image>> {
        self.0.cluster.image()
    }

    fn later(&self, time: Duration, act: impl FnOnce() + Send + 'static) {
        later(self.sim(), time, act);
    }

    /// Cuts links for some time.
    fn cut_for(&self, cut: Cut, time: Duration) {
        let id = self.0.net.cut(cut);
        let net = self.0.net.clone();
        self.later(time, move || net.mend(id));
    }

    /// Whether a fault strikes that takes a broker out for some time.
    fn strikes_broker(
        &self,
        kind: FaultKind,
        broker: BrokerId,
        entity: Entity,
        time: impl Fn(Draw) -> Duration,
    ) -> Option<Draw> {
        let loses = kind == FaultKind::BrokerPowerLoss;
        let draw = self.sim().fault_if(kind, entity, |_| {
            let (atlas, image, now) = (lock(&self.0.atlas), self.image(), self.now_ms());
            if loses && self.0.settings.spares_copies {
                atlas.may_lose(broker, image.as_deref(), now)
            } else if loses {
                true
            } else {
                atlas.may_stop(broker, image.as_deref(), now)
            }
        })?;
        self.broker_is_out(broker, time(draw));
        if loses {
            lock(&self.0.atlas).loses(broker, self.image().as_deref());
        }
        Some(draw)
    }

    /// Whether a fault strikes that keeps the controller from hearing of brokers for some time.
    fn strikes_controller(&self, kind: FaultKind, time: impl Fn(Draw) -> Duration) -> Option<Draw> {
        let may = |_| {
            let (atlas, image) = (lock(&self.0.atlas), self.image());
            atlas.may_stop_controller(image.as_deref(), self.now_ms())
        };
        let draw = self.sim().fault_if(kind, self.entity(Node::Controller), may)?;
        let until = self.now_ms() + in_ms(time(draw)) + SESSIONS_MS;
        lock(&self.0.atlas).controller_stopped(until);
        Some(draw)
    }

    fn broker_is_out(&self, broker: BrokerId, time: Duration) {
        let until = self.now_ms() + in_ms(time) + SETTLE_MS;
        lock(&self.0.atlas).stopped(broker, until);
    }
}

/// Partitions are many, and have their opportunities less often.
const LOGS_EVERY_TICKS: u64 = 5;

/// After a broker is back it takes some time until the controller knows that it had been away.
const SETTLE_MS: u64 = 1_000;

/// After the controller is back it takes so long at most until it knows which brokers are away.
const SESSIONS_MS: u64 = 4_000;

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("seconds")
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { settings, atlas, .. } = &*self.0;
        f.debug_struct("Chaos")
            .field("settings", settings)
            .field("atlas", atlas)
            .finish_non_exhaustive()
    }
}
