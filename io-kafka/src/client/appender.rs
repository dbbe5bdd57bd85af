//! The thread that owns the producer: what is appended goes through it in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use tidelog_core::{
    Offset,
    port::{Append, AppendOutcome},
};
use tracing::warn;

use crate::{ConnectError, Settings, context, headers, record};

/// Bytes of records that wait to be in the log.
const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long the appender waits for room in librdkafka's queue before it looks again.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// What appends through a thread of its own.
pub(super) struct Appender {
    requests: Option<mpsc::Sender<Vec<Request>>>,
    waiting_bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A record to append.
struct Request {
    record: Append,
    pending: Box<Pending>,
}

/// Who waits for the outcome of a record.
struct Pending {
    outcome: oneshot::Sender<AppendOutcome>,
    bytes: usize,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Appender {
    pub(super) fn start(settings: &Settings) -> Result<Self, ConnectError> {
        let config = settings.appending_producer();
        let failed = |reason: String| ConnectError {
            brokers: settings.brokers.clone(),
            reason: reason.into(),
        };
        let producer = connect(&config).map_err(|error| failed(error.to_string()))?;
        let (requests, received) = mpsc::channel();
        let settings = settings.clone();
        let work = move || Work { settings, config, producer }.run(&received);
        let thread = thread::Builder::new().name("kafka-append".into()).spawn(work);
        let thread = Some(thread.map_err(|error| failed(error.to_string()))?);
        Ok(Self { requests: Some(requests), waiting_bytes: Arc::default(), thread })
    }

    /// Begins to append records; their outcomes come in their order.
    pub(super) fn append(&self, records: Vec<Append>) -> Vec<oneshot::Receiver<AppendOutcome>> {
        let mut outcomes = Vec::with_capacity(records.len());
        let mut requests = Vec::with_capacity(records.len());
        for record in records {
            let (outcome, receiver) = oneshot::channel();
            outcomes.push(receiver);
            let bytes = record.key.len() + record.payload.len();
            let waiting_bytes = Arc::clone(&self.waiting_bytes);
            let before = waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
            let pending = Box::new(Pending { outcome, bytes, waiting_bytes });
            if before > WAITING_BYTES_MAX {
                let reason = format!("{before} bytes are waiting to be appended: try again later");
                pending.conclude(AppendOutcome::Rejected(reason.into()));
            } else {
                requests.push(Request { record, pending });
            }
        }
        if let Some(sender) = &self.requests {
            // Were the thread gone, the outcomes would be canceled, and so be told as unknown.
            drop(sender.send(requests));
        }
        outcomes
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.requests = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that appends has panicked");
        }
    }
}

impl Pending {
    fn conclude(self, outcome: AppendOutcome) {
        self.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        // Nobody may wait any more.
        drop(self.outcome.send(outcome));
    }
}

struct Work {
    settings: Settings,
    config: ClientConfig,
    producer: ThreadedProducer<Deliveries>,
}

impl Work {
    fn run(mut self, requests: &mpsc::Receiver<Vec<Request>>) {
        while let Ok(batch) = requests.recv() {
            batch.into_iter().for_each(|request| self.send(request));
        }
    }

    fn send(&mut self, Request { record, mut pending }: Request) {
        let topic = self.settings.topic(record.topic);
        let deadline = Instant::now() + self.settings.append_timeout;
        loop {
            let message = BaseRecord::with_opaque_to(&topic, pending)
                .partition(record::number(record.partition))
                .key(&record.key[..])
                .payload(&record.payload[..])
                .headers(headers::of(record.topic, &record.headers));
            let (error, refused) = match self.producer.send(message) {
                Ok(()) => return,
                Err((error, message)) => (error, message.delivery_opaque),
            };
            pending = refused;
            let code = error.rdkafka_error_code();
            let is_over = Instant::now() >= deadline;
            if code == Some(RDKafkaErrorCode::QueueFull) && !is_over {
                thread::sleep(FULL_PAUSE);
            } else if self.producer.client().fatal_error().is_some() && !is_over {
                self.renew(&error);
            } else {
                let reason = format!("{topic} does not take it: {error}");
                return pending.conclude(AppendOutcome::Rejected(reason.into()));
            }
        }
    }

    /// Makes a new producer. What was on its way with the old one becomes unknown.
    fn renew(&mut self, error: &KafkaError) {
        warn!(%error, "the producer can append nothing more: making a new one");
        match connect(&self.config) {
            Ok(producer) => self.producer = producer,
            Err(error) => {
                warn!(%error, "no new producer could be made");
                thread::sleep(super::GLANCE);
            }
        }
    }
}

fn connect(config: &ClientConfig) -> Result<ThreadedProducer<Deliveries>, KafkaError> {
    config.create_with_context(Deliveries)
}

/// Tells those who wait what became of their records.
struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        context::global_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        pending.conclude(match result {
            Ok(message) => AppendOutcome::Appended(Offset(record::unsigned(message.offset()))),
            Err((error, _)) => failure(error),
        });
    }
}

/// What is known of a record that could not be delivered. The error is that of its last attempt: an
/// earlier one that nobody answered may have appended it, so only what holds for all of them counts.
/// A record that was purged from the queue may have waited there to be sent again, and one that may not
/// be written now may have been before.
fn failure(error: &KafkaError) -> AppendOutcome {
    use RDKafkaErrorCode::{
        InvalidTopic, MessageBatchTooLarge, MessageSizeTooLarge, PolicyViolation, UnknownPartition,
        UnknownTopic,
    };
    let reason = error.to_string().into();
    match error.rdkafka_error_code() {
        Some(
            MessageSizeTooLarge | MessageBatchTooLarge | InvalidTopic | PolicyViolation
            | UnknownTopic | UnknownPartition,
        ) => AppendOutcome::Rejected(reason),
        _ => AppendOutcome::Unknown(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_for_every_attempt_is_a_rejection() {
        use RDKafkaErrorCode as Code;
        let is_rejected = |code: Code| {
            matches!(failure(&KafkaError::MessageProduction(code)), AppendOutcome::Rejected(_))
        };
        assert!(is_rejected(Code::MessageSizeTooLarge) && is_rejected(Code::UnknownTopic));
        for code in [
            Code::MessageTimedOut,
            Code::NotLeaderForPartition,
            Code::PurgeInflight,
            Code::PurgeQueue,
            Code::TopicAuthorizationFailed,
        ] {
            assert!(!is_rejected(code), "{code:?} may come to a record that is in the log");
        }
    }
}
