//! A service that counts, and what the tests do with it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use bytes::Bytes;
use tidelog_contract::memory::Memory;
use tidelog_core::{
    DatabaseId, Effects, Headers, Input, Layout, Message, Offset, PartitionId, Revision, Service,
    ServiceName, Spec, State, TableId, Timestamp, Topic, Wake,
    message::{Origin, SchemaChange, SchemaPatch, SchemaUpdate},
    port::{Append, AppendOutcome, Client, TaskId},
    state::Table,
};

use crate::{Settings, TaskState, Watch};

pub(super) const COUNTS: Table<DatabaseId, u64> = Table::new(TableId::Databases);

static SPEC: Spec = Spec {
    name: ServiceName::SchemaStorage,
    inputs: &[Topic::SchemaPatches],
    outputs: &[Topic::SchemaUpdates],
    tables: &[TableId::Databases],
};

/// Counts the requests to provision each database, and tells each count. It ignores requests to read.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) alarm: Alarm,
    /// How many timeouts it was given. A real service keeps nothing; this is for the tests.
    pub(super) rung: Cell<u32>,
}

/// When a [`Counter`] wants its timeout, and what it does then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Alarm {
    /// Never.
    #[default]
    Never,
    /// At a point in time, once. It counts it under `timeouts`.
    Once(Timestamp),
    /// From a point in time on, for ever, and does nothing.
    Idle(Timestamp),
    /// From a point in time on, as often as that. It counts each under `timeouts`.
    Often(Timestamp, u64),
}

impl Service for Counter {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let database = match input {
            Input::Record { message: Message::SchemaPatch(patch), source } => {
                assert!(now >= source.time, "task time is no less than the record's");
                match patch.change {
                    SchemaChange::Read
                    | SchemaChange::State { .. }
                    | SchemaChange::SwitchLearning { .. } => return,
                    SchemaChange::Provision => patch.database,
                }
            }
            Input::Record { message, .. } => panic!("not of the inputs: {message:?}"),
            Input::Timeout => {
                self.rung.set(self.rung.get() + 1);
                match self.alarm {
                    Alarm::Never => panic!("nobody asked for a timeout"),
                    Alarm::Idle(_) => return,
                    Alarm::Once(_) | Alarm::Often(..) => database("timeouts"),
                }
            }
        };
        let count = state.get(&COUNTS, &database).unwrap_or(0) + 1;
        state.put(&COUNTS, &database, &count);
        effects.send(&Message::SchemaUpdate(SchemaUpdate {
            database,
            revision: Revision(count),
            created: Timestamp::ZERO,
            request: origin().name,
            time: now,
        }));
    }

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        let given = state.get(&COUNTS, &database("timeouts")).unwrap_or(0);
        let at = match self.alarm {
            Alarm::Idle(at) => Some(at),
            Alarm::Once(at) => (given < 1).then_some(at),
            Alarm::Often(at, times) => (given < times).then_some(at),
            Alarm::Never => None,
        };
        at.map(|at| Wake { at, reason: "a test" })
    }
}

/// Remembers what became of the tasks.
#[derive(Debug, Default)]
pub(super) struct Diary(pub(super) RefCell<Vec<(u32, TaskState)>>);

impl Watch for Diary {
    fn task(&self, task: TaskId, state: TaskState) {
        self.0.borrow_mut().push((task.partition.0, state));
    }
}

impl Diary {
    /// What became of one task.
    pub(super) fn of(&self, partition: u32) -> Vec<TaskState> {
        let entries = self.0.borrow();
        entries.iter().filter(|(of, _)| *of == partition).map(|(_, state)| state.clone()).collect()
    }
}

pub(super) fn memory(partitions: u32) -> Memory {
    Memory::new(Layout::new(partitions).expect("a layout for a test"))
}

pub(super) fn task(partition: u32) -> TaskId {
    TaskId { service: SPEC.name, partition: PartitionId(partition) }
}

/// Runs a [`Counter`] until the script ends, which must go well.
pub(super) fn run(memory: &Memory, settings: &Settings, script: impl Future<Output = ()>) {
    let service = Counter::default();
    memory.block_on(crate::run(memory, &service, settings, script)).expect("a good run");
}

