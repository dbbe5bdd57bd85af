//! The side of the drivers.

use std::{future::poll_fn, task::Poll, time::Duration};

use tidelog_core::{
    Layout, Offset, PartitionId, Position, Timestamp, Topic,
    port::{Append, AppendOutcome, AskError, Client, ClientError, Record, TaskId},
};

use super::{Memory, flaw::Flaw};

/// Records that one read gives at most.
const READ_MAX: usize = 1_000;

/// How long a query waits for its task.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

impl Client for Memory {
    fn layout(&self) -> Layout {
        self.world().layout
    }

    fn now(&self) -> Timestamp {
        self.time()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.wait(Some(at), |_| None::<()>).await;
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let lazy = self.world().has(Flaw::AppendsLazily);
        let outcomes = if lazy { None } else { Some(self.append_now(&records)) };
        let memory = self.clone();
        async move { outcomes.unwrap_or_else(|| memory.append_now(&records)) }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        self.read_from(topic, partition, from, until).await
    }

    async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        let mut world = self.world();
        let log = world.log(topic, partition);
        Ok((log.start, log.end))
    }
}

impl Memory {
    fn append_now(&self, records: &[Append]) -> Vec<AppendOutcome> {
        let mut world = self.world();
        let append = |record: &Append| {
            let Append { topic, partition, key, payload, headers } = record.clone();
            AppendOutcome::Appended(world.append((topic, partition), key, payload, headers.trace))
        };
        let mut outcomes: Vec<_> = records.iter().map(append).collect();
        if world.has(Flaw::MixesOutcomes) {
            outcomes.reverse();
        }
        if !world.has(Flaw::DoesNotWakeReaders) {
            world.wake();
        }
        outcomes
    }

    async fn read_from(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        let records = self.wait(Some(until), |memory| {
            let mut world = memory.world();
            let twice = world.has(Flaw::ReadsTheLastRecordTwice);
            let log = world.log(topic, partition);
            if from < log.start {
                return Some(Err(ClientError::Gone { topic, partition, from, start: log.start }));
            }
            let from = if twice && from.0 > 0 { Offset(from.0 - 1) } else { from };
            let records = log.read(from, READ_MAX);
            (!records.is_empty()).then_some(Ok(records))
        });
        records.await.unwrap_or(Ok(Vec::new()))
    }

    /// Waits until a task has read a record.
    pub(super) async fn reached(&self, task: TaskId, position: Position) -> Result<(), AskError> {
        // Nobody can have been told of a record that is not there.
        let end = self.world().log(position.topic, task.partition).end;
        if position.partition == task.partition && position.offset >= end {
            return Err(AskError::Beyond { position, end });
        }
        let until = self.time().plus(REACHED_WITHIN);
        let reached = self.wait(Some(until), |memory| {
            let world = memory.world();
            let next = world.stored.get(&task)?.positions.get(&position.topic)?;
            (*next > position.offset && task.partition == position.partition).then_some(())
        });
        reached.await.ok_or(AskError::NotReached { task, position })
    }

    /// Waits for something that may happen, until a point in time at most.
    async fn wait<T>(
        &self,
        until: Option<Timestamp>,
        mut happened: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        poll_fn(|context| {
            if let Some(it) = happened(self) {
                return Poll::Ready(Some(it));
            }
            let mut world = self.world();
            if until.is_some_and(|until| until <= world.now) {
                return Poll::Ready(None);
            }
            world.wait(context.waker(), until);
            Poll::Pending
        })
        .await
    }
}
