//! What can go wrong with a call.

use tidelog_core::{
    DatabaseId, Offset, Position, Problem, ProblemKind, RequestId, Revision, id::IdError,
};

/// Why a call has no answer, or not the one that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer has come. The request may have been carried out, or may yet be.
    #[error("what became of request {request} is not known{}", again(.given_up))]
    OutcomeUnknown {
        /// The request.
        request: RequestId,
        /// Whether the driver has given the request up. If not, the call can be asked again, as the
        /// same request.
        given_up: bool,
    },
    /// The log refused the request. Nothing was changed, and nothing will be.
    #[error("the log refused the request, and nothing was changed: {0}")]
    Rejected(Box<str>),
    /// Too many requests are under way. Nothing was sent.
    #[error("too many requests are under way; nothing was sent, try again later")]
    Busy,
    /// The driver has been shut down. Nothing was sent.
    #[error("the driver is shut down; nothing was sent")]
    Closed,
    /// The driver's connection ended, or was dropped, while the request was under way. What became
    /// of it is not known.
    #[error("the connection ended while the request was under way; its outcome is not known")]
    ConnectionLost,
    /// The call has given its answer already.
    #[error("the call has given its answer already")]
    AlreadyAnswered,
    /// The database has not been provisioned.
    #[error("there is no database {0}; provision it first")]
    UnknownDatabase(DatabaseId),
    /// The request was refused, by a service or before it was sent. Nothing was changed.
    #[error("{problem}")]
    Problem {
        /// What is wrong.
        problem: Problem,
        /// The revision that the entity is at, where it exists and the answer is about that.
        revision: Option<Revision>,
    },
    /// A query could not be answered at this time.
    #[error("the query cannot be answered at this time: {0}")]
    Unavailable(Box<str>),
    /// The position that was to be waited for is of no record of this log: it is of another one, or of
    /// this one before it was restored from an older copy. Waiting does not help.
    #[error(
        "there is no record at {position}, as the partition ends at {end}: the position is of another \
         log, or of this one before it was restored from an older copy; forget it and read without"
    )]
    NoSuchPosition {
        /// The position.
        position: Position,
        /// The offset after the partition's last record.
        end: Offset,
    },
    /// The prefix of [`Options`](crate::Options) cannot name a client.
    #[error("the driver's prefix cannot name a client: {0}")]
    Prefix(#[from] IdError),
}

impl Error {
    /// The error of a request with this problem.
    pub(crate) fn problem(problem: Problem) -> Self {
        Self::Problem { problem, revision: None }
    }

    /// The error of a request whose call is dropped with it: nobody can ask for it again.
    pub(crate) fn given_up(self) -> Self {
        match self {
            Self::OutcomeUnknown { request, .. } => {
                Self::OutcomeUnknown { request, given_up: true }
            }
            other => other,
        }
    }

    /// Whether it is certain that the request changed nothing, and never will. Of one that has expired
    /// it is not: it may have been carried out so long ago that this is forgotten.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Self::OutcomeUnknown { .. } | Self::ConnectionLost | Self::AlreadyAnswered => false,
            Self::Problem { problem, .. } => problem.kind != ProblemKind::Expired,
            Self::Rejected(_)
            | Self::Busy
            | Self::Closed
            | Self::UnknownDatabase(_)
            | Self::Unavailable(_)
            | Self::NoSuchPosition { .. }
            | Self::Prefix(_) => true,
        }
    }
}

fn again(given_up: &bool) -> &'static str {
    if *given_up { ", and it was given up" } else { "; it can be asked again as the same request" }
}
