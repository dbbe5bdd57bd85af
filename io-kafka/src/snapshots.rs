//! The tables of the tasks of this node, for queries.

use std::{fmt, future::pending, pin::pin, sync::Arc, time::Duration};

use futures_timer::Delay;
use futures_util::future::{Either, select};
use tidelog_core::{
    Position,
    port::{AskError, Snapshots, Store, TaskId},
};

use crate::transport::Shared;

/// Gives out the tables of the tasks of this node.
pub struct KafkaSnapshots<S> {
    shared: Arc<Shared<S>>,
}

impl<S> KafkaSnapshots<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Self {
        Self { shared }
    }
}

impl<S: Store> Snapshots for KafkaSnapshots<S> {
    type Tables = S::Frozen;

    async fn snapshot(
        &self,
        task: TaskId,
        at_least: Option<Position>,
    ) -> Result<S::Frozen, AskError> {
        let Shared { settings, store, board, .. } = &*self.shared;
        let at_least = at_least.filter(|position| position.partition == task.partition);
        let frozen = pin!(board.once_settled(task, at_least, || store.freeze(task)));
        let beyond = pin!(self.beyond(at_least));
        match select(select(frozen, beyond), Delay::new(settings.query_wait)).await {
            Either::Left((Either::Left((frozen, _)), _)) => {
                frozen?.map_err(|error| AskError::Unavailable(error.to_string().into()))
            }
            Either::Left((Either::Right((beyond, _)), _)) => Err(beyond),
            Either::Right(((), _)) => Err(board.too_late(task, at_least)),
        }
    }
}

impl<S> KafkaSnapshots<S> {
    /// Says so, if there is no such record: no answer has then told of it, and waiting does not help.
    /// While the broker cannot be asked it may be one that the task has not got to.
    async fn beyond(&self, at_least: Option<Position>) -> AskError {
        if let Some(position) = at_least {
            Delay::new(LOOKED_AFTER).await;
            let bounds = self.shared.readers.bounds(position.topic, position.partition).await;
            if let Ok((_, end)) = bounds
                && position.offset >= end
            {
                return AskError::Beyond { position, end };
            }
        }
        pending().await
    }
}

/// How long a task is left to get to a record before the broker is asked whether there is one. Most have
/// got there by then.
const LOOKED_AFTER: Duration = Duration::from_millis(100);

impl<S> Clone for KafkaSnapshots<S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<S> fmt::Debug for KafkaSnapshots<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSnapshots").finish_non_exhaustive()
    }
}
