//! How the tasks of this node stand, for those who want to read their tables.
//!
//! A commit can be seen in the log before it is in the store. So whoever asks for a task waits until
//! every commit of it that had begun by then is in the store, and what is then read holds all that could
//! be seen before. Commits that begin later are not waited for: under load there is always one.

use std::collections::BTreeMap;

use tidelog_core::{
    Offset, Position, ServiceName, Topic,
    port::{AskError, TaskCommit, TaskId},
};

use crate::{
    figures::{Restoring, TaskFigures},
    leases::SessionNumber,
    watched::Watched,
};

/// How the tasks of this node stand.
#[derive(Default)]
pub(crate) struct Board(Watched<BTreeMap<TaskId, Standing>>);

struct Standing {
    /// Whose task it is: what an earlier owner has still to say does not count.
    session: SessionNumber,
    /// Whether it is not being restored, nor to be restored.
    is_restored: bool,
    /// How far restoring it is.
    progress: Restoring,
    /// The number of its last commit that has begun since it was restored, or 0.
    begun: u64,
    /// The number of its last commit that the store has had since, or 0.
    stored: u64,
    /// For each input, the offset to be read next, by what the store has.
    positions: Vec<(Topic, Offset)>,
}

impl Board {
    /// A task is ours, and to be restored.
    pub(crate) fn restoring(&self, session: SessionNumber, task: TaskId) {
        let standing = Standing::restoring(session);
        self.0.change(|tasks| tasks.insert(task, standing));
    }

    /// Restoring a task has got that far.
    pub(crate) fn progress(&self, session: SessionNumber, task: TaskId, progress: Restoring) {
        self.0.change(|tasks| {
            if let Some(standing) = of(tasks, session, task) {
                standing.progress = progress;
            }
        });
    }

    /// Whether any task of a service is here.
    pub(crate) fn has_any(&self, service: ServiceName) -> bool {
        self.0.look(|tasks| tasks.keys().any(|task| task.service == service))
    }

    /// How far all tasks are.
    pub(crate) fn figures(&self) -> Vec<TaskFigures> {
        let figures = |(task, standing): (&TaskId, &Standing)| {
            let restoring = (!standing.is_restored).then_some(standing.progress);
            TaskFigures { task: *task, restoring, positions: standing.positions.clone() }
        };
        self.0.look(|tasks| tasks.iter().map(figures).collect())
    }

    /// A task is restored.
    pub(crate) fn restored(
        &self,
        session: SessionNumber,
        task: TaskId,
        positions: &[(Topic, Offset)],
    ) {
        self.0.change(|tasks| {
            if let Some(standing) = of(tasks, session, task) {
                let positions = positions.to_vec();
                *standing =
                    Standing { is_restored: true, positions, ..Standing::restoring(session) };
            }
        });
    }

    /// A commit of a task is in the store.
    pub(crate) fn stored(
        &self,
        session: SessionNumber,
        task: TaskId,
        number: u64,
        positions: &[(Topic, Offset)],
    ) {
        self.0.change(|tasks| {
            if let Some(standing) = of(tasks, session, task) {
                (standing.stored, standing.positions) = (number, positions.to_vec());
            }
        });
    }

    /// A commit of some tasks begins. Numbers rise.
    pub(crate) fn committing(
        &self,
        session: SessionNumber,
        service: ServiceName,
        tasks: &[TaskCommit],
        number: u64,
    ) {
        self.each(session, service, tasks, |standing| standing.begun = number);
    }

    /// A commit has not become real, as far as is known: its tasks are to be restored.
    pub(crate) fn failed(
        &self,
        session: SessionNumber,
        service: ServiceName,
        tasks: &[TaskCommit],
    ) {
        self.each(session, service, tasks, |standing| {
            *standing = Standing::restoring(session);
        });
    }

    /// A task has gone. Says whether it was the session's.
    pub(crate) fn gone(&self, session: SessionNumber, task: TaskId) -> bool {
        self.0.change(|tasks| {
            let is_ours = of(tasks, session, task).is_some();
            is_ours && tasks.remove(&task).is_some()
        })
    }

    /// All tasks of a session have gone. Says which they were.
    pub(crate) fn all_gone(&self, session: SessionNumber) -> Vec<TaskId> {
        self.0.change(|tasks| {
            let ours = |(_, standing): &(&TaskId, &Standing)| standing.session == session;
            let gone: Vec<_> = tasks.iter().filter(ours).map(|(task, _)| *task).collect();
            gone.iter().for_each(|task| drop(tasks.remove(task)));
            gone
        })
    }

    /// Waits until the store has all of a task that could be seen before this was called, and the task
    /// has read a record; and then takes something, before the task goes or is restored.
    pub(crate) async fn once_settled<T>(
        &self,
        task: TaskId,
        at_least: Option<Position>,
        take: impl Fn() -> T,
    ) -> Result<T, AskError> {
        let mut begun = None;
        let find = |tasks: &BTreeMap<TaskId, Standing>| {
            let Some(standing) = tasks.get(&task) else {
                return Some(Err(AskError::NotOwner(task)));
            };
            let begun = *begun.get_or_insert(standing.begun);
            let is_ready = standing.has_stored(begun) && standing.has_read(at_least);
            is_ready.then(|| Ok(take()))
        };
        self.0.until(find).await
    }

    /// Why a task was not ready in time.
    pub(crate) fn too_late(&self, task: TaskId, at_least: Option<Position>) -> AskError {
        self.0.look(|tasks| {
            match (tasks.get(&task).map(|standing| standing.is_restored), at_least) {
                (Some(true), Some(position)) => AskError::NotReached { task, position },
                (Some(false), _) => {
                    AskError::Unavailable(format!("{task} is being restored").into())
                }
                (Some(true), None) => {
                    AskError::Unavailable(format!("a commit of {task} takes long").into())
                }
                (None, _) => AskError::NotOwner(task),
            }
        })
    }

    fn each(
        &self,
        session: SessionNumber,
        service: ServiceName,
        commits: &[TaskCommit],
        change: impl Fn(&mut Standing),
    ) {
        self.0.change(|tasks| {
            for commit in commits {
                let task = TaskId { service, partition: commit.partition };
                if let Some(standing) = of(tasks, session, task) {
                    change(standing);
                }
            }
        });
    }
}

impl Standing {
    fn restoring(session: SessionNumber) -> Self {
        let (progress, positions) = (Restoring::default(), Vec::new());
        Self { session, is_restored: false, progress, begun: 0, stored: 0, positions }
    }

    /// Whether the store has the commits up to number `begun`. If there was none of so high a number
    /// since the task was restored, it was restored after that one.
    fn has_stored(&self, begun: u64) -> bool {
        self.is_restored && (self.stored >= begun || self.begun < begun)
    }

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