pub(super) fn database(name: &str) -> DatabaseId {
    name.parse().expect("a database")
}

/// A request that counts.
pub(super) fn counts(partition: u32, name: &str) -> Append {
    request(partition, name, SchemaChange::Provision)
}

/// A request that is ignored.
pub(super) fn ignored(partition: u32) -> Append {
    request(partition, "ignored", SchemaChange::Read)
}

/// A request of any bytes.
pub(super) fn raw(partition: u32, payload: &[u8]) -> Append {
    Append {
        topic: Topic::SchemaPatches,
        partition: PartitionId(partition),
        key: Bytes::from_static(b"raw"),
        payload: Bytes::copy_from_slice(payload),
        headers: Headers::default(),
    }
}

fn request(partition: u32, name: &str, change: SchemaChange) -> Append {
    let patch = SchemaPatch { origin: origin(), database: database(name), change };
    raw(partition, &Message::SchemaPatch(patch).encode())
}

fn origin() -> Origin {
    let request: tidelog_core::RequestId = "app:0:1:0".parse().expect("a request");
    let (first_incomplete, first_sent) = (1, request.first_sent);
    Origin { name: request.name, first_incomplete, first_sent, user: None, device: None }
}

/// Appends records, and says where they are.
pub(super) async fn append(
    memory: &Memory,
    records: impl IntoIterator<Item = Append>,
) -> Vec<Offset> {
    let outcomes = memory.append(records.into_iter().collect()).await.into_iter();
    let offset = |outcome| match outcome {
        AppendOutcome::Appended(offset) => offset,
        other => panic!("an append ended with {other:?}"),
    };
    outcomes.map(offset).collect()
}

/// Waits until something holds. Every wait has an end.
pub(super) async fn until(memory: &Memory, what: &str, holds: impl Fn(&Memory) -> bool) {
    let deadline = memory.time().plus(Duration::from_secs(600));
    while !holds(memory) {
        assert!(memory.time() < deadline, "in vain waited until {what}");
        memory.sleep_until(memory.time().plus(Duration::from_millis(1))).await;
    }
}

/// Waits until every task has committed that it has read its input.
pub(super) async fn until_read(memory: &Memory) {
    until(memory, "everything is read", |memory| {
        memory.layout().all().all(|partition| {
            let records = memory.records(Topic::SchemaPatches, partition);
            let end = records.last().map_or(Offset(0), |last| last.offset.next());
            let position = memory.positions(task(partition.0)).get(&Topic::SchemaPatches).copied();
            position.unwrap_or_default() >= end
        })
    })
    .await;
}

/// What is counted, over all tasks.
pub(super) fn counted(memory: &Memory) -> BTreeMap<(u32, String), u64> {
    let rows = memory.layout().all().flat_map(|partition| {
        memory.rows(task(partition.0)).into_iter().map(move |((_, key), value)| {
            let name = String::from_utf8(key.to_vec()).expect("a database");
            let count = tidelog_core::message::decode_row(&value).expect("a count");
            ((partition.0, name), count)
        })
    });
    rows.collect()
}

/// The counts that were told of each database, in the order of the log.
pub(super) fn told(memory: &Memory) -> BTreeMap<String, Vec<u64>> {
    let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for partition in memory.layout().all() {
        for record in memory.records(Topic::SchemaUpdates, partition) {
            let message = Message::decode(Topic::SchemaUpdates, &record.payload);
            let Ok(Message::SchemaUpdate(update)) = message else { panic!("{message:?}") };
            told.entry(update.database.to_string()).or_default().push(update.revision.0);
        }
    }
    told
}

/// How many records each commit told.
pub(super) fn sends_of_commits(memory: &Memory) -> Vec<usize> {
    let sends =
        |tasks: &[tidelog_core::port::TaskCommit]| tasks.iter().map(|task| task.sends.len()).sum();
    memory.commits().iter().map(|commit| sends(&commit.tasks)).collect()
}

/// The numbers from 1 to a count.
pub(super) fn up_to(count: u64) -> Vec<u64> {
    (1..=count).collect()
}
