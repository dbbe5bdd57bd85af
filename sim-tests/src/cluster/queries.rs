//! Queries across the cluster: the node that said last that it runs a task is asked over the network.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_channel::mpsc;
use tidelog_core::{
    Answer, Position, Query,
    port::{AskError, BoxFuture, Queries, TaskId},
};
use tidelog_io_sim::{
    Net, SimStore,
    host::Nodes,
    wire::{ClientId, Node},
};

use crate::{dice::Dice, recorder::Recorder};

/// Which node can be asked what. Clones are handles to the same directory.
#[derive(Clone)]
pub(super) struct Directory {
    net: Net,
    recorder: Recorder,
    open: Arc<Mutex<BTreeMap<Node, Open>>>,
}

/// What a process of a node has open.
#[derive(Clone)]
struct Open {
    store: SimStore,
    queries: Arc<dyn Queries>,
    /// Tells it to leave.
    leave: mpsc::UnboundedSender<()>,
}

/// The queries of one client.
pub(super) struct ClientQueries {
    directory: Directory,
    nodes: Nodes,
    from: Node,
    dice: Mutex<Dice>,
}

/// How long a message takes from a machine to another.
const LATENCY: Duration = Duration::from_millis(1);

/// In so many of a hundred cases it is not known yet who has said last that it runs a task.
const YESTERDAY_PERCENT: u64 = 20;

/// How often a process that stands still is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Directory {
    pub(super) fn new(net: &Net, recorder: &Recorder) -> Self {
        Self { net: net.clone(), recorder: recorder.clone(), open: Arc::default() }
    }

    /// A process of a node has begun. Once something comes, it is to leave.
    pub(super) fn open(
        &self,
        node: Node,
        store: SimStore,
        queries: impl Queries,
    ) -> mpsc::UnboundedReceiver<()> {
        let (leave, told) = mpsc::unbounded();
        self.lock().insert(node, Open { store, queries: Arc::new(queries), leave });
        told
    }

    /// Tells a node to leave: it commits what there is, gives its partitions away, and ends.
    pub(super) fn leave(&self, client: ClientId) {
        if let Some(open) = self.lock().get(&Node::Client(client)) {
            // One that has ended has left.
            let _ = open.leave.unbounded_send(());
        }
    }

    /// The store of a node's last process.
    pub(super) fn store(&self, node: Node) -> Option<SimStore> {
        self.lock().get(&node).map(|open| open.store.clone())
    }

    /// The queries of a client on a machine.
    pub(super) fn client(&self, nodes: &Nodes, from: Node) -> ClientQueries {
        let dice = Mutex::new(Dice::new(self.net.sim().seed(), &format!("queries of {from}")));
        ClientQueries { directory: self.clone(), nodes: nodes.clone(), from, dice }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Node, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientQueries {
    /// Who runs a task, as far as this client knows.
    fn owner(&self, task: TaskId) -> Option<Node> {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = &self.directory.recorder;
        if dice.percent(YESTERDAY_PERCENT) {
            recorder.oldest_owner(task)
        } else {
            recorder.owner(task)
        }
    }

    /// Whether what is sent from one machine gets to the other, which is up. For one that stands still it
    /// lies there until that goes on.
    async fn reaches(&self, from: Node, to: Node) -> bool {
        let node = if from == self.from { to } else { from };
        let is_up = || self.nodes.process(node).is_up();
        if self.directory.net.is_cut(from, to) || !is_up() {
            return false;
        }
        let mut waits = TIMEOUT.as_millis() / LOOKS_EVERY.as_millis();
        while self.nodes.process(node).is_paused() && waits > 0 {
            self.sleep(LOOKS_EVERY).await;
            waits -= 1;
        }
        is_up() && !self.nodes.process(node).is_paused()
    }

    async fn sleep(&self, time: Duration) {
        self.directory.net.sim().machine(self.from).clock().sleep(time).await;
    }

    async fn no_answer<T>(&self, node: Node) -> Result<T, AskError> {
        self.sleep(TIMEOUT).await;
        Err(AskError::Unavailable(format!("{node} does not answer").into()))
    }
}

impl Queries for ClientQueries {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        Box::pin(async move {
            let Some(node) = self.owner(task) else {
                // As a gateway does that knows no owner: it looks again a little later.
                self.sleep(LATENCY * 20).await;
                return Err(AskError::NotOwner(task));
            };
            self.sleep(LATENCY).await;
            let open = self.directory.lock().get(&node).cloned();
            let (true, Some(open)) = (self.reaches(self.from, node).await, open) else {
                return self.no_answer(node).await;
            };
            let answer = open.queries.ask(task, query, at_least).await;
            self.sleep(LATENCY).await;
            if !self.reaches(node, self.from).await {
                return self.no_answer(node).await;
            }
            answer
        })
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientQueries").field("from", &self.from).finish_non_exhaustive()
    }
}
