//! Tasks, and the log between them.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{
    CollectionId, Destination, Effects, Input, Message, Outgoing, PartitionId, Service, Spec,
    State, Timestamp, Topic, Wake, message::DefinitionUpdate,
};

use crate::{
    EntityStorage, Pace, SchemaLearning, SchemaLearningPartitioner, SchemaStorage,
    harness::{Harness, LAYOUT, Step},
};

/// The log, and four tasks of each of four services.
pub(super) struct World {
    pub(super) now: Timestamp,
    log: Log,
    tasks: Vec<Task>,
}

#[derive(Default)]
struct Log {
    records: BTreeMap<(Topic, PartitionId), Vec<(Timestamp, Message)>>,
}

struct Task {
    harness: Harness<Machine>,
    partition: PartitionId,
    /// The next offset of each input: committed, and read.
    committed: Vec<u64>,
    read: Vec<u64>,
    last: Option<(u64, Step)>,
    /// What is sent once it commits.
    sends: Vec<Outgoing>,
}

impl World {
    pub(super) fn new() -> Self {
        let machines = [
            Machine::EntityStorage(EntityStorage),
            Machine::SchemaStorage(SchemaStorage),
            Machine::Partitioner(SchemaLearningPartitioner),
            Machine::Learner(SchemaLearning { pace: Pace::default() }),
        ];
        let tasks = machines.into_iter().flat_map(|machine| {
            LAYOUT.all().map(move |partition| Task {
                harness: Harness::of_partition(machine, partition),
                partition,
                committed: vec![0; machine.spec().inputs.len()],
                read: vec![0; machine.spec().inputs.len()],
                last: None,
                sends: Vec::new(),
            })
        });
        let now = Timestamp::from_millis(1_000);
        Self { now, log: Log::default(), tasks: tasks.collect() }
    }

    /// Appends what a client sends.
    pub(super) fn append(&mut self, message: &Message) {
        let mut effects = Effects::new(LAYOUT);
        effects.send(message);
        self.log.append(self.now, &effects.take());
    }

    /// Lets a task handle some records and timeouts, without a commit.
    pub(super) fn run(&mut self, task: usize, steps: usize) {
        for _ in 0..steps {
            if !self.tasks[task].step(self.now, &self.log) {
                return;
            }
        }
    }

    pub(super) fn commit(&mut self, task: usize) {
        self.tasks[task].commit(self.now, &mut self.log);
    }

    pub(super) fn crash(&mut self, task: usize) {
        self.tasks[task].crash();
    }

    pub(super) fn again(&mut self, task: usize) {
        self.tasks[task].again();
    }

    /// Lets everything go on until there is nothing more to be done, and time pass where something
    /// waits for it.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "it does not come to rest");
            let mut has_worked = false;
            for task in 0..self.tasks.len() {
                while self.tasks[task].step(self.now, &self.log) {
                    has_worked = true;
                }
                self.commit(task);
            }
            if has_worked {
                continue;
            }
            let wakes = self.tasks.iter().filter_map(|task| task.harness.wake());
            match wakes.map(|wake| wake.at).min() {
                Some(at) => self.now = self.now.max(at),
                None => return,
            }
        }
    }

    /// What was learned of a collection, as readers of the log know it.
    pub(super) fn learned(&self, collection: &CollectionId) -> Option<Value> {
        let learned = self.definition(collection)?.learned.as_ref()?;
        Some(learned.to_value().expect("JSON"))
    }

    /// What is stated of a collection, as readers of the log know it.
    pub(super) fn stated(&self, collection: &CollectionId) -> Option<Value> {
        let stated = self.definition(collection)?.statement.as_ref()?;
        Some(stated.to_value().expect("JSON"))
    }

    /// How many messages of the log are like that.
    pub(super) fn count(&self, is_like_that: impl Fn(&Message) -> bool) -> usize {
        self.log.records.values().flatten().filter(|(_, message)| is_like_that(message)).count()
    }

    fn definition(&self, collection: &CollectionId) -> Option<&DefinitionUpdate> {
        let partition = LAYOUT.partition(collection.database_str());
        let records = self.log.records.get(&(Topic::SchemaUpdates, partition))?;
        records.iter().rev().find_map(|(_, message)| match message {
            Message::DefinitionUpdate(update) if update.collection == *collection => Some(update),
            _ => None,
        })
    }
}

impl Log {
    fn append(&mut self, now: Timestamp, sends: &[Outgoing]) {
        for send in sends {
            let message = Message::decode(send.topic, &send.payload).expect("it can be read");
            let partitions: Vec<_> = match send.destination {
                Destination::Partition(partition) => vec![partition],
                Destination::Every => LAYOUT.all().collect(),
            };
            for partition in partitions {
                let records = self.records.entry((send.topic, partition)).or_default();
                records.push((now, message.clone()));
            }
        }
    }
}

impl Task {
    /// Handles the next record, or a timeout that is due; gives whether there was one.
    fn step(&mut self, now: Timestamp, log: &Log) -> bool {
        // Walks and definitions do not wait for a task to have nothing to read.
        let is_timeout_first = self.read[0].is_multiple_of(3);
        (is_timeout_first && self.time_out(now)) || self.read_on(log) || self.time_out(now)
    }

    fn read_on(&mut self, log: &Log) -> bool {
        let inputs = self.harness.service().spec().inputs;
        for (next, topic) in self.read.iter_mut().zip(inputs) {
            let records = log.records.get(&(*topic, self.partition));
            let record = records.and_then(|records| records.get(usize::try_from(*next).ok()?));
            let Some((time, message)) = record else { continue };
            let step = Step::Record(*time, message.clone());
            self.sends.extend(self.harness.sent(*next, &step));
            self.last = Some((*next, step));
            *next += 1;
            return true;
        }
        false
    }

    fn time_out(&mut self, now: Timestamp) -> bool {
        let is_due = self.harness.wake().is_some_and(|wake| wake.at <= now);
        if is_due {
            self.sends.extend(self.harness.sent(0, &Step::Timeout(now)));
        }
        is_due
    }

    fn again(&mut self) {
        if let Some((offset, step)) = &self.last {
            self.sends.extend(self.harness.sent(*offset, step));
        }
    }

    fn commit(&mut self, now: Timestamp, log: &mut Log) {
        self.harness.commit();
        self.committed.clone_from(&self.read);
        log.append(now, &std::mem::take(&mut self.sends));
    }

    fn crash(&mut self) {
        self.harness.crash();
        self.read.clone_from(&self.committed);
        self.sends.clear();
        self.last = None;
    }
}

/// Any of the machines that learning needs.
#[derive(Clone, Copy)]
pub(super) enum Machine {
    EntityStorage(EntityStorage),
    SchemaStorage(SchemaStorage),
    Partitioner(SchemaLearningPartitioner),
    Learner(SchemaLearning),
}

impl Machine {
    fn service(&self) -> &dyn Service {
        match self {
            Self::EntityStorage(service) => service,
            Self::SchemaStorage(service) => service,
            Self::Partitioner(service) => service,
            Self::Learner(service) => service,
        }
    }
}

impl Service for Machine {
    fn spec(&self) -> &'static Spec {
        self.service().spec()
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        self.service().handle(now, input, state, effects);
    }

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        self.service().poll_timeout(state)
    }
}
