//! The durable state of the tasks, for queries.

use std::{
    future::poll_fn,
    ops::{Bound, ControlFlow},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use fjall::{Keyspace, Snapshot};
use tidelog_core::{
    Position, ReadFault, TableId, Tables,
    port::{AskError, Snapshots, TaskId},
};

use crate::{log::Shared, session::poll_timer, tables, waiters::WaiterId};

/// Gives out the durable state of the tasks.
///
/// An answer or an update is seen outside only once the writer has made its batch durable, and before
/// it tells anybody it opens the snapshot that is given out from then on. So a snapshot holds
/// everything of which anybody could know when it was asked for: queries are linearizable without
/// waiting for anything.
#[derive(Clone)]
pub struct LocalSnapshots {
    shared: Arc<Shared>,
}

impl LocalSnapshots {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits until a task has read a record. One that is not durable does not exist for anybody
    /// outside: no answer that named it has been given.
    async fn reached(&self, task: TaskId, position: Position) -> Result<(), AskError> {
        let settings = &self.shared.settings;
        let until = settings.clock.now().plus(settings.at_least_wait);
        let mut timer = None;
        let mut waiter = Waiter { shared: &self.shared, id: None };
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            let positions = state.tasks.get(&task).map(|task| task.durable.positions.as_slice());
            let of_topic = |(topic, _): &&_| *topic == position.topic;
            let next = positions.unwrap_or_default().iter().find(of_topic);
            if next.is_some_and(|(_, next)| *next > position.offset) {
                return Poll::Ready(Ok(()));
            }
            if let Some(reason) = state.refusal() {
                return Poll::Ready(Err(AskError::Unavailable(reason)));
            }
            let end = state.partitions[self.shared.index(position.topic, task.partition)].durable();
            if position.offset >= end {
                return Poll::Ready(Err(AskError::Beyond { position, end }));
            }
            let now = settings.clock.now();
            if now >= until || poll_timer(&mut timer, until, now, cx).is_ready() {
                return Poll::Ready(Err(AskError::NotReached { task, position }));
            }
            state.durable_waiters.wait(&mut waiter.id, cx.waker());
            Poll::Pending
        })
        .await
    }
}

impl Snapshots for LocalSnapshots {
    type Tables = SnapshotTables;

    async fn snapshot(
        &self,
        task: TaskId,
        at_least: Option<Position>,
    ) -> Result<SnapshotTables, AskError> {
        if let Some(position) = at_least.filter(|position| position.partition == task.partition) {
            self.reached(task, position).await?;
        }
        let snapshot = self.shared.lock().snapshot.clone();
        Ok(SnapshotTables::new(task, snapshot, self.shared.store.rows.clone()))
    }
}

/// Somebody who waits for a durable commit, until it is dropped.
struct Waiter<'a> {
    shared: &'a Shared,
    id: WaiterId,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.shared.lock().durable_waiters.leave(self.id);
        }
    }
}

/// The durable tables of one task at one moment.
pub struct SnapshotTables {
    task: TaskId,
    snapshot: Snapshot,
    rows: Keyspace,
}

impl SnapshotTables {
    pub(crate) fn new(task: TaskId, snapshot: Snapshot, rows: Keyspace) -> Self {
        Self { task, snapshot, rows }
    }
}

impl Tables for SnapshotTables {
    fn get(&self, table: TableId, key: &[u8]) -> Result<Option<Bytes>, ReadFault> {
        tables::get_in(&self.snapshot, &self.rows, self.task, table, key)
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> Result<(), ReadFault> {
        tables::range_in(&self.snapshot, &self.rows, self.task, table, (from, to), visit)
    }
}
