//! The log itself: what its writer, sessions and clients share.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    thread::JoinHandle,
};

use bytes::Bytes;
use fjall::Snapshot;
use futures_channel::oneshot;
use tidelog_core::{
    Destination, Layout, Offset, Outgoing, Overlay, PartitionId, ServiceName, Timestamp, Topic,
    TraceContext, port::TaskId,
};

use crate::{
    OpenError, Settings,
    client::LocalClient,
    database::{self, Progress, Store},
    group::{Group, News},
    partition::Partition,
    pending::Pending,
    segments::Class,
    session::LocalTransport,
    snapshot::LocalSnapshots,
    waiters::Waiters,
    writer,
};

/// The embedded log of one process, open on a data folder.
///
/// Handles to it ([`LocalTransport`], [`LocalClient`], [`LocalSnapshots`]) share it. It closes with
/// [`LocalLog::close`], or when it is dropped: what was committed is then durable, and whoever
/// still waits for something is told that the log is closed.
pub struct LocalLog {
    pub(crate) shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl LocalLog {
    /// Opens a data folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If another process has it open, it was made with another layout or by a newer release, or it
    /// cannot be read.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, OpenError> {
        let store = Store::open(path, &settings)?;
        let chains = Class::ALL.into_iter().map(|class| store.chain(path, class));
        let chains: Vec<_> = chains.collect::<Result<_, _>>()?;
        let mut partitions = Vec::new();
        for topic in Topic::ALL {
            for partition in settings.layout.all() {
                partitions.push(store.partition(path, &chains, topic, partition)?);
            }
        }
        let progress = store.progress(path)?;
        // Append times never go back, whatever the clock did while the log was closed.
        let segments = chains.iter().flat_map(|chain| &chain.closed).map(|closed| closed.newest);
        let tasks = progress.values().map(|progress| progress.task_time);
        let compacted = store.newest_compacted(path)?;
        let time = segments.chain(tasks).max().unwrap_or_default().max(compacted);
        let mut state = State::new(partitions, time, store.database.snapshot());
        for (task, progress) in progress {
            state.tasks.insert(task, Task::new(progress));
        }
        let shared = Arc::new(Shared {
            store,
            settings,
            state: Mutex::new(state),
            work: Condvar::new(),
            sessions: AtomicU64::new(0),
        });
        let writer = writer::start(Arc::clone(&shared), chains).map_err(OpenError::Thread)?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// The layout that a data folder was made with; `None` if there is no log in it. Nothing is made
    /// where there is nothing.
    ///
    /// # Errors
    ///
    /// As [`LocalLog::open`].
    pub fn layout_of(path: &Path) -> Result<Option<Layout>, OpenError> {
        database::layout_of(path)
    }

    /// How many partitions the topics have.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.shared.settings.layout
    }

    /// The side of the services.
    #[must_use]
    pub fn transport(&self) -> LocalTransport {
        LocalTransport::new(Arc::clone(&self.shared))
    }

    /// The side of the drivers.
    #[must_use]
    pub fn client(&self) -> LocalClient {
        LocalClient::new(Arc::clone(&self.shared))
    }

    /// The durable state of the tasks, for queries.
    #[must_use]
    pub fn snapshots(&self) -> LocalSnapshots {
        LocalSnapshots::new(Arc::clone(&self.shared))
    }

    /// Why the log cannot be used any more, if that is so: its disk failed.
    #[must_use]
    pub fn failure(&self) -> Option<Box<str>> {
        self.shared.lock().failure.clone()
    }

