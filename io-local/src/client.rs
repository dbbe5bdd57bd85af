//! The side of the drivers.

use std::{future::poll_fn, sync::Arc, task::Poll};

use futures_channel::oneshot;
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    limits::RECORD_BYTES_MAX,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};

use crate::{
    log::{Routed, Shared},
    session::{place, poll_timer},
    waiters::WaiterId,
};

/// Records that one read gives.
const RECORDS_MAX: usize = 4_096;

/// Bytes of records that one read gives; one record may be larger.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A client of the embedded log.
#[derive(Clone)]
pub struct LocalClient {
    shared: Arc<Shared>,
}

impl LocalClient {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Appends what can be appended. The receiver is told when it is durable.
    fn enqueue(&self, records: Vec<Append>) -> (Vec<AppendOutcome>, Option<oneshot::Receiver<()>>) {
        let shared = &*self.shared;
        let mut wake = Vec::new();
        let mut state = shared.lock();
        if let Some(reason) = state.refusal() {
            let rejected = AppendOutcome::Rejected(reason);
            return (vec![rejected; records.len()], None);
        }
        shared.tick(&mut state);
        let mut is_appended = false;
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            let bytes = record.payload.len();
            let outcome = if bytes > RECORD_BYTES_MAX {
                let why = format!("a record of {bytes} bytes of at most {RECORD_BYTES_MAX}");
                AppendOutcome::Rejected(why.into())
            } else if state.unwritten_bytes() > shared.settings.backlog_bytes_max {
                AppendOutcome::Rejected(
                    "the disk does not keep up; too much is to be written".into(),
                )
            } else {
                is_appended = true;
                let Append { topic, partition, key, payload, headers } = record;
                let index = shared.index(topic, partition);
                let routed = Routed { index, key, payload, trace: headers.trace };
                AppendOutcome::Appended(state.append(routed, &mut wake))
            };
            outcomes.push(outcome);
        }
        let durable = is_appended.then(|| {
            let (sender, receiver) = oneshot::channel();
            state.appends.push(sender);
            receiver
        });
        drop(state);
        wake.into_iter().for_each(std::task::Waker::wake);
        shared.work.notify_one();
        (outcomes, durable)
    }
}

impl Client for LocalClient {
    fn layout(&self) -> Layout {
        self.shared.settings.layout
    }

    fn now(&self) -> Timestamp {
        self.shared.settings.clock.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let now = self.now();
        if at > now {
            futures_timer::Delay::new(at.since(now)).await;
        }
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let (outcomes, durable) = self.enqueue(records);
        async move {
            let Some(durable) = durable else { return outcomes };
            if durable.await.is_ok() {
                return outcomes;
            }
            let unknown = |outcome| match outcome {
                AppendOutcome::Appended(_) => {
                    AppendOutcome::Unknown("the log stopped before the record was durable".into())
                }
                rejected => rejected,
            };
            outcomes.into_iter().map(unknown).collect()
        }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        let shared = &*self.shared;
        let index = shared.index(topic, partition);
        let mut timer = None;
        let mut reader = Reader { shared, index, id: None };
        poll_fn(|cx| {
            let mut state = shared.lock();
            let refusal = state.refusal();
            let entry = &mut state.partitions[index];
            if from < entry.start {
                let start = entry.start;
                return Poll::Ready(Err(ClientError::Gone { topic, partition, from, start }));
            }
            if from < entry.durable() {
                let end = entry.durable();
                if let Some(records) = entry.read(from, end, RECORDS_MAX, BYTES_MAX) {
                    return Poll::Ready(Ok(records));
                }
                let place = place(entry, (topic, partition), from);
                drop(state);
                let read = shared.store.read(&place, RECORDS_MAX, BYTES_MAX);
                if read.as_ref().is_ok_and(Vec::is_empty) {
                    // Retention was faster: look again.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(read.map_err(|error| ClientError::Unavailable(error.into())));
            }
            if let Some(reason) = refusal {
                return Poll::Ready(Err(ClientError::Unavailable(reason)));
            }
            let now = shared.settings.clock.now();
            if now >= until || poll_timer(&mut timer, until, now, cx).is_ready() {
                return Poll::Ready(Ok(Vec::new()));
            }
            entry.waiting.wait(&mut reader.id, cx.waker());
            Poll::Pending
        })
        .await
    }

    async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        let state = self.shared.lock();
        let entry = &state.partitions[self.shared.index(topic, partition)];
        Ok((entry.start, entry.durable()))
    }
}

/// Somebody who waits for a durable record, until it is dropped.
struct Reader<'a> {
    shared: &'a Shared,
    index: usize,
    id: WaiterId,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.shared.lock().partitions[self.index].waiting.leave(self.id);
        }
    }
}
