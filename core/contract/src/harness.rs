//! What the laws have in common: a member that checks everything that it is given.

mod records;

pub(crate) use records::{
    append, count, number, payloads, read_from, record, rows, scan, send, texts,
};

use std::{cell::Cell, collections::BTreeMap, sync::Arc, time::Duration};

use tidelog_core::{
    Layout, Offset, Outgoing, Overlay, PartitionId, ServiceName, Spec, TableId, Tables, Timestamp,
    Topic,
    port::{
        Commit, CommitOutcome, Event, Record, Restored, Session, SessionError, TaskCommit,
        Transport, Wait,
    },
};

/// How long a law waits for what must come, by the backend's clock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a law waits before it looks whether something else has happened.
pub(crate) const GLANCE: Duration = Duration::from_millis(20);

/// The topics that [`SORTER`] reads.
pub(crate) const INPUTS: [Topic; 2] = [Topic::EntityBatches, Topic::SchemaPatches];

/// The topics that it writes.
pub(crate) const OUTPUTS: [Topic; 2] = [Topic::EntityPatches, Topic::PartialResponses];

/// A service with two of everything.
pub(crate) static SORTER: Spec = Spec {
    name: ServiceName::EntityBatch,
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    tables: &[TableId::Entities, TableId::Zones],
};

/// A service that reads what [`SORTER`] writes.
pub(crate) static FOLLOWER: Spec = Spec {
    name: ServiceName::EntityStorage,
    inputs: &[Topic::EntityPatches],
    outputs: &[Topic::EntityUpdates],
    tables: &[TableId::Entities],
};

pub(crate) fn layout(partitions: u32) -> Layout {
    Layout::new(partitions).expect("a layout for a test")
}

/// A member of a group that holds the backend to the laws at every step.
pub(crate) struct Member<X: Session> {
    pub(crate) session: X,
    pub(crate) tasks: BTreeMap<PartitionId, Task<X::Tables>>,
    spec: &'static Spec,
}

/// A task of a [`Member`], and what it has read and not worked off.
pub(crate) struct Task<T> {
    pub(crate) tables: T,
    pub(crate) positions: BTreeMap<Topic, Offset>,
    pub(crate) task_time: Timestamp,
    pub(crate) seen: Vec<(Topic, Record)>,
    times: BTreeMap<Topic, Timestamp>,
}

/// What a step of a [`Member`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Idle,
    Restored(PartitionId),
    Revoked(PartitionId),
    Lost(PartitionId),
    Read(PartitionId),
    Outcome(CommitOutcome),
    InputLost { topic: Topic, position: Offset, start: Offset },
}

impl<X: Session> Member<X> {
    pub(crate) async fn join<T: Transport<Session = X>>(
        transport: &T,
        spec: &'static Spec,
    ) -> Self {
        let session = transport.join(spec).await.expect("joining a log that is there");
        Self { session, tasks: BTreeMap::new(), spec }
    }

    /// Joins, and waits until all partitions are there.
    pub(crate) async fn join_all<T: Transport<Session = X>>(
        transport: &T,
        spec: &'static Spec,
    ) -> Self {
        let mut member = Self::join(transport, spec).await;
        let partitions = member.session.layout().partitions() as usize;
        member.own(partitions).await;
        member
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.session.now().plus(PATIENCE)
    }

    /// Takes the next event. What is assigned is restored, what is read is checked and kept.
    pub(crate) async fn step(&mut self, wait: Wait) -> Result<Step, SessionError> {
        match self.session.next(wait).await? {
            Event::Idle => Ok(Step::Idle),
            Event::Assigned(partition) => {
                assert!(!self.tasks.contains_key(&partition), "{partition} was assigned twice");
                self.restore(partition).await?;
                Ok(Step::Restored(partition))
            }
            Event::Revoked(partition) => Ok(Step::Revoked(partition)),
            Event::Lost(partition) => {
                self.tasks.remove(&partition);
                Ok(Step::Lost(partition))
            }
            Event::Records(batch) => {
                assert!(!batch.records.is_empty(), "a batch has at least one record");
                let task = self.tasks.get_mut(&batch.partition);
                let task = task.expect("records of a partition that was assigned and restored");
                batch.records.into_iter().for_each(|record| task.take(batch.topic, record));
                Ok(Step::Read(batch.partition))
            }
            Event::Committed(outcome) => Ok(Step::Outcome(outcome)),
            Event::InputLost { topic, position, start, .. } => {
                Ok(Step::InputLost { topic, position, start })
            }
        }
    }