    /// Takes all partitions away from the members of a service's group. They are not asked: as if
    /// their threads had stood still for so long that others had to take over.
    pub fn evict(&self, service: ServiceName) {
        let mut wake = Vec::new();
        let mut state = self.shared.lock();
        let news = state.groups.get_mut(&service).map(Group::evict).unwrap_or_default();
        state.tell(news, &mut wake);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Removes the durable records before `start` from a partition, read or not. A task that has not
    /// read them stops.
    ///
    /// # Errors
    ///
    /// If the log is closed, or its disk cannot be written.
    pub fn trim(
        &self,
        topic: Topic,
        partition: PartitionId,
        start: Offset,
    ) -> Result<(), Box<str>> {
        let (done, is_done) = std::sync::mpsc::channel();
        {
            let mut state = self.shared.lock();
            if let Some(reason) = state.refusal() {
                return Err(reason);
            }
            state.trims.push(Trim { topic, partition, start, _done: done });
        }
        self.shared.work.notify_one();
        // Nothing is ever sent: the writer drops its end when it has done it, or has stopped.
        let _ = is_done.recv();
        self.shared.lock().refusal().map_or(Ok(()), Err)
    }

    /// Makes what was committed durable, and closes the log. The folder is free for others once the
    /// last handle is gone too.
    pub fn close(mut self) {
        self.stop();
    }

    /// Closes the log as a crash would: what is not durable is lost.
    pub fn crash(mut self) {
        self.shared.lock().crash = true;
        self.stop();
    }

    fn stop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer thread panicked");
        }
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the writer, sessions and clients share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    state: Mutex<State>,
    /// Wakes the writer.
    pub(crate) work: Condvar,
    sessions: AtomicU64,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panics while it holds the state leaves it to a log that stops: see `writer`.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new session.
    pub(crate) fn session_number(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Where everything is to go that a task sends. Whatever can be wrong with it shows here, before
    /// anything is appended.
    pub(crate) fn route(&self, sends: Vec<Outgoing>) -> Vec<Routed> {
        let mut routed = Vec::with_capacity(sends.len());
        for Outgoing { topic, destination, key, payload, headers } in sends {
            let trace = headers.trace;
            match destination {
                Destination::Partition(partition) => {
                    let index = self.index(topic, partition);
                    routed.push(Routed { index, key, payload, trace });
                }
                Destination::Every => routed.extend(self.settings.layout.all().map(|partition| {
                    let (key, payload) = (key.clone(), payload.clone());
                    Routed { index: self.index(topic, partition), key, payload, trace }
                })),
            }
        }
        routed
    }

    /// The place of a partition among all.
    pub(crate) fn index(&self, topic: Topic, partition: PartitionId) -> usize {
        let partitions = self.settings.layout.partitions();
        assert!(partition.0 < partitions, "{topic} has no partition {partition}");
        assert!(topic.code() < 128, "the embedded log has no changelogs");
        usize::from(topic.code()) * partitions as usize + partition.0 as usize
    }

    /// Lets append times go on to what the clock says. They never go back.
    pub(crate) fn tick(&self, state: &mut State) {
        state.time = state.time.max(self.settings.clock.now());
    }
}

/// A record, and the place of its partition among all.
pub(crate) struct Routed {
    pub(crate) index: usize,
    pub(crate) key: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) trace: Option<TraceContext>,
}

/// What can change.
pub(crate) struct State {
    /// By topic and partition.
    pub(crate) partitions: Vec<Partition>,
    /// The partitions that have records for the writer.
    pub(crate) dirty: Vec<usize>,
    /// What tasks committed, for the writer.
    pub(crate) commits: Vec<(TaskId, Arc<Overlay>)>,
    /// How many commits there were.
    pub(crate) commit_number: u64,
    /// Whether some task's progress is for the writer.
    pub(crate) has_progress: bool,
    /// The bytes that the writer has not taken.
    pub(crate) backlog_bytes: usize,
    /// The bytes that the writer has taken and not written.
    pub(crate) writing_bytes: usize,
    /// Every task of which something is known.
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) groups: BTreeMap<ServiceName, Group>,
    pub(crate) sessions: BTreeMap<u64, SessionState>,
    /// Appends whose records the writer has not taken.
    pub(crate) appends: Vec<oneshot::Sender<()>>,
    /// Whoever waits for the next durable commit.
    pub(crate) durable_waiters: Waiters,
    /// Trims that the writer is to do.
    pub(crate) trims: Vec<Trim>,
    /// The durable state as it was after the writer's last batch. The database may show half of a
    /// batch to a snapshot that is opened while one is written.
    pub(crate) snapshot: Snapshot,
    /// The append time of the next record.
    pub(crate) time: Timestamp,
    pub(crate) failure: Option<Box<str>>,
    pub(crate) stopping: bool,
    pub(crate) crash: bool,
}

