//! The transactional producer, and what its errors mean.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedHeaders,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use tidelog_core::{Offset, PartitionId, port::SessionError};
use tracing::{debug, warn};

use crate::{Settings, context, error::session_error, record};

/// How often it is looked whether everything has been delivered. librdkafka's own waiting takes a tenth
/// of a second whenever there is anything on its way.
const DELIVERED_POLL: Duration = Duration::from_micros(200);

/// How long it is waited before a call is repeated that may be.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// How long a producer is waited for before it is looked whether it is still wanted.
const INIT_SLICE: Duration = Duration::from_secs(1);

/// A producer whose transactional id is its session's.
pub(super) struct TransactionalProducer {
    settings: Settings,
    name: String,
    producer: ThreadedProducer<Reports>,
    reports: mpsc::Receiver<(usize, Offset)>,
}

/// Why a transaction did not become real.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is aborted, and can be made again under the group's new generation.
    OtherGeneration(String),
    /// It is aborted.
    Aborted(String),
    /// It will never be real, and the producer is of no more use.
    Never(String),
    /// It is not known, and the producer is of no more use.
    Unknown(String),
}

/// Ends what a producer of this name has left open, unless nobody wants that any more. Is it still at work, it
/// can commit nothing more.
pub(crate) fn end_transactions(
    settings: &Settings,
    name: &str,
    is_wanted: impl Fn() -> bool,
) -> Result<(), SessionError> {
    TransactionalProducer::init(settings, name, is_wanted).map(drop)
}

/// What is to be done after an error.
enum Remedy {
    Repeat,
    Abort,
    Replace,
}

