//! The log in memory as the driver has it: a test can hold back what is said of appends.

use std::sync::Arc;

use tidelog_contract::memory::Memory;
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};
use tokio::sync::watch;

/// A client of the log in memory.
#[derive(Clone)]
pub(crate) struct Log {
    memory: Memory,
    appends: Arc<watch::Sender<Appends>>,
}

/// What becomes of appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appends {
    /// They are in the log at once, and that is known.
    Known,
    /// They are in the log at once, and that is known as soon as it is no longer held back.
    HeldBack,
    /// They are not, and that is known.
    Refused,
}

impl Log {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory, appends: Arc::new(watch::Sender::new(Appends::Known)) }
    }

    /// Says what becomes of appends from now on.
    pub(crate) fn set_appends(&self, appends: Appends) {
        self.appends.send_replace(appends);
    }
}

impl Client for Log {
    fn layout(&self) -> Layout {
        self.memory.layout()
    }

    fn now(&self) -> Timestamp {
        Client::now(&self.memory)
    }

    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send {
        self.memory.sleep_until(at)
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let mut appends = self.appends.subscribe();
        let is_refused = *appends.borrow() == Appends::Refused;
        let refused = vec![AppendOutcome::Rejected("the disk is full".into()); records.len()];
        let appended = (!is_refused).then(|| self.memory.append(records));
        async move {
            let Some(appended) = appended else { return refused };
            let outcomes = appended.await;
            // The sender lives as long as the log does.
            let _ = appends.wait_for(|appends| *appends != Appends::HeldBack).await;
            outcomes
        }
    }

    fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, ClientError>> + Send {
        self.memory.read(topic, partition, from, until)
    }

    fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> impl Future<Output = Result<(Offset, Offset), ClientError>> + Send {
        self.memory.bounds(topic, partition)
    }
}