/// A wish to remove records.
pub(crate) struct Trim {
    pub(crate) topic: Topic,
    pub(crate) partition: PartitionId,
    /// The first offset that is to stay.
    pub(crate) start: Offset,
    /// Dropped when it is done.
    pub(crate) _done: std::sync::mpsc::Sender<()>,
}

/// A task: how far it is.
pub(crate) struct Task {
    /// As its session committed it last.
    pub(crate) progress: Progress,
    /// As it is durable.
    pub(crate) durable: Progress,
    /// Whether the writer has not taken `progress`.
    pub(crate) is_dirty: bool,
    pub(crate) pending: Arc<Pending>,
}

/// What others have to know of a session.
#[derive(Default)]
pub(crate) struct SessionState {
    /// Wakes its `next`.
    pub(crate) waker: Option<Waker>,
    /// Whether it answers clients: it is woken at once when there is something to read, and the
    /// writer waits for it. Others are woken when that is durable, and are in nobody's way till then.
    pub(crate) answers: bool,
    /// Whether it has records to read, or has read some and not come back.
    pub(crate) is_behind: bool,
    /// What its group has to tell it.
    pub(crate) news: VecDeque<News>,
    /// Wakes its commit, which waits until less is to be written.
    pub(crate) blocked: Option<Waker>,
}

impl State {
    fn new(partitions: Vec<Partition>, time: Timestamp, snapshot: Snapshot) -> Self {
        Self {
            partitions,
            dirty: Vec::new(),
            commits: Vec::new(),
            commit_number: 0,
            has_progress: false,
            backlog_bytes: 0,
            writing_bytes: 0,
            tasks: BTreeMap::new(),
            groups: BTreeMap::new(),
            sessions: BTreeMap::new(),
            appends: Vec::new(),
            durable_waiters: Waiters::default(),
            trims: Vec::new(),
            snapshot,
            time,
            failure: None,
            stopping: false,
            crash: false,
        }
    }

    /// Appends one record to a partition, and says where. Nothing in it can fail.
    pub(crate) fn append(&mut self, record: Routed, wake: &mut Vec<Waker>) -> Offset {
        let Routed { index, key, payload, trace } = record;
        self.backlog_bytes += key.len() + payload.len();
        let entry = &mut self.partitions[index];
        if !entry.has_untaken() {
            self.dirty.push(index);
        }
        let offset = entry.append(self.time, (key, payload), trace);
        for reader in &entry.readers {
            if let Some(session) = self.sessions.get_mut(reader) {
                session.is_behind = true;
                if session.answers {
                    wake.extend(session.waker.take());
                }
            }
        }
        offset
    }

    /// The bytes that are not written.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.backlog_bytes + self.writing_bytes
    }

    /// Why nothing can be appended or committed any more, if that is so.
    pub(crate) fn refusal(&self) -> Option<Box<str>> {
        let closed = self.stopping.then(|| "the log is closed".into());
        self.failure.clone().or(closed)
    }

    /// Wakes everybody who waits for anything.
    pub(crate) fn wake_all(&mut self) -> Vec<Waker> {
        let mut wake = Vec::new();
        for session in self.sessions.values_mut() {
            wake.extend(session.waker.take());
            wake.extend(session.blocked.take());
        }
        for partition in &mut self.partitions {
            wake.extend(partition.waiting.take());
        }
        wake.extend(self.durable_waiters.take());
        self.appends.clear();
        self.trims.clear();
        wake
    }
}

impl Task {
    pub(crate) fn new(progress: Progress) -> Self {
        let durable = progress.clone();
        Self { progress, durable, is_dirty: false, pending: Arc::default() }
    }
}
