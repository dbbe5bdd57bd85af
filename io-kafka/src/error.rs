//! What can go wrong before there is anything that could be said by a port.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tidelog_core::port::SessionError;

/// Why a client could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no client for {brokers} could be made: {reason}")]
pub struct ConnectError {
    /// The brokers of its settings.
    pub brokers: String,
    /// What was wrong.
    pub reason: Box<str>,
}

/// What an error of librdkafka means for a session.
pub(crate) fn session_error(what: &str, error: &KafkaError) -> SessionError {
    let reason = format!("{what}: {error}").into();
    if error.rdkafka_error_code().is_some_and(is_refusal) {
        SessionError::Fatal(reason)
    } else {
        SessionError::Lost(reason)
    }
}

/// Whether the broker will not have us, however often it is asked.
pub(crate) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::UnsupportedVersion
    )
}