impl TransactionalProducer {
    /// Makes a producer, which ends what another one of the same name has left open; unless nobody wants
    /// it any more.
    pub(super) fn init(
        settings: &Settings,
        name: &str,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Self, SessionError> {
        let what = "a transactional producer";
        let (report, reports) = mpsc::channel();
        let producer: ThreadedProducer<Reports> = settings
            .transactional_producer(name)
            .create_with_context(Reports { report })
            .map_err(|error| session_error(what, &error))?;
        let deadline = Instant::now() + 2 * settings.request_timeout;
        loop {
            match producer.init_transactions(settings.request_timeout.min(INIT_SLICE)) {
                Ok(()) => break,
                Err(error) if is_retriable(&error) && Instant::now() < deadline && is_wanted() => {
                    debug!(%error, "the transactions are not ready yet");
                    thread::sleep(RETRY_PAUSE);
                }
                Err(error) => return Err(session_error(what, &error)),
            }
        }
        Ok(Self { settings: settings.clone(), name: name.into(), producer, reports })
    }

    /// Whether the broker takes another producer for the one of this name.
    pub(super) fn is_fenced(&self) -> bool {
        use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
        let code = self.producer.client().fatal_error().map(|(code, _)| code);
        matches!(code, Some(Fenced | InvalidProducerEpoch | ProducerFenced))
    }

    /// Takes the place of a producer that is of no more use, unless nobody wants one any more.
    pub(super) fn replace(&mut self, is_wanted: impl Fn() -> bool) -> Result<(), SessionError> {
        *self = Self::init(&self.settings, &self.name, is_wanted)?;
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<(), Failure> {
        while self.reports.try_recv().is_ok() {}
        self.producer.begin_transaction().map_err(|error| Failure::Never(error.to_string()))
    }

    /// Sends a record. Where it got to is told by its number, unless that is zero.
    pub(super) fn send(
        &self,
        (topic, partition): (&str, PartitionId),
        key: &[u8],
        payload: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
        number: usize,
    ) -> Result<(), Failure> {
        let (mut deadline, mut headers) = (None, headers);
        loop {
            let mut message = BaseRecord::with_opaque_to(topic, number)
                .partition(record::number(partition))
                .key(key);
            message.payload = payload;
            message.headers = headers;
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((error, refused))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
                        && Instant::now() < *deadline.get_or_insert_with(|| self.deadline()) =>
                {
                    headers = refused.headers;
                    thread::sleep(DELIVERED_POLL);
                }
                Err((error, _)) => return Err(self.abort(&format!("sending to {topic}"), &error)),
            }
        }
    }

    /// Sends the positions, by which a member that is none any more is found out.
    pub(super) fn send_positions(
        &self,
        positions: &TopicPartitionList,
        member: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        let deadline = self.deadline();
        loop {
            let timeout = self.settings.request_timeout;
            let sent = self.producer.send_offsets_to_transaction(positions, member, timeout);
            let Err(error) = sent else { return Ok(()) };
            match remedy(&error) {
                Remedy::Repeat if Instant::now() < deadline => thread::sleep(RETRY_PAUSE),
                Remedy::Repeat | Remedy::Abort => return Err(self.abort("the positions", &error)),
                Remedy::Replace => return Err(Failure::Never(format!("the positions: {error}"))),
            }
        }
    }

    /// Makes the transaction real, and tells where the records with a number got to.
    pub(super) fn commit(&self) -> Result<Vec<(usize, Offset)>, Failure> {
        self.wait_for_deliveries();
        let deadline = self.deadline();
        loop {
            let timeout = self.settings.request_timeout;
            let Err(error) = self.producer.commit_transaction(timeout) else {
                return Ok(self.reports.try_iter().collect());
            };
            match remedy(&error) {
                Remedy::Repeat if Instant::now() < deadline => thread::sleep(RETRY_PAUSE),
                Remedy::Abort => return Err(self.abort("the commit", &error)),
                // It may have been carried out without our being told.
                Remedy::Repeat | Remedy::Replace => {
                    return Err(Failure::Unknown(error.to_string()));
                }
            }
        }
    }

    /// Aborts the transaction after an error that allows for nothing else.
    fn abort(&self, what: &str, cause: &KafkaError) -> Failure {
        let reason = format!("{what}: {cause}");
        let deadline = self.deadline();
        loop {
            let Err(error) = self.producer.abort_transaction(self.settings.request_timeout) else {
                break;
            };
            match remedy(&error) {
                Remedy::Repeat | Remedy::Abort if Instant::now() < deadline => {
                    thread::sleep(RETRY_PAUSE);
                }
                Remedy::Repeat | Remedy::Abort | Remedy::Replace => {
                    warn!(%error, "a transaction could not be aborted");
                    return Failure::Never(reason);
                }
            }
        }
        match cause.rdkafka_error_code() {
            Some(RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::RebalanceInProgress) => {
                Failure::OtherGeneration(reason)
            }
            _ => Failure::Aborted(reason),
        }
    }

    fn wait_for_deliveries(&self) {
        let deadline = self.deadline();
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            thread::sleep(DELIVERED_POLL);
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.request_timeout
    }
}

fn remedy(error: &KafkaError) -> Remedy {
    match error {
        // It is by its own time limit that waiting for deliveries ends.
        KafkaError::Flush(_) => Remedy::Repeat,
        KafkaError::Transaction(error) if error.is_fatal() => Remedy::Replace,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Remedy::Abort,
        KafkaError::Transaction(error) if error.is_retriable() => Remedy::Repeat,
        _ => Remedy::Replace,
    }
}

fn is_retriable(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error) if error.is_retriable())
}

/// Tells where records got to.
struct Reports {
    report: mpsc::Sender<(usize, Offset)>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        context::global_error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        match result {
            Ok(message) if number > 0 => {
                let place = Offset(record::unsigned(message.offset()));
                // The session may be over.
                self.report.send((number, place)).unwrap_or_default();
            }
            Ok(_) => {}
            // The transaction can then only be aborted, which is told by the next call.
            Err((error, _)) => debug!(%error, "a record was not delivered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tidelog_core::Layout;

    use super::*;

    /// A node that is told to stop while its brokers are away would wait for them.
    #[test]
    fn brokers_are_not_waited_for_once_nobody_wants_a_producer() {
        let layout = Layout::new(1).expect("a partition");
        let settings = Settings {
            request_timeout: Duration::from_secs(600),
            ..Settings::new("127.0.0.1:1", "test-", layout)
        };
        let asked = Cell::new(0);
        let is_wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 2
        };
        let ended = end_transactions(&settings, "test-name", is_wanted);
        assert!(matches!(ended, Err(SessionError::Lost(_))), "{ended:?}");
        assert_eq!(asked.get(), 2);
    }
}
