//! Why a request came to nothing.

use tidelog_core::Offset;

use crate::{net::NetError, wire::ErrorCode};

/// Why a request came to nothing, or is not known to have come to something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// A broker said so.
    #[error("{0}")]
    Said(ErrorCode),
    /// No broker said anything.
    #[error("{0}")]
    Net(NetError),
    /// Nobody leads the partition, as far as is known.
    #[error("no leader is known")]
    NoLeader,
    /// A broker that has records says nothing of them.
    #[error("nothing came, though there is something")]
    NothingNew,
    /// The offset is not in the log.
    #[error("the log goes from {start} to {end}")]
    OutOfRange {
        /// The first offset that is there.
        start: Offset,
        /// The offset after the last one.
        end: Offset,
    },
}

impl Failure {
    /// What a broker said.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Said(code) => Some(*code),
            Self::Net(_) | Self::NoLeader | Self::NothingNew | Self::OutOfRange { .. } => None,
        }
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Said(code) => code.is_retriable(),
            Self::Net(_) | Self::NoLeader | Self::NothingNew => true,
            Self::OutOfRange { .. } => false,
        }
    }

    /// Whether what was asked for may have been done. A broker that appended a batch and lost the
    /// partition before the others had it says that it does not lead, as one says that never did.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Said(code) => matches!(
                code,
                ErrorCode::RequestTimedOut
                    | ErrorCode::NotLeaderOrFollower
                    | ErrorCode::KafkaStorageError
                    | ErrorCode::NotEnoughReplicasAfterAppend
                    | ErrorCode::UnknownServerError
            ),
            Self::Net(error) => !error.is_unsent(),
            Self::NoLeader | Self::NothingNew | Self::OutOfRange { .. } => false,
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::Said(code)
    }
}
