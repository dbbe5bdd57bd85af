//! Simulated machines: what can be killed, paused, and started again.

use std::{fmt, net::IpAddr};

use madsim::task::{NodeId, spawn_local};

use super::Sim;
use crate::{choice::Entity, clock::Clock, wire::Node};

/// A machine with a network address and a clock. Clones are handles to the same one.
#[derive(Clone)]
pub struct Machine {
    sim: Sim,
    node: Node,
    entity: Entity,
    id: NodeId,
    clock: Clock,
}

impl Machine {
    pub(super) fn new(sim: &Sim, node: Node) -> Self {
        let built = sim.handle().create_node().name(node.to_string()).ip(ip(node)).build();
        Self::adopt(sim, node, built.id())
    }

    /// Takes something of madsim's for the machine of a node.
    pub(super) fn adopt(sim: &Sim, node: Node, id: NodeId) -> Self {
        let clock = Clock::new(sim.time(), sim.leaped_us());
        // Not by `Sim::entity` of a name that a person has to know: the machine's own.
        let entity = sim.entity(&node.to_string());
        Self { sim: sim.clone(), node, entity, id, clock }
    }

    /// What it is in the protocol.
    #[must_use]
    pub fn node(&self) -> Node {
        self.node
    }

    /// What choices about it are keyed by.
    #[must_use]
    pub fn entity(&self) -> Entity {
        self.entity
    }

    /// Its clock, which goes on whatever happens to its processes.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a task on it. The task is made there, and need not be `Send`.
    pub fn start<F: Future<Output = ()> + 'static>(
        &self,
        main: impl FnOnce() -> F + Send + 'static,
    ) {
        let node = self.sim.handle().get_node(self.id).expect("a machine that was made");
        node.spawn(async move {
            spawn_local(main());
        });
    }

    /// Ends everything that runs on it, wherever it stands. Its connections break.
    pub fn kill(&self) {
        self.sim.handle().kill(self.id);
    }

    /// Makes it ready for new tasks after it was killed.
    pub fn boot(&self) {
        self.sim.handle().restart(self.id);
    }

    /// Whether it was killed, and not made ready again.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.sim.handle().is_exit(self.id)
    }

    /// Lets everything on it stand still. What is sent to it waits.
    pub fn pause(&self) {
        self.sim.handle().pause(self.id);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.sim.handle().resume(self.id);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The address of a node's machine.
pub(crate) fn ip(node: Node) -> IpAddr {
    let (network, number) = match node {
        Node::Broker(id) => (0, id.0),
        Node::Controller => (1, 1),
        Node::Client(id) => (2, id.0),
    };
    let [_, high, middle, low] = number.to_be_bytes();
    assert!(high < 64, "numbers of machines stay below 2^22");
    [10, network * 64 + high, middle, low].into()
}
