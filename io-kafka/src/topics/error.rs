//! Why topics could not be created or looked at, and what can be done about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tidelog_core::port::SessionError;

use crate::{Settings, error::is_refusal};

/// Why topics could not be created or looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topics of {brokers} cannot be {what}: {reason}")]
pub struct TopicsError {
    brokers: String,
    what: &'static str,
    reason: Box<str>,
    code: Option<RDKafkaErrorCode>,
}

impl TopicsError {
    /// That topics cannot be `what`, for a reason that the broker did not give.
    pub(super) fn new(settings: &Settings, what: &'static str, reason: impl ToString) -> Self {
        let reason = reason.to_string().into();
        Self { brokers: settings.brokers.clone(), what, reason, code: None }
    }

    /// That topics cannot be `what`, after an error of librdkafka.
    pub(super) fn of(settings: &Settings, what: &'static str, error: &KafkaError) -> Self {
        Self { code: error.rdkafka_error_code(), ..Self::new(settings, what, error) }
    }

    /// That topics cannot be `what`, since the broker said so of one of them.
    pub(super) fn said(
        settings: &Settings,
        what: &'static str,
        topic: &str,
        code: RDKafkaErrorCode,
    ) -> Self {
        Self { code: Some(code), ..Self::new(settings, what, format_args!("{topic}: {code}")) }
    }

    /// That the broker does not say how a topic is set. It does so where a user may not know, and librdkafka does
    /// not pass on why.
    pub(super) fn withheld(settings: &Settings, topic: &str) -> Self {
        let reason = format!("the broker does not say how {topic} is set");
        let code = Some(RDKafkaErrorCode::TopicAuthorizationFailed);
        Self { code, ..Self::new(settings, "described", reason) }
    }

    /// Whether no broker has answered.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        use RDKafkaErrorCode::{
            AllBrokersDown, Authentication, BrokerTransportFailure, OperationTimedOut, Resolve,
        };
        matches!(
            self.code,
            Some(
                AllBrokersDown
                    | Authentication
                    | BrokerTransportFailure
                    | OperationTimedOut
                    | Resolve
            )
        )
    }

    /// Whether the brokers will not have us, however often they are asked.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.code.is_some_and(is_refusal)
    }

    /// What can be done about it, where that can be said.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        use RDKafkaErrorCode::{
            ClusterAuthorizationFailed, InvalidPartitions, InvalidReplicationFactor,
            PolicyViolation, TopicAuthorizationFailed,
        };
        if self.is_unreachable() {
            // A wrong password shows as nothing but a time that is over.
            return Some(
                "look whether the brokers run and are named rightly, and whether they want TLS or a \
                 user and a password",
            );
        }
        match self.code? {
            InvalidReplicationFactor => {
                Some("there are fewer brokers than copies asked for: ask for as many at most")
            }
            InvalidPartitions => Some("ask for fewer partitions, or raise the broker's limit"),
            TopicAuthorizationFailed | ClusterAuthorizationFailed => Some(
                "let the user create, describe and describe the configuration of topics that begin \
                 with the prefix",
            ),
            PolicyViolation => Some("a policy of the broker forbids it: ask who runs the broker"),
            _ => None,
        }
    }
}

impl From<TopicsError> for SessionError {
    fn from(error: TopicsError) -> Self {
        Self::Lost(error.to_string().into())
    }
}
