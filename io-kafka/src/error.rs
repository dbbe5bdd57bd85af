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
    match error.rdkafka_error_code().filter(|code| is_refusal(*code)) {
        Some(code) => {
            let advice = advice(code).map_or_else(String::new, |advice| format!("; {advice}"));
            SessionError::Fatal(format!("{what}: {error}{advice}").into())
        }
        None => SessionError::Lost(format!("{what}: {error}").into()),
    }
}

/// What can be done about it that the broker will not have us.
fn advice(code: RDKafkaErrorCode) -> Option<&'static str> {
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            Some("let the user read, write and describe topics that begin with the prefix")
        }
        RDKafkaErrorCode::GroupAuthorizationFailed => {
            Some("let the user read and describe groups that begin with the prefix")
        }
        RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
            Some("let the user write and describe transactional ids that begin with the prefix")
        }
        RDKafkaErrorCode::ClusterAuthorizationFailed => {
            Some("let the user write idempotently, which is a right on the cluster")
        }
        RDKafkaErrorCode::UnsupportedVersion => Some("the brokers are too old for this release"),
        _ => None,
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
