//! A client of the log that writes down what it is told, and changes nothing of it.

use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};

use crate::{
    observed::{Spot, digest},
    recorder::Recorder,
};

/// A client of the log that is recorded.
#[derive(Clone)]
pub(super) struct TapClient<C> {
    inner: C,
    recorder: Recorder,
    name: Box<str>,
}

impl<C> TapClient<C> {
    pub(super) fn new(inner: C, recorder: &Recorder, name: &str) -> Self {
        Self { inner, recorder: recorder.clone(), name: name.into() }
    }
}

impl<C: Client> Client for TapClient<C> {
    fn layout(&self) -> Layout {
        self.inner.layout()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.inner.sleep_until(at).await;
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let told = |append: &Append| {
            (append.topic, append.partition, digest(&append.key, &append.payload))
        };
        let sent: Vec<_> = records.iter().map(told).collect();
        let (recorder, name) = (self.recorder.clone(), self.name.clone());
        let appending = self.inner.append(records);
        async move {
            let outcomes = appending.await;
            for ((topic, partition, digest), outcome) in sent.into_iter().zip(&outcomes) {
                if let AppendOutcome::Appended(offset) = outcome {
                    let spot = Spot { topic, partition: partition.0, offset: offset.0 };
                    recorder.appended(&name, spot, digest);
                }
            }
            outcomes
        }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        let records = self.inner.read(topic, partition, from, until).await?;
        for record in &records {
            let spot = Spot { topic, partition: partition.0, offset: record.offset.0 };
            self.recorder.seen(&self.name, spot, &record.key, &record.payload);
        }
        Ok(records)
    }

    async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        self.inner.bounds(topic, partition).await
    }
}
