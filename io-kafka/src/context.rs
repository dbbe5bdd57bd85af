//! What librdkafka has to say, in our log.

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};
use tracing::{debug, error, info, warn};

/// Forwards librdkafka's log.
pub(crate) struct Logging;

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        global_error(&error, reason);
    }
}

impl ConsumerContext for Logging {}

impl ProducerContext for Logging {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        if let Err((error, _)) = result {
            warn!(%error, "a record was not delivered");
        }
    }
}

pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        Emerg | Alert | Critical => error!(target: "librdkafka", facility, "{message}"),
        Error | Warning => warn!(target: "librdkafka", facility, "{message}"),
        Notice => info!(target: "librdkafka", facility, "{message}"),
        Info | Debug => debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Errors of the client as a whole are told for information: librdkafka goes on trying. That no broker
/// can be reached each client tells again and again, and the end of a partition is asked for.
pub(crate) fn global_error(error: &KafkaError, reason: &str) {
    use RDKafkaErrorCode::{
        AllBrokersDown, Authentication, BrokerTransportFailure, PartitionEOF, SSL,
    };
    if let Some(AllBrokersDown | BrokerTransportFailure | PartitionEOF) = error.rdkafka_error_code()
    {
        return debug!(target: "librdkafka", %error, "{reason}");
    }
    if let Some(Authentication | SSL) = error.rdkafka_error_code() {
        return error!(target: "librdkafka", %error, "{reason}");
    }
    warn!(target: "librdkafka", %error, "{reason}");
}
