//! The nodes of tidelog and the machines of its clients: processes with a disk each, of which the
//! simulator knows no more than that.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;

use super::Process;
use crate::{
    disk::Disk,
    net::Net,
    sim::{Machine, lock},
    wire::{ClientId, Node},
};

/// The nodes of a run, and its client machines. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Nodes(Arc<Shared>);

struct Shared {
    net: Net,
    nodes: Mutex<BTreeMap<Node, Hosted>>,
}

#[derive(Clone)]
struct Hosted {
    name: Box<str>,
    main: Arc<Main>,
    process: Process,
    disk: Disk,
    format: Arc<Mutex<Format>>,
    role: Role,
}

/// What a process is in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A node of tidelog.
    Node,
    /// The twin of a node: a second process of its name, for some time.
    Twin,
    /// A client machine, from which the system is used.
    Client,
}

/// What a process of a node begins with.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The node's name, which its twin has too.
    pub name: Box<str>,
    /// Where it is in the network.
    pub node: Node,
    /// How often it was started, this time included.
    pub start: u32,
    /// Its machine, with its clock.
    pub machine: Machine,
    /// Its disk.
    pub disk: Disk,
    /// The network.
    pub net: Net,
    /// Which format version its program writes.
    pub format: Format,
}

/// Which format version a program writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The one before.
    Previous,
    /// The one of this release.
    #[default]
    Current,
    /// The next one.
    Next,
}

/// The machine of a node's twin has a number that is so much greater.
const TWIN: u32 = 1 << 16;

/// Makes what a node runs.
type Main = dyn Fn(Boot) -> LocalBoxFuture<'static, ()> + Send + Sync;

impl Nodes {
    /// No nodes yet.
    #[must_use]
    pub fn new(net: &Net) -> Self {
        Self(Arc::new(Shared { net: net.clone(), nodes: Mutex::default() }))
    }

    /// Adds a node and starts it. A process that ends is started again.
    pub fn add(
        &self,
        name: &str,
        client: ClientId,
        main: impl Fn(Boot) -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        self.host(name, client, Arc::new(main), Role::Node);
    }

    /// Adds a client machine and starts it. A process that ends is started again.
    pub fn add_client(
        &self,
        name: &str,
        client: ClientId,
        main: impl Fn(Boot) -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        self.host(name, client, Arc::new(main), Role::Client);
    }

    /// Which nodes and client machines there are.
    #[must_use]
    pub fn list(&self) -> Vec<Node> {
        lock(&self.0.nodes).keys().copied().collect()
    }

    /// A node's process.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    #[must_use]
    pub fn process(&self, node: Node) -> Process {
        self.hosted(node).process
    }

    /// A node's disk.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    #[must_use]
    pub fn disk(&self, node: Node) -> Disk {
        self.hosted(node).disk
    }

    /// Kills a node, does something to its disk, and starts it again after some time. Says whether it
    /// ran.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn crash(&self, node: Node, down: Duration, harm: impl FnOnce(&Disk)) -> bool {
        let Hosted { process, disk, .. } = self.hosted(node);
        if !process.kill() {
            return false;
        }
        harm(&disk);
        process.start_after(down);
        true
    }

    /// Starts a second process of the same name on another machine, with a disk of its own, which is
    /// killed after some time. There is one for each node at a time.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn twin(&self, node: Node, time: Duration) {
        let Hosted { name, main, .. } = self.hosted(node);
        let Node::Client(ClientId(number)) = node else { return };
        let client = ClientId(number + TWIN);
        let twin = Node::Client(client);
        let there = lock(&self.0.nodes).get(&twin).cloned();
        match there {
            Some(there) if there.process.is_up() => return,
            Some(there) => {
                there.disk.wipe();
                there.process.start();
            }
            None => self.host(&name, client, main, Role::Twin),
        }
        let (process, starts) = (self.process(twin), self.process(twin).starts());
        process.clone().later(time, move || {
            if process.starts() >= starts {
                process.kill();
            }
        });
    }

    /// What a node is.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    #[must_use]
    pub fn role(&self, node: Node) -> Role {
        self.hosted(node).role
    }

    /// Lets every node and every client machine run, and no twin.
    pub fn heal(&self) {
        for node in self.list() {
            let Hosted { process, role, .. } = self.hosted(node);
            match role {
                Role::Node | Role::Client => process.heal(),
                Role::Twin => process.retire(),
            }
        }
    }

    /// From its next start on, a node writes that format.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn set_format(&self, node: Node, format: Format) {
        *lock(&self.hosted(node).format) = format;
    }

    fn host(&self, name: &str, client: ClientId, main: Arc<Main>, role: Role) {
        let node = Node::Client(client);
        let disk = match role {
            Role::Node | Role::Client => format!("{name}/disk"),
            Role::Twin => format!("{name}/twin/disk"),
        };
        let disk = Disk::new(self.0.net.sim(), &disk);
        let format = Arc::new(Mutex::new(Format::default()));
        let (net, name) = (self.0.net.clone(), Box::<str>::from(name));
        let (ours, version, called) = (disk.clone(), Arc::clone(&format), name.clone());
        let run = Arc::clone(&main);
        let start = move |start| {
            run(Boot {
                name: called.clone(),
                node,
                start,
                machine: net.sim().machine(node),
                disk: ours.clone(),
                net: net.clone(),
                format: *lock(&version),
            })
        };
        let process = Process::new(self.0.net.sim(), node, start);
        process.start();
        let hosted = Hosted { name, main, process, disk, format, role };
        lock(&self.0.nodes).insert(node, hosted);
    }

    fn hosted(&self, node: Node) -> Hosted {
        lock(&self.0.nodes).get(&node).cloned().expect("a node that was added")
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nodes").field(&self.list()).finish()
    }
}
