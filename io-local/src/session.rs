//! The side of the services.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_timer::Delay;
use tidelog_core::{
    Layout, Offset, PartitionId, Spec, Timestamp, Topic,
    port::{
        Commit, CommitOutcome, Event, Records, Restored, Session, SessionError, TaskCommit, TaskId,
        Transport, Wait,
    },
};

use crate::{
    commit::Prepared,
    database::{Place, Progress},
    group::{Group, News},
    log::{SessionState, Shared, State, Task},
    partition::Partition,
    tables::LocalTables,
};

/// Records that one event gives.
const RECORDS_MAX: usize = 1_000;

/// Bytes of records that one event gives; one record may be larger.
const BYTES_MAX: usize = 1024 * 1024;

/// Joins services to the embedded log.
#[derive(Clone)]
pub struct LocalTransport {
    shared: Arc<Shared>,
}

impl LocalTransport {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Transport for LocalTransport {
    type Session = LocalSession;

    async fn join(&self, spec: &'static Spec) -> Result<LocalSession, SessionError> {
        let number = self.shared.session_number();
        let mut wake = Vec::new();
        let mut state = self.shared.lock();
        if let Some(reason) = state.refusal() {
            return Err(SessionError::Fatal(reason));
        }
        let answers = spec.outputs.contains(&Topic::PartialResponses);
        state.sessions.insert(number, SessionState { answers, ..SessionState::default() });
        let partitions = self.shared.settings.layout.partitions();
        let group = state.groups.entry(spec.name).or_insert_with(|| Group::new(partitions));
        let news = group.join(number);
        state.tell(news, &mut wake);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        let shared = Arc::clone(&self.shared);
        Ok(LocalSession {
            shared,
            spec,
            number,
            readers: BTreeMap::new(),
            last: None,
            outcome: None,
        })
    }

    async fn pause(&self, length: Duration) {
        Delay::new(length).await;
    }
}

/// A member of a service's group.
pub struct LocalSession {
    shared: Arc<Shared>,
    spec: &'static Spec,
    number: u64,
    /// The partitions that have been restored.
    readers: BTreeMap<PartitionId, Reader>,
    /// The input that was read last, so that all get their turn.
    last: Option<(PartitionId, Topic)>,
    /// The outcome of the commit that was begun last, until it is told.
    outcome: Option<CommitOutcome>,
}

/// How far a partition's inputs have been read.
struct Reader {
    positions: Vec<(Topic, Offset)>,
    is_parked: bool,
}

impl LocalSession {
    fn task(&self, partition: PartitionId) -> TaskId {
        TaskId { service: self.spec.name, partition }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        wait: Wait,
        timer: &mut Option<Delay>,
    ) -> Poll<Result<Event, SessionError>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if let Some(reason) = state.refusal() {
            return Poll::Ready(Err(SessionError::Fatal(reason)));
        }
        if self.outcome.is_some() {
            // A commit is told once there is room for the next one.
            if state.unwritten_bytes() <= shared.settings.backlog_bytes_max {
                return Poll::Ready(Ok(Event::Committed(
                    self.outcome.take().expect("it is there"),
                )));
            }
            self.register(&mut state).blocked = Some(cx.waker().clone());
            if wait == Wait::Commit {
                return Poll::Pending;
            }
        }
        while let Some(news) = self.register(&mut state).news.pop_front() {
            if let Some(event) = self.event(&mut state, news) {
                return Poll::Ready(Ok(event));
            }
        }
        if !state.groups.get(&self.spec.name).is_some_and(|group| group.has(self.number)) {
            let why = "all partitions were taken away from it, as it had not been heard of";
            return Poll::Ready(Err(SessionError::Lost(why.into())));
        }
        assert!(wait != Wait::Commit, "no commit is under way");
        if let Some(choice) = self.choose(&state) {
            return Poll::Ready(self.read(state, choice));
        }
        let now = shared.settings.clock.now();
        let is_over = match wait {
            Wait::No => true,
            Wait::Until(at) => now >= at || poll_timer(timer, at, now, cx).is_ready(),
            Wait::Forever | Wait::Commit => false,
        };
        if is_over {
            return Poll::Ready(Ok(Event::Idle));
        }
        let session = self.register(&mut state);
        session.waker = Some(cx.waker().clone());
        if std::mem::take(&mut session.is_behind) && session.answers {
            drop(state);
            shared.work.notify_one();
        }
        Poll::Pending
    }

