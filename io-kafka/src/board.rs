//! How the tasks of this node stand, for those who want to read their tables.
//!
//! A commit can be seen in the log before it is in the store. So whoever asks for a task waits until no
//! commit of it is under way, and what is then read holds all that could be seen before.

use std::collections::BTreeMap;

use tidelog_core::{
    Offset, Position, ServiceName, Topic,
    port::{AskError, TaskCommit, TaskId},
};

use crate::{leases::SessionNumber, watched::Watched};

/// How the tasks of this node stand.
#[derive(Default)]
pub(crate) struct Board(Watched<BTreeMap<TaskId, Standing>>);

struct Standing {
    /// Whose task it is: what an earlier owner has still to say does not count.
    session: SessionNumber,
    step: Step,
    /// For each input, the offset to be read next.
    positions: Vec<(Topic, Offset)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is being restored, or to be restored.
    Restoring,
    /// A commit of it is under way.
    Committing,
    /// What can be seen of it in the log is in the store.
    Settled,
}

impl Board {
    /// A task is ours, and to be restored.
    pub(crate) fn restoring(&self, session: SessionNumber, task: TaskId) {
        let standing = Standing { session, step: Step::Restoring, positions: Vec::new() };
        self.0.change(|tasks| tasks.insert(task, standing));
    }

    /// A task is restored, or a commit of it is in the store.
    pub(crate) fn settled(
        &self,
        session: SessionNumber,
        task: TaskId,
        positions: &[(Topic, Offset)],
    ) {
        self.0.change(|tasks| {
            if let Some(standing) = of(tasks, session, task) {
                (standing.step, standing.positions) = (Step::Settled, positions.to_vec());
            }
        });
    }

    /// A commit of some tasks begins.
    pub(crate) fn committing(
        &self,
        session: SessionNumber,
        service: ServiceName,
        tasks: &[TaskCommit],
    ) {
        self.set(session, service, tasks, Step::Committing);
    }

    /// A commit has not become real, as far as is known: its tasks are to be restored.
    pub(crate) fn failed(
        &self,
        session: SessionNumber,
        service: ServiceName,
        tasks: &[TaskCommit],
    ) {
        self.set(session, service, tasks, Step::Restoring);
    }

    /// A task has gone.
    pub(crate) fn gone(&self, session: SessionNumber, task: TaskId) {
        self.0.change(|tasks| {
            if of(tasks, session, task).is_some() {
                tasks.remove(&task);
            }
        });
    }

    /// All tasks of a session have gone.
    pub(crate) fn all_gone(&self, session: SessionNumber) {
        self.0.change(|tasks| tasks.retain(|_, standing| standing.session != session));
    }

    /// Waits until a task is settled and has read a record, and then takes something, before anything
    /// else becomes of the task.
    pub(crate) async fn once_settled<T>(
        &self,
        task: TaskId,
        at_least: Option<Position>,
        take: impl Fn() -> T,
    ) -> Result<T, AskError> {
        let find = |tasks: &BTreeMap<TaskId, Standing>| {
            let Some(standing) = tasks.get(&task) else {
                return Some(Err(AskError::NotOwner(task)));
            };
            let is_ready = standing.step == Step::Settled && standing.has_read(at_least);
            is_ready.then(|| Ok(take()))
        };
        self.0.until(find).await
    }

    /// Why a task was not ready in time.
    pub(crate) fn too_late(&self, task: TaskId, at_least: Option<Position>) -> AskError {
        self.0.look(|tasks| match (tasks.get(&task).map(|standing| standing.step), at_least) {
            (Some(Step::Settled | Step::Committing), Some(position)) => {
                AskError::NotReached { task, position }
            }
            (Some(Step::Restoring), _) => {
                AskError::Unavailable(format!("{task} is being restored").into())
            }
            (Some(Step::Settled | Step::Committing), None) => {
                AskError::Unavailable(format!("a commit of {task} takes long").into())
            }
            (None, _) => AskError::NotOwner(task),
        })
    }

    fn set(
        &self,
        session: SessionNumber,
        service: ServiceName,
        commits: &[TaskCommit],
        step: Step,
    ) {
        self.0.change(|tasks| {
            for commit in commits {
                let task = TaskId { service, partition: commit.partition };
                if let Some(standing) = of(tasks, session, task) {
                    standing.step = step;
                }
            }
        });
    }
}

impl Standing {
    fn has_read(&self, at_least: Option<Position>) -> bool {
        at_least.is_none_or(|position| {
            let of_topic = |(topic, _): &&(Topic, Offset)| *topic == position.topic;
            self.positions.iter().find(of_topic).is_some_and(|(_, next)| *next > position.offset)
        })
    }
}

fn of(
    tasks: &mut BTreeMap<TaskId, Standing>,
    session: SessionNumber,
    task: TaskId,
) -> Option<&mut Standing> {
    tasks.get_mut(&task).filter(|standing| standing.session == session)
}
