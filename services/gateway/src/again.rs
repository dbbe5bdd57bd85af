//! Whether a request of which nobody knows what became of it may be sent again.

use tidelog_core::{ProblemKind, RequestId};

use crate::failure::Failure;

/// How a request may be sent again once its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Under its Idempotency-Key: it is carried out once.
    UnderKey,
    /// As it is: it has a precondition, or comes out the same when it is done twice.
    AsIs,
    /// Not before reading: it could be done twice.
    ReadFirst,
    /// Who is asked does not know what it was.
    NotKnown,
}

impl Again {
    /// Whether it can just be sent again.
    pub(crate) fn is_retryable(self) -> bool {
        match self {
            Self::UnderKey | Self::AsIs => true,
            Self::ReadFirst | Self::NotKnown => false,
        }
    }

    /// The advice for people.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::UnderKey => "send it again under its Idempotency-Key, and it is carried out once",
            Self::AsIs => {
                "it can be sent again as it is; read first if what became of this one matters"
            }
            Self::ReadFirst => {
                "read before you ask again: it had no Idempotency-Key, and could be done twice"
            }
            Self::NotKnown => {
                "send it again under its Idempotency-Key if it had one, and read first if it had \
                 none"
            }
        }
    }

    /// What a request that has no answer is answered with.
    pub(crate) fn unknown(self, request: Option<&RequestId>) -> Failure {
        let detail = format_args!(
            "the request has no answer yet, and may be carried out or not; {}",
            self.advice()
        );
        let failure = Failure::new(ProblemKind::OutcomeUnknown, detail);
        let failure = failure.retryable(self.is_retryable());
        match request {
            Some(request) => failure.of_request(request),
            None => failure,
        }
    }
}
