//! The ports on the modelled cluster: a transport for the services of a process, and a client for its
//! driver. They play the part that `io-kafka` plays with librdkafka, and keep to the same laws.
//!
//! A commit is one transaction: what was sent, the entries of the changelogs, and the positions of all
//! tasks with the group's metadata as it is then. Only when it is known to be real, what the tasks wrote
//! goes into the store. After anything else the producer begins anew, which settles what became of the
//! transaction, and the tasks are restored.

mod changelog;
mod client;
mod commit;
mod ends;
mod inputs;
mod restore;
mod session;
mod snapshots;

pub use self::{client::SimClient, session::SimSession, snapshots::SimSnapshots};

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tidelog_core::{
    ServiceName, Spec,
    port::{SessionError, Store, Transport},
};

use self::snapshots::{Board, Owner};
use crate::{
    client::{ClientSettings, Cluster, Failure, Names, Place},
    clock::Clock,
    net::Net,
    store::SimStore,
    wire::Node,
};

/// Joins the services of one process to the modelled log. Clones are handles to the same process.
pub struct SimTransport<S: Store>(Rc<Home<S>>);

/// A process, as its sessions see it.
struct Home<S: Store> {
    net: Net,
    node: Node,
    clock: Clock,
    /// What it is called: its transactional and member ids have that name.
    name: Box<str>,
    names: Names,
    settings: ClientSettings,
    store: Arc<S>,
    ordinals: RefCell<BTreeMap<ServiceName, BTreeSet<u32>>>,
    board: Board,
    sessions: Cell<u64>,
}

impl<S: Store> SimTransport<S> {
    /// The transport of a process of that name, on that machine. A process that is started again has the
    /// same name; one of the same name elsewhere takes its place.
    #[must_use]
    pub fn new(net: &Net, node: Node, name: &str, settings: ClientSettings, store: Arc<S>) -> Self {
        Self(Rc::new(Home {
            net: net.clone(),
            node,
            clock: net.sim().machine(node).clock().clone(),
            name: name.into(),
            names: Names::new(&settings.prefix),
            settings,
            store,
            ordinals: RefCell::default(),
            board: Board::default(),
            sessions: Cell::new(0),
        }))
    }
}

impl SimTransport<SimStore> {
    /// A handle for queries on the tasks of the process.
    #[must_use]
    pub fn snapshots(&self) -> SimSnapshots {
        let Home { board, store, clock, .. } = &*self.0;
        SimSnapshots::new(board.clone(), Arc::clone(store), clock.clone())
    }
}

impl<S: Store> Transport for SimTransport<S> {
    type Session = SimSession<S>;

    async fn join(&self, spec: &'static Spec) -> Result<Self::Session, SessionError> {
        let ordinal = Ordinal::take(&self.0, spec.name);
        Ok(SimSession::join(Rc::clone(&self.0), spec, ordinal))
    }

    async fn pause(&self, length: Duration) {
        self.0.clock.sleep(length).await;
    }
}

impl<S: Store> Clone for SimTransport<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: Store> fmt::Debug for SimTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTransport").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl<S: Store> Home<S> {
    /// The next session.
    fn owner(&self) -> Owner {
        Owner(self.sessions.replace(self.sessions.get() + 1))
    }

    /// A client instance with connections of its own.
    fn connect(&self, spec: &'static Spec, what: &str) -> Cluster {
        let name = format!("{}/{}/{what}", self.name, spec.name);
        Cluster::connect(&self.net, self.node, &name, &self.settings)
    }
}

/// The number of a session among those of its service and process: the least that is free, so that the
/// ids that are made of it stay few and come again.
struct Ordinal {
    number: u32,
    free: Box<dyn Fn()>,
}

impl Ordinal {
    fn take<S: Store>(home: &Rc<Home<S>>, service: ServiceName) -> Self {
        let mut ordinals = home.ordinals.borrow_mut();
        let taken = ordinals.entry(service).or_default();
        let number = (0..).find(|it| !taken.contains(it)).expect("sessions are few");
        taken.insert(number);
        drop(ordinals);
        let home = Rc::clone(home);
        let free = Box::new(move || {
            if let Some(taken) = home.ordinals.borrow_mut().get_mut(&service) {
                taken.remove(&number);
            }
        });
        Self { number, free }
    }

    fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Ordinal {
    fn drop(&mut self) {
        (self.free)();
    }
}

/// What a failure that does not pass means to a session.
fn lost(what: &str, (topic, partition): Place, failure: &Failure) -> SessionError {
    SessionError::Lost(format!("{what}, {topic}/{partition}: {failure}").into())
}
