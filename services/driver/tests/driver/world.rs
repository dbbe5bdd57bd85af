//! A log in memory, and services that answer what is in it, with a virtual clock.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};

use bytes::Bytes;
use tidelog_driver::core::{
    DatabaseId, Headers, Layout, Message, PartitionId, RequestName, Revision, Timestamp, Topic,
    message::Origin,
    port::{Append, AppendOutcome, Client, ClientError, Record},
    topic::Offset,
};

/// Everything outside of the driver.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) now: u64,
    log: BTreeMap<(Topic, PartitionId), Vec<Record>>,
    /// How much retention has taken away.
    starts: BTreeMap<(Topic, PartitionId), Offset>,
    sleepers: Vec<(u64, Waker)>,
    readers: Vec<Waker>,
    /// How long it takes until it is said what became of an append.
    pub(crate) append_takes: u64,
    /// Every record that was appended, or tried to be.
    pub(crate) appends: Vec<Append>,
    /// How many records each append had.
    pub(crate) append_sizes: Vec<usize>,
    /// What becomes of the next appends; after that, all go well.
    pub(crate) fates: VecDeque<Fate>,
    /// What becomes of the next reads and bounds.
    pub(crate) read_errors: VecDeque<ClientError>,
    /// Whether the services stand still.
    pub(crate) is_standing_still: bool,
    /// Parts of batches that get no answer.
    pub(crate) missing_parts: BTreeSet<usize>,
    pub(crate) unserved: VecDeque<(Append, Offset)>,
    pub(crate) completions: BTreeMap<RequestName, Revision>,
    /// How many changes were made.
    pub(crate) changes: u64,
    pub(crate) databases: BTreeSet<DatabaseId>,
}

/// What becomes of a record that is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Rejected,
    /// Nobody knows, and it is not there.
    Lost,
    /// Nobody knows, but it is there.
    Unconfirmed,
}

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: 1_000_000,
            log: BTreeMap::new(),
            starts: BTreeMap::new(),
            sleepers: Vec::new(),
            readers: Vec::new(),
            append_takes: 0,
            appends: Vec::new(),
            append_sizes: Vec::new(),
            fates: VecDeque::new(),
            read_errors: VecDeque::new(),
            is_standing_still: false,
            missing_parts: BTreeSet::new(),
            unserved: VecDeque::new(),
            completions: BTreeMap::new(),
            changes: 0,
            databases: BTreeSet::new(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test has panicked with the lock")
    }

    pub(crate) fn millis(&self) -> u64 {
        self.state().now
    }

    /// When somebody wants to be woken next.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        let state = self.state();
        state.sleepers.iter().map(|(at, _)| *at).filter(|at| *at > state.now).min()
    }

    pub(crate) fn set_clock(&self, to: u64) {
        let mut state = self.state();
        state.now = to;
        let (due, rest) = state.sleepers.drain(..).partition(|(at, _)| *at <= to);
        state.sleepers = rest;
        let due: Vec<(u64, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Lets the services go on with what they have not read yet.
    pub(crate) fn go_on(&self) {
        let mut state = self.state();
        state.is_standing_still = false;
        state.serve();
    }

    /// Appends what no service has written.
    pub(crate) fn append_raw(&self, topic: Topic, key: &str, payload: Bytes) {
        let partition = layout().partition(key);
        let key = Bytes::copy_from_slice(key.as_bytes());
        let mut state = self.state();
        state.append(&Append { topic, partition, key, payload, headers: Headers::default() });
        state.wake_readers();
    }

    /// Takes away what a partition holds, before anybody can read it.
    pub(crate) fn forget(&self, topic: Topic, partition: PartitionId) {
        let mut state = self.state();
        let end = state.log.get(&(topic, partition)).map_or(0, Vec::len);
        state.starts.insert((topic, partition), Offset(end as u64));
    }

    /// The origins of all requests that were appended, in their order.
    pub(crate) fn origins(&self) -> Vec<Origin> {
        self.state().appends.iter().map(origin).collect()
    }
}

impl State {
    pub(crate) fn wake_readers(&mut self) {
        self.readers.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn append(&mut self, append: &Append) -> Offset {
        let records = self.log.entry((append.topic, append.partition)).or_default();
        let offset = Offset(records.len() as u64);
        let time = Timestamp::from_millis(self.now);
        let (key, payload) = (append.key.clone(), append.payload.clone());
        records.push(Record { offset, time, key, payload, trace: None });
        offset
    }

    fn take(&mut self, append: Append) -> AppendOutcome {
        self.appends.push(append.clone());
        let fate = self.fates.pop_front();
        match fate {
            Some(Fate::Rejected) => return AppendOutcome::Rejected("the disk is full".into()),
            Some(Fate::Lost) => return AppendOutcome::Unknown("no reply".into()),
            Some(Fate::Unconfirmed) | None => {}
        }
        let offset = self.append(&append);
        self.unserved.push_back((append, offset));
        self.serve();
        match fate {
            Some(_) => AppendOutcome::Unknown("no reply".into()),
            None => AppendOutcome::Appended(offset),
        }
    }
}

impl Client for World {
    fn layout(&self) -> Layout {
        layout()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send {
        let at = at.as_millis();
        poll_fn(move |context| {
            let mut state = self.state();
            if state.now >= at {
                return Poll::Ready(());
            }
            state.sleepers.push((at, context.waker().clone()));
            Poll::Pending
        })
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let mut state = self.state();
        state.append_sizes.push(records.len());
        let outcomes: Vec<_> = records.into_iter().map(|record| state.take(record)).collect();
        let (world, at) = (self.clone(), Timestamp::from_millis(state.now + state.append_takes));
        async move {
            world.sleep_until(at).await;
            outcomes
        }
    }

    fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, ClientError>> + Send {
        poll_fn(move |context| {
            let mut state = self.state();
            if let Some(error) = state.read_errors.pop_front() {
                return Poll::Ready(Err(error));
            }
            let start = state.starts.get(&(topic, partition)).copied().unwrap_or_default();
            if from < start {
                return Poll::Ready(Err(ClientError::Gone { topic, partition, from, start }));
            }
            let records = state.log.get(&(topic, partition)).map_or(&[][..], |records| {
                records.get(usize::try_from(from.0).expect("small")..).unwrap_or_default()
            });
            let is_late = state.now >= until.as_millis();
            if !records.is_empty() || is_late {
                return Poll::Ready(Ok(records.iter().take(READ_MAX).cloned().collect()));
            }
            state.sleepers.push((until.as_millis(), context.waker().clone()));
            state.readers.push(context.waker().clone());
            Poll::Pending
        })
    }

    fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> impl Future<Output = Result<(Offset, Offset), ClientError>> + Send {
        let mut state = self.state();
        let bounds = match state.read_errors.pop_front() {
            Some(error) => Err(error),
            None => {
                let records = state.log.get(&(topic, partition));
                Ok((Offset(0), Offset(records.map_or(0, |records| records.len() as u64))))
            }
        };
        std::future::ready(bounds)
    }
}

pub(crate) fn layout() -> Layout {
    Layout::new(4).expect("four partitions")
}

/// Who has sent a record.
pub(crate) fn origin(append: &Append) -> Origin {
    match Message::decode(append.topic, &append.payload).expect("drivers write what can be read") {
        Message::EntityPatch(patch) => patch.origin,
        Message::EntityBatch(batch) => batch.origin,
        Message::SchemaPatch(patch) => patch.origin,
        other => panic!("no driver writes {other:?}"),
    }
}

const READ_MAX: usize = 100;
