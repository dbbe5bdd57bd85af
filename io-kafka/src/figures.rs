//! What can be counted of the tasks of a node.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use tidelog_core::{
    Offset, ServiceName, Topic,
    port::{CommitOutcome, TaskId},
};

/// What can be counted of the tasks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The tasks that are here.
    pub tasks: Vec<TaskFigures>,
    /// The commits of each service since the node began.
    pub commits: BTreeMap<ServiceName, Commits>,
    /// How often the tables of a task were rebuilt since the node began, by service.
    pub rebuilt: BTreeMap<(ServiceName, WhyRebuilt), u64>,
}

/// Why the tables of a task were rebuilt though there were some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyRebuilt {
    /// They were of another log than the one that is there, or it was not certain that they were of this.
    OfAnotherLog,
    /// Rows may have been removed since of which nothing is left.
    TooOld,
    /// The store was damaged, and was begun anew. Whether it had any of the task cannot be told.
    Damaged,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFigures {
    /// The task.
    pub task: TaskId,
    /// How far its restoring is, unless it is restored.
    pub restoring: Option<Restoring>,
    /// For each input, the offset to be read next, once it is restored.
    pub positions: Vec<(Topic, Offset)>,
}

/// How far restoring a task is, in offsets of its changelog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restoring {
    /// How many have been read.
    pub done: u64,
    /// How many there are to be read; none before that is known.
    pub total: u64,
}

/// What became of commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    /// Those that became real.
    pub committed: u64,
    /// Those that did not.
    pub rejected: u64,
    /// Those of which it is not known.
    pub unknown: u64,
}

/// Counts what happens to tasks.
#[derive(Default)]
pub(crate) struct Counters(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    commits: BTreeMap<ServiceName, Commits>,
    rebuilt: BTreeMap<(ServiceName, WhyRebuilt), u64>,
}

impl Counters {
    pub(crate) fn count(&self, service: ServiceName, outcome: &CommitOutcome) {
        let mut all = self.lock();
        let commits = all.commits.entry(service).or_default();
        match outcome {
            CommitOutcome::Committed => commits.committed += 1,
            CommitOutcome::Rejected(_) => commits.rejected += 1,
            CommitOutcome::Unknown(_) => commits.unknown += 1,
        }
    }

    pub(crate) fn rebuilt(&self, service: ServiceName, why: WhyRebuilt) {
        *self.lock().rebuilt.entry((service, why)).or_default() += 1;
    }

    /// All that was counted, with these tasks.
    pub(crate) fn with(&self, tasks: Vec<TaskFigures>) -> Figures {
        let all = self.lock();
        Figures { tasks, commits: all.commits.clone(), rebuilt: all.rebuilt.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("counting does not panic")
    }
}