    fn register<'a>(&self, state: &'a mut State) -> &'a mut SessionState {
        state.sessions.entry(self.number).or_default()
    }

    /// What the group's news means to the runner; nothing if it has been overtaken.
    fn event(&mut self, state: &mut State, news: News) -> Option<Event> {
        match news {
            News::Assigned(partition) => {
                self.owns(state, partition).then_some(Event::Assigned(partition))
            }
            News::Revoked(partition) => {
                self.owns(state, partition).then_some(Event::Revoked(partition))
            }
            News::Lost(partition) => {
                self.forget(state, partition);
                Some(Event::Lost(partition))
            }
        }
    }

    fn owns(&self, state: &State, partition: PartitionId) -> bool {
        let group = state.groups.get(&self.spec.name);
        group.is_some_and(|group| group.owns(self.number, partition))
    }

    /// The next input that has something to read, after the one that was read last.
    fn choose(&self, state: &State) -> Option<(PartitionId, Topic, Offset)> {
        let inputs = |after: bool| {
            let open = self.readers.iter().filter(|(_, reader)| !reader.is_parked);
            open.flat_map(|(id, reader)| {
                reader.positions.iter().map(move |(topic, position)| (*id, *topic, *position))
            })
            .filter(move |(id, topic, _)| (Some((*id, *topic)) > self.last) == after)
        };
        inputs(true).chain(inputs(false)).find(|(id, topic, position)| {
            *position < state.partitions[self.shared.index(*topic, *id)].next()
        })
    }

    fn read(
        &mut self,
        state: std::sync::MutexGuard<'_, State>,
        (id, topic, position): (PartitionId, Topic, Offset),
    ) -> Result<Event, SessionError> {
        let partition = &state.partitions[self.shared.index(topic, id)];
        if position < partition.start {
            let start = partition.start;
            self.reader(id).is_parked = true;
            return Ok(Event::InputLost { partition: id, topic, position, start });
        }
        let records = match partition.read(position, partition.next(), RECORDS_MAX, BYTES_MAX) {
            Some(records) => records,
            None => {
                let place = place(partition, (topic, id), position);
                drop(state);
                self.shared
                    .store
                    .read(&place, RECORDS_MAX, BYTES_MAX)
                    .map_err(|error| SessionError::Fatal(error.into()))?
            }
        };
        let Some(last) = records.last() else {
            let state = self.shared.lock();
            let start = state.partitions[self.shared.index(topic, id)].start;
            drop(state);
            if position < start {
                self.reader(id).is_parked = true;
                return Ok(Event::InputLost { partition: id, topic, position, start });
            }
            let gone = format!("{topic}/{id} has no records from {position} on, as it should");
            return Err(SessionError::Fatal(gone.into()));
        };
        let next = last.offset.next();
        self.last = Some((id, topic));
        for (input, position) in &mut self.reader(id).positions {
            if *input == topic {
                *position = next;
            }
        }
        Ok(Event::Records(Records { topic, partition: id, records }))
    }

    fn reader(&mut self, partition: PartitionId) -> &mut Reader {
        self.readers.get_mut(&partition).expect("what is read has been restored")
    }

    /// Makes a commit part of the journal, or says why not. Other tasks see it at once, in memory, so
    /// whatever can be wrong with it shows before any of it is done.
    fn enqueue(&self, commit: Commit) -> Result<(), Box<str>> {
        let shared = &*self.shared;
        let prepared: Vec<_> = commit.tasks.into_iter().map(|done| self.prepare(done)).collect();
        let mut wake = Vec::new();
        let mut state = shared.lock();
        if let Some(reason) = state.refusal() {
            return Err(reason);
        }
        let group = state.groups.get(&self.spec.name).expect("a session has a group");
        for done in &prepared {
            if !group.owns(self.number, done.id.partition) {
                return Err(format!("{} has gone to another owner", done.id).into());
            }
            assert!(state.tasks.contains_key(&done.id), "{} commits and was not restored", done.id);
        }
        shared.tick(&mut state);
        state.commit(prepared, &mut wake);
        if self.choose(&state).is_none() {
            // The writer need not wait until this comes back to find that out.
            self.register(&mut state).is_behind = false;
        }
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        shared.work.notify_one();
        Ok(())
    }

    /// Finds out where everything goes that a task did.
    fn prepare(&self, done: TaskCommit) -> Prepared {
        Prepared {
            id: self.task(done.partition),
            progress: Progress { positions: done.positions, task_time: done.task_time },
            rows: done.rows,
            sends: self.shared.route(done.sends),
        }
    }

    /// Stops reading a partition.
    fn forget(&mut self, state: &mut State, partition: PartitionId) {
        self.readers.remove(&partition);
        for topic in self.spec.inputs {
            let index = self.shared.index(*topic, partition);
            state.partitions[index].readers.retain(|reader| *reader != self.number);
        }
    }
}

