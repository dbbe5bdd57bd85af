//! The side of the drivers.

mod appender;
mod readers;

use std::{sync::Arc, time::Duration};

use futures_channel::oneshot;
use futures_timer::Delay;
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};

pub(crate) use self::readers::Readers;
use self::{
    appender::Appender,
    readers::{Job, Place},
};
use crate::{ConnectError, Settings, clock};

/// A client of a broker: an idempotent producer, and consumers that belong to no group.
///
/// Whatever may block does so on threads of its own, which end with the last clone.
#[derive(Clone)]
pub struct KafkaClient {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    appender: Appender,
    readers: Readers,
}

impl KafkaClient {
    /// Makes a client. A broker that is away is waited for by what is asked of the client.
    ///
    /// # Errors
    ///
    /// If the settings make no client.
    pub fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let appender = Appender::start(settings)?;
        let readers = Readers::new(settings);
        Ok(Self { shared: Arc::new(Shared { layout: settings.layout, appender, readers }) })
    }
}

impl Client for KafkaClient {
    fn layout(&self) -> Layout {
        self.shared.layout
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let left = at.since(self.now());
        if !left.is_zero() {
            // Timers and clocks differ by a little.
            Delay::new(left + Duration::from_millis(1)).await;
        }
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let outcomes = self.shared.appender.append(records);
        async move {
            let mut known = Vec::with_capacity(outcomes.len());
            for outcome in outcomes {
                known.push(outcome.await.unwrap_or_else(|_| {
                    AppendOutcome::Unknown("the client was closed in the meantime".into())
                }));
            }
            known
        }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        let (reply, records) = oneshot::channel();
        let place = Place { topic, partition, next: from };
        self.shared.readers.give(Job::Read { place, until, reply })?;
        records.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        self.shared.readers.bounds(topic, partition).await
    }
}

fn closed() -> ClientError {
    ClientError::Unavailable("the client was closed in the meantime".into())
}

/// How long a thread waits at most before it looks whether it is still needed.
const GLANCE: Duration = Duration::from_millis(100);
