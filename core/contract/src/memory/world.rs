//! Everything that there is: partitions, groups, tables, and the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Destination, Layout, Offset, Outgoing, PartitionId, ServiceName, TableId, Timestamp, Topic,
    TraceContext,
    port::{Record, TaskCommit, TaskId},
};

use super::{control::Controls, flaw::Flaw, group::Group};

#[derive(Debug)]
pub(super) struct World {
    pub(super) layout: Layout,
    pub(super) now: Timestamp,
    pub(super) groups: BTreeMap<ServiceName, Group>,
    pub(super) stored: BTreeMap<TaskId, Stored>,
    pub(super) controls: Controls,
    flaw: Option<Flaw>,
    logs: BTreeMap<(Topic, PartitionId), Log>,
    timers: BTreeSet<Timestamp>,
    wakers: Vec<Waker>,
}

/// The rows of a task.
pub(super) type Rows = BTreeMap<(TableId, Bytes), Bytes>;

/// A task as it was committed last.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) rows: Rows,
    pub(super) positions: BTreeMap<Topic, Offset>,
    pub(super) task_time: Timestamp,
    /// The rows before the last commit, for a flaw.
    pub(super) rows_before: Rows,
}

/// A partition of a topic.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) start: Offset,
    pub(super) end: Offset,
    pub(super) records: Vec<Record>,
    next: Offset,
}

impl World {
    pub(super) fn new(layout: Layout, flaw: Option<Flaw>) -> Self {
        Self {
            layout,
            now: Timestamp::from_millis(1_764_000_000_000),
            groups: BTreeMap::new(),
            stored: BTreeMap::new(),
            controls: Controls::default(),
            flaw,
            logs: BTreeMap::new(),
            timers: BTreeSet::new(),
            wakers: Vec::new(),
        }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn log(&mut self, topic: Topic, partition: PartitionId) -> &mut Log {
        assert!(partition.0 < self.layout.partitions(), "{topic} has no partition {partition}");
        self.logs.entry((topic, partition)).or_default()
    }

    pub(super) fn group(&mut self, service: ServiceName) -> &mut Group {
        self.groups.entry(service).or_insert_with(|| Group::new(self.layout))
    }

    pub(super) fn append(
        &mut self,
        (topic, partition): (Topic, PartitionId),
        key: Bytes,
        payload: Bytes,
        trace: Option<TraceContext>,
    ) -> Offset {
        let trace = trace.filter(|_| !self.has(Flaw::LosesTraces));
        let jitter = self.has(Flaw::LetsAppendTimeGoBack);
        let now = self.now;
        let log = self.log(topic, partition);
        let back = if jitter && log.next.0 % 2 == 1 { 5 } else { 0 };
        let time = now.minus(Duration::from_millis(back));
        log.append(Record { offset: log.next, time, key, payload, trace })
    }

    /// Makes a commit real.
    pub(super) fn apply(&mut self, service: ServiceName, tasks: &[TaskCommit]) {
        let count = if self.has(Flaw::CommitsTheFirstTaskAlone) { 1 } else { tasks.len() };
        for task in &tasks[..count] {
            self.store(TaskId { service, partition: task.partition }, task);
        }
        self.send(tasks.iter().flat_map(|task| &task.sends));
        self.wake();
    }

    /// Appends what a commit sends, and leaves a gap in each partition that it touched.
    pub(super) fn send<'a>(&mut self, sends: impl Iterator<Item = &'a Outgoing>) {
        let mut sends: Vec<_> = sends.collect();
        if self.has(Flaw::SendsBackwards) {
            sends.reverse();
        }
        let mut touched = BTreeSet::new();
        for send in sends {
            let first_alone = self.has(Flaw::SendsEveryToTheFirst);
            let partitions: Vec<_> = match send.destination {
                Destination::Partition(partition) => vec![partition],
                Destination::Every if first_alone => vec![PartitionId(0)],
                Destination::Every => self.layout.all().collect(),
            };
            for partition in partitions {
                touched.insert((send.topic, partition));
                let (key, payload) = (send.key.clone(), send.payload.clone());
                self.append((send.topic, partition), key, payload, send.headers.trace);
            }
        }
        let counted = self.has(Flaw::CountsGapsAsRecords);
        for (topic, partition) in touched {
            let log = self.log(topic, partition);
            log.next = log.next.next();
            if counted {
                log.end = log.next;
            }
        }
        self.wake();
    }

    /// Lets the clock go on to the next point in time that somebody waits for.
    pub(super) fn leap(&mut self) -> bool {
        let Some(at) = self.timers.pop_first() else { return false };
        self.now = self.now.max(at);
        self.wake();
        true
    }

    /// Has `waker` woken by the next thing that happens, or at that time.
    pub(super) fn wait(&mut self, waker: &Waker, until: Option<Timestamp>) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
        self.timers.extend(until);
    }

    /// Tells everybody that something happened.
    pub(super) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    pub(super) fn evict(&mut self, service: ServiceName) {
        self.group(service).evict();
        self.wake();
    }

    /// Forgets what a new process does not know.
    pub(super) fn reopen(&mut self) {
        self.groups.clear();
        self.timers.clear();
        self.wakers.clear();
        if self.has(Flaw::LosesTheLastRecord) {
            self.logs.values_mut().for_each(|log| {
                log.records.pop();
            });
        }
        if self.has(Flaw::LosesPositions) {
            self.stored.values_mut().for_each(|stored| stored.positions.clear());
        }
    }

    fn store(&mut self, id: TaskId, task: &TaskCommit) {
        let forgets = self.has(Flaw::ForgetsPositionsWithoutRows) && task.rows.is_empty();
        let timeless = self.has(Flaw::ForgetsTaskTime);
        let keeps = self.has(Flaw::KeepsRemovedRows);
        let late = self.has(Flaw::AnswersLate);
        let mixed = self.has(Flaw::MixesTables);
        let stored = self.stored.entry(id).or_default();
        if late {
            stored.rows_before = stored.rows.clone();
        }
        for (table, key, value) in task.rows.iter() {
            let row = (if mixed { TableId::Entities } else { table }, key.clone());
            match value {
                Some(value) => drop(stored.rows.insert(row, value.clone())),
                None if keeps => {}
                None => drop(stored.rows.remove(&row)),
            }
        }
        if !forgets {
            stored.positions.extend(task.positions.iter().copied());
        }
        if !timeless {
            stored.task_time = task.task_time;
        }
    }
}

impl Log {
    fn append(&mut self, record: Record) -> Offset {
        let offset = record.offset;
        self.next = offset.next();
        self.end = self.next;
        self.records.push(record);
        offset
    }

    /// At most `limit` records from an offset on.
    pub(super) fn read(&self, from: Offset, limit: usize) -> Vec<Record> {
        let first = self.records.partition_point(|record| record.offset < from);
        self.records[first..].iter().take(limit).cloned().collect()
    }

    pub(super) fn trim(&mut self, start: Offset) {
        self.start = self.start.max(start.min(self.next));
        self.end = self.end.max(self.start);
        self.records.retain(|record| record.offset >= self.start);
    }
}
