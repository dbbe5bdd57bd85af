//! Joining services to a broker.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_timer::Delay;
use tidelog_core::{
    Offset, ServiceName, Spec, Topic,
    port::{SessionError, Store, TaskId, Transport},
};

use crate::{
    Figures, KafkaSnapshots, Owners, Settings,
    board::Board,
    client::Readers,
    figures::Counters,
    leases::{Leased, SessionNumber},
    roll::Roll,
    session::KafkaSession,
};

/// Joins services to a broker, with their tables in a store of this node.
pub struct KafkaTransport<S> {
    shared: Arc<Shared<S>>,
}

/// What the sessions of a node have in common.
pub(crate) struct Shared<S> {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<Leased<S>>,
    pub(crate) board: Board,
    pub(crate) owners: Option<Owners>,
    pub(crate) counters: Counters,
    /// Look where inputs end, for those who ask for a position.
    pub(crate) readers: Readers,
    pub(crate) roll: Roll,
    sessions: AtomicU64,
    ordinals: Mutex<BTreeMap<ServiceName, BTreeSet<u32>>>,
}

/// Which of the sessions of a service one is, among those of this node at this time. It is a part of
/// its names towards the broker, which are the same again after a restart.
pub(crate) struct Ordinal<S> {
    shared: Arc<Shared<S>>,
    service: ServiceName,
    pub(crate) number: u32,
}

impl<S: Store> KafkaTransport<S> {
    /// A transport for this node. Nothing is asked of the broker before a service joins.
    #[must_use]
    pub fn new(settings: Settings, store: S) -> Self {
        Self::build(settings, store, None)
    }

    /// As [`new`](Self::new), and tells the other nodes which tasks are here.
    #[must_use]
    pub fn with_owners(settings: Settings, store: S, owners: Owners) -> Self {
        Self::build(settings, store, Some(owners))
    }

    fn build(settings: Settings, store: S, owners: Option<Owners>) -> Self {
        let shared = Shared {
            readers: Readers::new(&settings),
            roll: Roll::default(),
            settings,
            store: Arc::new(Leased::new(store)),
            board: Board::default(),
            owners,
            counters: Counters::default(),
            sessions: AtomicU64::new(0),
            ordinals: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The tables of this node's tasks, for queries.
    #[must_use]
    pub fn snapshots(&self) -> KafkaSnapshots<S> {
        KafkaSnapshots::new(Arc::clone(&self.shared))
    }
}

impl<S> KafkaTransport<S> {
    /// What can be counted of this node's tasks.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.counters.with(self.shared.board.figures())
    }

    /// Whether a service has not heard from its group yet which partitions are this node's, since it
    /// asked for the last time. One that was given none waits a little longer: a member that has come
    /// is given its own once others have given them away.
    #[must_use]
    pub fn awaits_partitions(&self, service: ServiceName) -> bool {
        let Shared { settings, board, roll, .. } = &*self.shared;
        match roll.answered(service) {
            None => true,
            Some(since) => {
                let settled = settings.heartbeat_interval * HEARTBEATS_UNTIL_SETTLED;
                since.elapsed() < settled && !board.has_any(service)
            }
        }
    }
}

impl<S> Clone for KafkaTransport<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Store> Transport for KafkaTransport<S> {
    type Session = KafkaSession<S>;

    async fn join(&self, spec: &'static Spec) -> Result<KafkaSession<S>, SessionError> {
        KafkaSession::join(Arc::clone(&self.shared), spec).await
    }

    async fn pause(&self, length: Duration) {
        Delay::new(length).await;
    }
}

/// After so many of these a group has mostly done what a new member makes it do, which takes two answers
/// of it.
const HEARTBEATS_UNTIL_SETTLED: u32 = 10;

impl<S> Shared<S> {
    /// A task is restored: it can be asked from here on.
    pub(crate) fn took(
        &self,
        session: SessionNumber,
        name: &str,
        task: TaskId,
        positions: &[(Topic, Offset)],
    ) {
        self.board.restored(session, task, positions);
        if let Some(owners) = &self.owners {
            owners.took(task, name);
        }
    }

    /// A task has gone.
    pub(crate) fn gave(&self, session: SessionNumber, task: TaskId) {
        if self.board.gone(session, task) {
            self.owners.iter().for_each(|owners| owners.gave(task));
        }
    }

    /// All tasks of a session have gone.
    pub(crate) fn gave_all(&self, session: SessionNumber) {
        self.roll.over(session);
        for task in self.board.all_gone(session) {
            self.owners.iter().for_each(|owners| owners.gave(task));
        }
    }

    pub(crate) fn session_number(&self) -> SessionNumber {
        SessionNumber(self.sessions.fetch_add(1, Ordering::Relaxed))
    }
}

impl<S> Ordinal<S> {
    /// The lowest number that no other session of the service has.
    pub(crate) fn take(shared: &Arc<Shared<S>>, service: ServiceName) -> Self {
        let mut ordinals = shared.ordinals.lock().expect("taking a number does not panic");
        let taken = ordinals.entry(service).or_default();
        let number = (0..).find(|number| !taken.contains(number)).expect("some number is free");
        taken.insert(number);
        Self { shared: Arc::clone(shared), service, number }
    }
}

impl<S> Drop for Ordinal<S> {
    fn drop(&mut self) {
        let mut ordinals = self.shared.ordinals.lock().expect("taking a number does not panic");
        if let Some(taken) = ordinals.get_mut(&self.service) {
            taken.remove(&self.number);
        }
    }
}
