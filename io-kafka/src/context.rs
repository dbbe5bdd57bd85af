//! What librdkafka has to say, in our log.

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
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
/// can be reached each client tells again and again, and whoever cares asks.
pub(crate) fn global_error(error: &KafkaError, reason: &str) {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
    if let Some(AllBrokersDown | BrokerTransportFailure) = error.rdkafka_error_code() {
        return debug!(target: "librdkafka", %error, "{reason}");
    }
    warn!(target: "librdkafka", %error, "{reason}");
}
