//! The tables of the tasks of a process, for queries.
//!
//! A commit can be seen in the log before it is in the store. So whoever asks for a task waits until no
//! commit of it is under way, and what is asked for later holds all that could be seen before.

use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

use futures_util::future::{Either, select};
use tidelog_core::{
    Offset, Position, ServiceName, Topic,
    port::{AskError, Snapshots, Store, TaskCommit, TaskId},
};

use crate::{
    clock::Clock,
    sim::lock,
    store::{FrozenTables, SimStore},
};

/// How long a task is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Gives out the tables of the tasks of one process.
#[derive(Clone)]
pub struct SimSnapshots {
    board: Board,
    store: Arc<SimStore>,
    clock: Clock,
}

impl SimSnapshots {
    pub(super) fn new(board: Board, store: Arc<SimStore>, clock: Clock) -> Self {
        Self { board, store, clock }
    }

    /// Why a task could not be had in time.
    fn too_late(&self, task: TaskId, at_least: Option<Position>) -> AskError {
        let look = |state: &State| match (state.tasks.get(&task), at_least) {
            (Some(Standing { step: Step::Settled, .. }), Some(position)) => {
                AskError::NotReached { task, position }
            }
            (Some(_), _) => AskError::Unavailable(format!("{task} is not ready").into()),
            (None, _) => AskError::NotOwner(task),
        };
        self.board.look(look)
    }
}

impl Snapshots for SimSnapshots {
    type Tables = FrozenTables;

    async fn snapshot(
        &self,
        task: TaskId,
        at_least: Option<Position>,
    ) -> Result<FrozenTables, AskError> {
        let at_least = at_least.filter(|position| position.partition == task.partition);
        let ready = self.board.ready(task, at_least);
        match select(pin!(ready), pin!(self.clock.sleep(PATIENCE))).await {
            Either::Left((ready, _)) => ready?,
            Either::Right(((), _)) => return Err(self.too_late(task, at_least)),
        }
        self.store.freeze(task).map_err(|error| AskError::Unavailable(error.to_string().into()))
    }
}

impl fmt::Debug for SimSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSnapshots").field("board", &self.board).finish_non_exhaustive()
    }
}

/// How the tasks of a process stand. Clones are handles to the same board.
#[derive(Clone, Default)]
pub(super) struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    tasks: BTreeMap<TaskId, Standing>,
    waiting: Vec<Waker>,
}

#[derive(Debug)]
struct Standing {
    /// Whose task it is: what an earlier owner has still to say does not count.
    owner: Owner,
    step: Step,
    positions: Vec<(Topic, Offset)>,
}

/// A session, among those of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is being restored, or to be restored.
    Restoring,
    /// A commit of it is under way.
    Committing,
    /// What can be seen of it in the log is in the store.
    Settled,
}

impl Board {
    /// A task is assigned, and to be restored.
    pub(super) fn restoring(&self, owner: Owner, task: TaskId) {
        let standing = Standing { owner, step: Step::Restoring, positions: Vec::new() };
        self.change(|state| drop(state.tasks.insert(task, standing)));
    }

    /// A task is restored.
    pub(super) fn restored(&self, owner: Owner, task: TaskId, positions: &[(Topic, Offset)]) {
        self.change_task(owner, task, |standing| {
            (standing.step, standing.positions) = (Step::Settled, positions.to_vec());
        });
    }

    /// A commit of some tasks begins.
    pub(super) fn committing(&self, owner: Owner, service: ServiceName, tasks: &[TaskCommit]) {
        for commit in tasks {
            let task = TaskId { service, partition: commit.partition };
            self.change_task(owner, task, |standing| standing.step = Step::Committing);
        }
    }

    /// A commit is in the store.
    pub(super) fn committed(&self, owner: Owner, service: ServiceName, tasks: &[TaskCommit]) {
        for TaskCommit { partition, positions, .. } in tasks {
            self.restored(owner, TaskId { service, partition: *partition }, positions);
        }
    }

    /// Nothing is known of a commit's tasks until they are restored.
    pub(super) fn failed(&self, owner: Owner, service: ServiceName, tasks: &[TaskCommit]) {
        for commit in tasks {
            let task = TaskId { service, partition: commit.partition };
            self.change_task(owner, task, |standing| standing.step = Step::Restoring);
        }
    }

    /// A task has gone.
    pub(super) fn gone(&self, owner: Owner, task: TaskId) {
        self.change(|state| {
            if state.tasks.get(&task).is_some_and(|standing| standing.owner == owner) {
                state.tasks.remove(&task);
            }
        });
    }

    /// All tasks of an owner have gone.
    pub(super) fn all_gone(&self, owner: Owner) {
        self.change(|state| state.tasks.retain(|_, standing| standing.owner != owner));
    }

    /// Waits until a task is settled, and has read a record.
    async fn ready(&self, task: TaskId, at_least: Option<Position>) -> Result<(), AskError> {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            let Some(standing) = state.tasks.get(&task) else {
                return Poll::Ready(Err(AskError::NotOwner(task)));
            };
            if standing.step == Step::Settled && standing.has_read(at_least) {
                return Poll::Ready(Ok(()));
            }
            if !state.waiting.iter().any(|it| it.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.0))
    }

    fn change_task(&self, owner: Owner, task: TaskId, change: impl FnOnce(&mut Standing)) {
        self.change(|state| {
            let standing = state.tasks.get_mut(&task);
            if let Some(standing) = standing.filter(|standing| standing.owner == owner) {
                change(standing);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
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

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.look(|state| {
                state.tasks.iter().map(|(task, it)| (*task, it.step)).collect::<Vec<_>>()
            }))
            .finish()
    }
}