    /// Takes events until `done` holds, which it must before patience ends.
    pub(crate) async fn step_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = self.deadline();
        while !done(self) {
            let step = self.step(Wait::Until(deadline)).await.expect("a session that goes on");
            assert_ne!(step, Step::Idle, "in vain waited for {what}");
        }
    }

    /// Waits until so many partitions are there.
    pub(crate) async fn own(&mut self, partitions: usize) {
        let what = format!("{partitions} partition(s)");
        self.step_until(&what, |member| member.tasks.len() == partitions).await;
    }

    /// Waits until so many records have been read that are not worked off.
    pub(crate) async fn read(&mut self, records: usize) {
        let what = format!("{records} record(s)");
        self.step_until(&what, |member| member.unread() >= records).await;
        assert_eq!(self.unread(), records, "there are more records than were written");
    }

    /// Reads until the task of each partition has got to the ends of its inputs.
    pub(crate) async fn catch_up(&mut self) {
        for partition in self.partitions() {
            let ends = self.session.ends(partition).await.expect("the ends of the inputs");
            assert_eq!(ends.len(), self.spec.inputs.len());
            let reached = |member: &Self| {
                let positions = &member.tasks[&partition].positions;
                ends.iter().all(|(topic, end)| positions[topic] >= *end)
            };
            self.step_until("the ends of the inputs", reached).await;
        }
    }

    pub(crate) async fn restore(&mut self, partition: PartitionId) -> Result<(), SessionError> {
        let restored = self.session.restore(partition).await?;
        let Restored { tables, positions, task_time } = restored;
        let positions: BTreeMap<_, _> = positions.into_iter().collect();
        let inputs: BTreeMap<_, _> = self.spec.inputs.iter().map(|it| (*it, ())).collect();
        assert!(positions.keys().eq(inputs.keys()), "a position for each input, and no other");
        let (seen, times) = (Vec::new(), BTreeMap::new());
        self.tasks.insert(partition, Task { tables, positions, task_time, seen, times });
        Ok(())
    }

    pub(crate) fn partitions(&self) -> Vec<PartitionId> {
        self.tasks.keys().copied().collect()
    }

    /// What the task would commit now, without rows and sends.
    pub(crate) fn work(&self, partition: PartitionId) -> TaskCommit {
        let task = &self.tasks[&partition];
        TaskCommit {
            partition,
            positions: task.positions.iter().map(|(topic, offset)| (*topic, *offset)).collect(),
            task_time: task.task_time,
            rows: Arc::default(),
            sends: Vec::new(),
        }
    }

    /// What every task of the test's service has to commit: it counts the records of each key, and
    /// copies them to the first output.
    pub(crate) fn work_off(&mut self) -> Vec<TaskCommit> {
        self.work_off_some(usize::MAX)
    }

    /// As [`Member::work_off`], at most so many records of each task.
    pub(crate) fn work_off_some(&mut self, limit: usize) -> Vec<TaskCommit> {
        let mut commits = Vec::new();
        for (partition, task) in &mut self.tasks {
            let rest = task.seen.split_off(limit.min(task.seen.len()));
            let seen = std::mem::replace(&mut task.seen, rest);
            if seen.is_empty() {
                continue;
            }
            let (rows, sends) = count_and_copy(*partition, &task.tables, &seen);
            // What is left is what is to be read next.
            let next = |topic| task.seen.iter().find(|(of, _)| *of == topic);
            let position = |(topic, read): (&Topic, &Offset)| {
                (*topic, next(*topic).map_or(*read, |(_, record)| record.offset))
            };
            commits.push(TaskCommit {
                partition: *partition,
                positions: task.positions.iter().map(position).collect(),
                task_time: task.task_time,
                rows: Arc::new(rows),
                sends,
            });
        }
        commits
    }

    /// Commits, and waits for the outcome.
    pub(crate) async fn commit(
        &mut self,
        tasks: Vec<TaskCommit>,
    ) -> Result<CommitOutcome, SessionError> {
        self.session.begin_commit(Commit { tasks });
        match self.step(Wait::Commit).await? {
            Step::Outcome(outcome) => Ok(outcome),
            other => panic!("waiting for a commit gave {other:?}"),
        }
    }

    /// Commits, which must work: nobody else is there.
    pub(crate) async fn committed(&mut self, tasks: Vec<TaskCommit>) {
        assert_eq!(self.commit(tasks).await, Ok(CommitOutcome::Committed));
    }

    /// Counts, copies and commits until `done`, and gives away what is asked for.
    pub(crate) async fn serve(&mut self, done: &Cell<bool>) {
        while !done.get() {
            let step = self.step(Wait::Until(self.session.now().plus(GLANCE))).await;
            let tasks = self.work_off();
            if !tasks.is_empty() {
                self.committed(tasks).await;
            }
            if let Step::Revoked(partition) = step.expect("a session that goes on") {
                self.tasks.remove(&partition);
                self.session.release(partition);
            }
        }
    }

    fn unread(&self) -> usize {
        self.tasks.values().map(|task| task.seen.len()).sum()
    }
}

impl<T> Task<T> {
    fn take(&mut self, topic: Topic, record: Record) {
        let position = self.positions.get_mut(&topic).expect("records of an input");
        assert!(record.offset >= *position, "{topic} went back to {}", record.offset);
        *position = record.offset.next();
        let time = self.times.entry(topic).or_default();
        assert!(record.time >= *time, "the append time of {topic} went back at {}", record.offset);
        *time = record.time;
        self.task_time = self.task_time.max(record.time);
        self.seen.push((topic, record));
    }
}

fn count_and_copy(
    partition: PartitionId,
    tables: &impl Tables,
    seen: &[(Topic, Record)],
) -> (Overlay, Vec<Outgoing>) {
    let mut rows = Overlay::default();
    let mut sends = Vec::new();
    for (_, Record { key, payload, .. }) in seen {
        let before = match rows.get(TableId::Entities, key) {
            Some(row) => row.clone(),
            None => tables.get(TableId::Entities, key).expect("a table that can be read"),
        };
        rows.insert(TableId::Entities, key, Some(number(count(before.as_ref()) + 1)));
        sends.push(send(OUTPUTS[0], partition, key, payload));
    }
    (rows, sends)
}