impl Session for LocalSession {
    type Tables = LocalTables;

    fn layout(&self) -> Layout {
        self.shared.settings.layout
    }

    fn now(&self) -> Timestamp {
        self.shared.settings.clock.now()
    }

    async fn next(&mut self, wait: Wait) -> Result<Event, SessionError> {
        let mut timer = None;
        poll_fn(|cx| self.poll_next(cx, wait, &mut timer)).await
    }

    async fn restore(
        &mut self,
        partition: PartitionId,
    ) -> Result<Restored<LocalTables>, SessionError> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if let Some(reason) = state.refusal() {
            return Err(SessionError::Fatal(reason));
        }
        self.forget(&mut state, partition);
        let id = self.task(partition);
        if !self.owns(&state, partition) {
            return Err(SessionError::Lost(format!("{id} has gone to another owner").into()));
        }
        let task = state.tasks.entry(id).or_insert_with(|| Task::new(Progress::default()));
        // An input that the task has never read is read from its very beginning, and the task is
        // told if that is gone.
        let committed = |topic: Topic| {
            let found = task.progress.positions.iter().find(|(input, _)| *input == topic);
            found.copied().unwrap_or((topic, Offset(0)))
        };
        let positions: Vec<_> = self.spec.inputs.iter().map(|topic| committed(*topic)).collect();
        // Retention waits for whoever is there, also for a task that has never committed.
        for (topic, position) in &positions {
            if !task.durable.positions.iter().any(|(input, _)| input == topic) {
                task.durable.positions.push((*topic, *position));
            }
        }
        let task_time = task.progress.task_time;
        let tables = LocalTables::new(id, shared.store.rows.clone(), Arc::clone(&task.pending));
        for topic in self.spec.inputs {
            let index = shared.index(*topic, partition);
            state.partitions[index].readers.push(self.number);
        }
        self.register(&mut state).is_behind = true;
        let reader = Reader { positions: positions.clone(), is_parked: false };
        self.readers.insert(partition, reader);
        Ok(Restored { tables, positions, task_time })
    }

    async fn ends(&mut self, partition: PartitionId) -> Result<Vec<(Topic, Offset)>, SessionError> {
        let state = self.shared.lock();
        let end =
            |topic: &Topic| (*topic, state.partitions[self.shared.index(*topic, partition)].next());
        Ok(self.spec.inputs.iter().map(end).collect())
    }

    fn begin_commit(&mut self, commit: Commit) {
        assert!(self.outcome.is_none(), "a commit is under way");
        self.outcome = Some(match self.enqueue(commit) {
            Ok(()) => CommitOutcome::Committed,
            Err(reason) => CommitOutcome::Rejected(reason),
        });
    }

    fn release(&mut self, partition: PartitionId) {
        let shared = Arc::clone(&self.shared);
        let mut wake = Vec::new();
        let mut state = shared.lock();
        self.forget(&mut state, partition);
        let group = state.groups.get_mut(&self.spec.name).expect("a session has a group");
        let news = group.release(self.number, partition);
        state.tell(news, &mut wake);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }

    fn park(&mut self, partition: PartitionId) {
        if let Some(reader) = self.readers.get_mut(&partition) {
            reader.is_parked = true;
        }
    }
}

impl Drop for LocalSession {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut wake = Vec::new();
        let mut state = shared.lock();
        let partitions: Vec<_> = self.readers.keys().copied().collect();
        for partition in partitions {
            self.forget(&mut state, partition);
        }
        state.sessions.remove(&self.number);
        if let Some(group) = state.groups.get_mut(&self.spec.name) {
            let news = group.leave(self.number);
            state.tell(news, &mut wake);
        }
        drop(state);
        // The writer may have waited for this session.
        shared.work.notify_one();
        wake.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// Tells members what their group has for them.
    pub(crate) fn tell(&mut self, news: Vec<(u64, News)>, wake: &mut Vec<Waker>) {
        for (session, news) in news {
            if let Some(session) = self.sessions.get_mut(&session) {
                session.news.push_back(news);
                wake.extend(session.waker.take());
            }
        }
    }
}

/// Where the durable records of a partition from `from` on are to be read from.
pub(crate) fn place(
    partition: &Partition,
    (topic, id): (Topic, PartitionId),
    from: Offset,
) -> Place {
    let segments = partition.segments_from(from);
    Place { topic, partition: id, segments, from, end: partition.durable() }
}

/// Polls the timer of a wait, which is made when it is first needed.
pub(crate) fn poll_timer(
    timer: &mut Option<Delay>,
    at: Timestamp,
    now: Timestamp,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Delay::new(at.since(now)));
    Pin::new(timer).poll(cx)
}
