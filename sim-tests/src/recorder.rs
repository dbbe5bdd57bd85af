//! What is observed while a run goes on. Everybody who takes part writes into one recorder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidelog_core::{Topic, port::TaskId};
use tidelog_io_sim::{Sim, host::Process, wire::Node};

use crate::{
    history::{History, Operation, Outcome},
    observed::{
        Act, Appended, BatchSeen, CommitLedger, LedgerEntry, SchemasSeen, Seen, Spot, ZonesSeen,
        digest,
    },
};

/// What is observed while a run goes on. Clones are handles to the same recorder.
#[derive(Clone)]
pub struct Recorder {
    sim: Sim,
    recorded: Arc<Mutex<Recorded>>,
}

/// What has been observed.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The operations of clients.
    pub history: History,
    /// The batches.
    pub batches: Vec<BatchSeen>,
    /// What clients were told of schemas.
    pub schemas: SchemasSeen,
    /// What devices and followers of zones were told.
    pub zones: ZonesSeen,
    /// Who restored and committed what.
    pub ledger: CommitLedger,
    /// The records that readers got.
    pub seen: Vec<Seen>,
    /// The records that the log said it has.
    pub appended: Vec<Appended>,
    /// The processes that run a task, by their own word. Whoever said so last is the last of them.
    pub owners: BTreeMap<TaskId, Vec<Owner>>,
    /// Clients that are no more: nobody waits for what they asked.
    pub gone: BTreeSet<Box<str>>,
    /// What tasks said last that do not run.
    pub troubles: BTreeMap<(TaskId, Node), String>,
    /// The processes of all machines.
    pub processes: Vec<Process>,
}

impl Recorded {
    /// How every process is, and every task that does not run.
    #[must_use]
    pub fn states(&self) -> Vec<Box<str>> {
        let processes = self.processes.iter().map(|process| {
            let is = match (process.is_up(), process.is_paused()) {
                (false, _) => "is down",
                (true, true) => "stands still",
                (true, false) => "runs",
            };
            format!("{} {is}", process.machine().node()).into()
        });
        let troubles = self.troubles.iter();
        let troubles = troubles.map(|((task, node), why)| format!("{task} on {node} {why}").into());
        processes.chain(troubles).collect()
    }
}

/// A process that runs a task. A zombie believes that it does: nobody speaks for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Where it is.
    pub node: Node,
    /// The name of the process, which no other has.
    pub process: Box<str>,
    /// How far it has read each input.
    pub progress: BTreeMap<Topic, u64>,
    /// How far what it has read is committed.
    pub committed: BTreeMap<Topic, u64>,
}

/// An operation that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Begun(usize);

impl Recorder {
    /// A recorder of a run.
    #[must_use]
    pub fn new(sim: &Sim) -> Self {
        Self { sim: sim.clone(), recorded: Arc::default() }
    }

