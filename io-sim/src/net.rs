//! The network: requests and their replies over madsim's connections between machines, and what goes
//! wrong on the way.
//!
//! Messages travel as values. On a connection they arrive in order, after at least a millisecond. A
//! machine that is killed breaks its connections, and one that is paused lets what arrives wait. A
//! link that is cut keeps what is sent, as TCP does, until it is mended or whoever asked gives up.

mod caller;
mod cut;
mod link;
mod server;

pub use caller::{Asking, Caller};
pub use cut::{Cut, CutId};
pub use server::{Arrival, Server};

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_channel::mpsc;

use self::cut::Cuts;
use crate::{
    sim::{Sim, ip, lock},
    wire::{Node, Reply, Request},
};

/// The network of a run. Clones are handles to the same one.
#[derive(Clone)]
pub struct Net(Arc<Shared>);

struct Shared {
    sim: Sim,
    cuts: Mutex<Cuts>,
    /// How many cuts there are, where it is looked up without a lock.
    cut_count: AtomicUsize,
    /// Where what travels without a connection arrives.
    strays: Mutex<BTreeMap<Node, mpsc::UnboundedSender<Arrival>>>,
    watch: OnceLock<Watch>,
    hold_up: OnceLock<HoldUp>,
}

/// Sees every request as it is sent: from whom, to whom, and what.
type Watch = Box<dyn Fn(Node, Node, &Request) + Send + Sync>;
type HoldUp = Box<dyn Fn(Node, Node, Duration) -> bool + Send + Sync>;

/// Why no reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NetError {
    /// There was no connection: the request was never sent.
    #[error("there is no way there")]
    Unreachable,
    /// The connection broke: the request may have arrived, or may still do so.
    #[error("the connection broke")]
    Disconnected,
    /// The time was over: the request may have arrived, or may still do so.
    #[error("no reply came in time")]
    TimedOut,
}

impl NetError {
    /// Whether it is sure that the request has not arrived and will not.
    #[must_use]
    pub fn is_unsent(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Disconnected | Self::TimedOut => false,
        }
    }
}

impl Net {
    /// So long after the last fault everything has arrived that ever will.
    pub const ARRIVES_WITHIN: Duration = Duration::from_millis(STRAYS_MS_MAX + 500);

    /// The network of a run.
    #[must_use]
    pub fn new(sim: &Sim) -> Self {
        Self(Arc::new(Shared {
            sim: sim.clone(),
            cuts: Mutex::default(),
            cut_count: AtomicUsize::new(0),
            strays: Mutex::default(),
            watch: OnceLock::new(),
            hold_up: OnceLock::new(),
        }))
    }

    /// The run.
    #[must_use]
    pub fn sim(&self) -> &Sim {
        &self.0.sim
    }

    /// Whoever asks from a machine. To be made by a task of that machine, whose end breaks its
    /// connections.
    #[must_use]
    pub fn caller(&self, from: Node) -> Caller {
        Caller::new(self, from)
    }

    /// Takes requests on a machine. To be awaited by a task of that machine.
    ///
    /// # Panics
    ///
    /// If something on the machine takes requests already.
    pub async fn serve(&self, node: Node) -> Server {
        let (stray, strays) = mpsc::unbounded();
        lock(&self.0.strays).insert(node, stray);
        Server::bind(node, strays).await
    }

    /// Lets somebody see every request as it is sent.
    ///
    /// # Panics
    ///
    /// If there is somebody already.
    pub(crate) fn watch(&self, watch: impl Fn(Node, Node, &Request) + Send + Sync + 'static) {
        let is_first = self.0.watch.set(Box::new(watch)).is_ok();
        assert!(is_first, "one watcher for each network");
    }

    /// Lets somebody say whether what goes from one machine to another may be held up for so long, and
    /// reckon with it if it may. Otherwise all may.
    ///
    /// # Panics
    ///
    /// If there is somebody already.
    pub(crate) fn hold_up(
        &self,
        may: impl Fn(Node, Node, Duration) -> bool + Send + Sync + 'static,
    ) {
        let is_first = self.0.hold_up.set(Box::new(may)).is_ok();
        assert!(is_first, "one who says so for each network");
    }

    fn may_hold_up(&self, from: Node, to: Node, time: Duration) -> bool {
        self.0.hold_up.get().is_none_or(|may| may(from, to, time))
    }

    /// Cuts links, until the cut is mended.
    pub fn cut(&self, cut: Cut) -> CutId {
        self.0.sim.event("net", "cut", &cut);
        self.cuts(|cuts| cuts.add(cut))
    }

    /// Mends a cut, if it is still there.
    pub fn mend(&self, cut: CutId) {
        if let Some(cut) = self.cuts(|cuts| cuts.remove(cut)) {
            self.0.sim.event("net", "mend", &cut);
        }
    }

    /// Mends all cuts.
    pub fn mend_all(&self) {
        self.cuts(Cuts::clear);
        self.0.sim.event("net", "mend-all", &());
    }

    /// Whether nothing gets from one machine to another.
    #[must_use]
    pub fn is_cut(&self, from: Node, to: Node) -> bool {
        self.0.cut_count.load(Ordering::Relaxed) > 0 && lock(&self.0.cuts).covers(from, to)
    }

    /// Sends a request on its own, to arrive after some time, if anything takes requests there then.
    fn stray(&self, from: Node, to: Node, request: Request, after: Duration) {
        let net = self.clone();
        let carry = async move {
            net.0.sim.time().sleep(after).await;
            while net.is_cut(from, to) {
                net.0.sim.time().sleep(RETRANSMIT).await;
            }
            if let Some(server) = lock(&net.0.strays).get(&to) {
                let _ = server.unbounded_send(Arrival { from, token: server::STRAY, request });
            }
        };
        // It travels whatever becomes of the machine that sent it.
        self.0.sim.post().spawn(carry);
    }

    fn cuts<T>(&self, change: impl FnOnce(&mut Cuts) -> T) -> T {
        let mut cuts = lock(&self.0.cuts);
        let given = change(&mut cuts);
        self.0.cut_count.store(cuts.len(), Ordering::Relaxed);
        given
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("cuts", &*lock(&self.0.cuts)).finish_non_exhaustive()
    }
}

/// How often it is looked whether a link still is cut.
const RETRANSMIT: Duration = Duration::from_millis(100);

/// A request whose connection broke arrives so much later at most.
const STRAYS_MS_MAX: u64 = 5_000;

/// How long a connection is tried for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What travels to a server.
struct Asked {
    id: u32,
    from: Node,
    request: Request,
}

/// What travels back.
struct Answered {
    id: u32,
    reply: Reply,
}

fn address(node: Node) -> SocketAddr {
    (ip(node), PORT).into()
}

const PORT: u16 = 9092;

#[cfg(test)]
mod tests;
