//! Which node runs which task, as the nodes tell in the topic `owners`.
//!
//! A node tells that it runs a task once the task is restored, and that it no longer does when it gives
//! it away. One that dies tells nothing: what is known of it stays until somebody else has taken over.
//! Each node follows the whole topic, which has a record for each task.

mod follower;
mod table;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use rdkafka::{
    producer::{BaseRecord, Producer, ThreadedProducer},
    util::Timeout,
};
use tidelog_core::{
    Headers, Message, Topic,
    message::Owner,
    port::{SessionError, TaskId},
};
use tracing::warn;

use self::{
    follower::Follower,
    table::{Entry, Table},
};
use crate::{ConnectError, Settings, context::Logging, headers, member, record, watched::Watched};

/// Where a task can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this node.
    Here,
    /// On another one, at this address.
    There(Box<str>),
}

/// What this node knows of the owners of tasks. Clones are handles to the same.
#[derive(Clone)]
pub struct Owners {
    shared: Arc<Shared>,
    // Ends with the last handle that is not the follower's own.
    _thread: Arc<Thread>,
}

struct Shared {
    settings: Settings,
    /// Where this node answers others.
    address: Box<str>,
    producer: ThreadedProducer<Logging>,
    table: Watched<Table>,
    is_stopped: AtomicBool,
}

struct Thread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Owners {
    /// Begins to follow what is told. This node tells that it answers at `address`, host and port.
    ///
    /// # Errors
    ///
    /// If the settings make no client.
    pub fn follow(settings: &Settings, address: impl Into<Box<str>>) -> Result<Self, ConnectError> {
        let failed = |reason: String| ConnectError {
            brokers: settings.brokers.clone(),
            reason: reason.into(),
        };
        let producer = settings.appending_producer().create_with_context(Logging);
        let shared = Arc::new(Shared {
            producer: producer.map_err(|error| failed(error.to_string()))?,
            settings: settings.clone(),
            address: address.into(),
            table: Watched::default(),
            is_stopped: AtomicBool::new(false),
        });
        let follower = Follower::new(Arc::clone(&shared));
        let follower = follower.map_err(|error| failed(error.to_string()))?;
        let thread = thread::Builder::new().name("kafka-owners".into());
        let thread =
            thread.spawn(move || follower.run()).map_err(|error| failed(error.to_string()))?;
        let thread = Thread { shared: Arc::clone(&shared), thread: Some(thread) };
        Ok(Self { shared, _thread: Arc::new(thread) })
    }

    /// Where a task can be asked, as far as is known.
    #[must_use]
    pub fn place(&self, task: TaskId) -> Option<Place> {
        self.shared.table.look(|table| table.place(task, &self.shared.settings.node))
    }

    /// Waits until a task is elsewhere than it was.
    pub async fn moved(&self, task: TaskId, from: Option<&Place>) {
        let node = &self.shared.settings.node;
        let has_moved = |table: &Table| (table.place(task, node).as_ref() != from).then_some(());
        self.shared.table.until(has_moved).await;
    }

    /// A task is restored here, by the session with this transactional id.
    pub(crate) fn took(&self, task: TaskId, transactional_id: &str) {
        let entry = self.shared.table.change(|table| table.hold(task, transactional_id));
        self.shared.tell(task, &entry);
    }

    /// A task is here no longer.
    pub(crate) fn gave(&self, task: TaskId) {
        if let Some(entry) = self.shared.table.change(|table| table.release(task)) {
            self.shared.tell(task, &entry);
        }
    }

    /// Ends what the last owner of a task has left open, if that was another node and has not given the
    /// task away. Should it be at work still, it is told that it has lost its session.
    pub(crate) fn end_transaction(
        &self,
        task: TaskId,
        is_wanted: impl Fn() -> bool,
    ) -> Result<(), SessionError> {
        let node = &self.shared.settings.node;
        let Some(id) = self.shared.table.look(|table| table.left_open(task, node)) else {
            return Ok(());
        };
        warn!(%task, transactional_id = &*id, "ending what the task's last owner has left open");
        member::end_transactions(&self.shared.settings, &id, is_wanted)
    }
}

impl Shared {
    /// Tells what is so of a task. If that does not arrive, the follower misses it, and it is told again.
    fn tell(&self, task: TaskId, entry: &Entry) {
        let owner = Owner {
            task: task.to_string().into(),
            epoch: entry.epoch,
            node: self.settings.node.as_str().into(),
            address: entry.is_running.then(|| self.address.clone()),
            transactional_id: entry.transactional_id.clone(),
        };
        let message = Message::Owner(owner);
        let (topic, key) = (self.settings.topic(Topic::Owners), message.key());
        let partition = self.settings.layout.partition(key);
        let payload = message.encode();
        let record = BaseRecord::to(&topic)
            .partition(record::number(partition))
            .key(key)
            .payload(&payload[..])
            .headers(headers::of(Topic::Owners, &Headers::default()));
        if let Err((error, _)) = self.producer.send(record) {
            warn!(%task, %error, "it is not told who runs the task");
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // What was told last is that everything is given away.
        if let Err(error) = self.shared.producer.flush(Timeout::After(FLUSHED_WITHIN)) {
            warn!(%error, "others may not know yet that this node has left");
        }
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that follows the owners has panicked");
        }
    }
}

/// How long telling that everything is given away may take.
const FLUSHED_WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owners").field("address", &self.shared.address).finish_non_exhaustive()
    }
}