    /// What has been observed so far.
    pub fn look(&self) -> MutexGuard<'_, Recorded> {
        // A panic of the code under test ends the run, and what was observed is wanted then.
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The virtual time.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.sim.now_us()
    }

    /// An operation begins.
    pub fn begin(&self, mut operation: Operation) -> Begun {
        operation.invoked_us = self.now_us();
        operation.returned_us = None;
        operation.outcome = Outcome::Incomplete;
        let event = (operation.number, operation.action.name());
        self.sim.event(&operation.client, "call", &event);
        let operations = &mut self.look().history.operations;
        operations.push(operation);
        Begun(operations.len() - 1)
    }

    /// Something is learnt about an operation under way.
    pub fn change(&self, begun: Begun, change: impl FnOnce(&mut Operation)) {
        change(&mut self.look().history.operations[begun.0]);
    }

    /// An operation returns.
    pub fn end(&self, begun: Begun, outcome: Outcome) {
        let now_us = self.now_us();
        let mut recorded = self.look();
        let operation = &mut recorded.history.operations[begun.0];
        operation.returned_us = Some(now_us);
        operation.outcome = outcome;
        let told = match &operation.outcome {
            Outcome::Done { effect, revision, .. } => format!("{effect:?} {revision}"),
            other => format!("{other:?}"),
        };
        let (client, event) = (operation.client.clone(), (operation.number, told));
        drop(recorded);
        self.sim.event(&client, "return", &event);
    }

    /// A process runs a task from now on, and has read so far.
    pub fn runs(&self, task: TaskId, owner: Owner) {
        let mut recorded = self.look();
        let owners = recorded.owners.entry(task).or_default();
        owners.retain(|it| it.process != owner.process);
        owners.push(owner);
    }

    /// What a process has read of a task's inputs is committed so far.
    pub fn committed(&self, task: TaskId, process: &str, positions: &BTreeMap<Topic, u64>) {
        let mut recorded = self.look();
        let owners = recorded.owners.entry(task).or_default();
        if let Some(owner) = owners.iter_mut().find(|it| *it.process == *process) {
            owner.committed.clone_from(positions);
        }
    }

    /// A process has to restore a task again: what it had read counts no more.
    pub fn begins_again(&self, task: TaskId, process: &str) {
        let mut recorded = self.look();
        let owners = recorded.owners.entry(task).or_default();
        if let Some(owner) = owners.iter_mut().find(|it| *it.process == *process) {
            owner.progress.clear();
        }
    }

    /// A process does not run a task any more.
    pub fn runs_no_more(&self, task: TaskId, process: &str) {
        self.look().owners.entry(task).or_default().retain(|it| *it.process != *process);
    }

    /// The node that said last that it runs a task, and has not taken it back.
    #[must_use]
    pub fn owner(&self, task: TaskId) -> Option<Node> {
        self.look().owners.get(&task)?.last().map(|owner| owner.node)
    }

    /// The node that said first that it runs a task, and has not taken that back: whoever has not heard of
    /// newer ones takes it for the owner.
    #[must_use]
    pub fn oldest_owner(&self, task: TaskId) -> Option<Node> {
        self.look().owners.get(&task)?.first().map(|owner| owner.node)
    }

    /// A process that runs a task has read an input so far.
    pub fn read(&self, task: TaskId, process: &str, topic: Topic, next: u64) {
        let mut recorded = self.look();
        let owners = recorded.owners.entry(task).or_default();
        if let Some(owner) = owners.iter_mut().find(|it| *it.process == *process) {
            owner.progress.insert(topic, next);
        }
    }

    /// A reader got a record.
    pub fn seen(&self, reader: &str, spot: Spot, key: &[u8], payload: &[u8]) {
        let (reader, at_us, digest) = (reader.into(), self.now_us(), digest(key, payload));
        self.look().seen.push(Seen { reader, at_us, spot, digest, stable: None });
    }

    /// The log said that it has a record.
    pub fn appended(&self, client: &str, spot: Spot, digest: u64) {
        let (client, at_us) = (client.into(), self.now_us());
        self.look().appended.push(Appended { client, at_us, spot, digest });
    }

    /// A session did something with a task.
    pub fn act(&self, session: &str, task: TaskId, act: Act) {
        let at_us = self.now_us();
        self.sim.event(session, "task", &format_args!("{task} {act:?}").to_string());
        self.look().ledger.entries.push(LedgerEntry { at_us, session: session.into(), task, act });
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName};
    use tidelog_io_sim::{Options, wire::ClientId};

    use super::*;

    /// What was wrong: a node that was cut off restored a task that another one had long owned, learnt that
    /// it had lost it, and the task counted as owned by nobody (seed 246929719672850).
    #[test]
    fn a_zombie_that_learns_that_it_has_lost_a_task_takes_it_from_nobody() {
        let run = Sim::run(Options::calm(1), |sim| async move {
            let recorder = Recorder::new(&sim);
            let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(0) };
            let owner = |node, process: &str, read| Owner {
                node: Node::Client(ClientId(node)),
                process: process.into(),
                progress: BTreeMap::from([(Topic::EntityPatches, read)]),
                committed: BTreeMap::new(),
            };
            recorder.runs(task, owner(1, "node1", 7));
            recorder.runs(task, owner(2, "node2", 3));
            recorder.read(task, "node1", Topic::EntityPatches, 9);
            assert_eq!(recorder.owner(task), Some(Node::Client(ClientId(2))));
            recorder.runs_no_more(task, "node2");
            assert_eq!(recorder.look().owners[&task], [owner(1, "node1", 9)]);
            recorder.begins_again(task, "node1");
            assert!(recorder.look().owners[&task][0].progress.is_empty());
        });
        assert_eq!(run.outcome, Ok(()));
    }
}
