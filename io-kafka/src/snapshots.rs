//! The tables of the tasks of this node, for queries.

use std::{fmt, pin::pin, sync::Arc};

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
        let frozen = board.once_settled(task, at_least, || store.freeze(task));
        match select(pin!(frozen), Delay::new(settings.query_wait)).await {
            Either::Left((frozen, _)) => {
                frozen?.map_err(|error| AskError::Unavailable(error.to_string().into()))
            }
            Either::Right(((), _)) => Err(board.too_late(task, at_least)),
        }
    }
}

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
