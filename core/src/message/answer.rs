//! Answers to requests.

use serde::{Deserialize, Serialize};

use super::request::{Part, Remember};
use crate::{
    document::Document,
    id::{RequestId, Revision},
    problem::Problem,
    time::Timestamp,
    topic::Position,
};

/// The answer to one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialResponse {
    /// The request.
    pub request: RequestId,
    /// Which part of it.
    pub part: Part,
    /// The answer.
    pub answer: PartAnswer,
    /// The record that was answered: a reader that has got that far sees what it did.
    pub position: Position,
    /// The task time at the answer. A driver never stamps a first sending below it.
    pub time: Timestamp,
    /// Whether the response accumulator is to remember it, and as what. It gathers the answers to
    /// parts of several in any case.
    pub remember: Remember,
}

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAnswer {
    /// The id of what it was about, as the request had it.
    pub target: Box<str>,
    /// What became of it.
    pub outcome: Outcome,
    /// The document, where there is one and it was wanted.
    pub value: Option<Document>,
    /// Whether this is the remembered outcome of an earlier request under the same idempotency key.
    pub replayed: bool,
}

/// What became of one part, without the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was read, and is at this revision.
    Read(Revision),
    /// It did not exist before, and is at this revision.
    Created(Revision),
    /// It was changed, and is at this revision.
    Updated(Revision),
    /// It was deleted, which is this revision.
    Deleted(Revision),
    /// Nothing was changed.
    Failed {
        /// Why.
        problem: Problem,
        /// The revision that it is at, where it exists and the answer is about that.
        revision: Option<Revision>,
    },
}

impl Outcome {
    /// A failure that has nothing to do with what is there.
    #[must_use]
    pub fn failed(problem: Problem) -> Self {
        Self::Failed { problem, revision: None }
    }

    /// The revision that it tells.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Read(revision)
            | Self::Created(revision)
            | Self::Updated(revision)
            | Self::Deleted(revision) => Some(*revision),
            Self::Failed { revision, .. } => *revision,
        }
    }
}

/// The answers to all parts of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteResponse {
    /// The request.
    pub request: RequestId,
    /// The answers in the order of the parts; of a part without one it is not known what became.
    pub parts: Vec<Option<PartAnswer>>,
    /// The task time at the answer.
    pub time: Timestamp,
}

impl CompleteResponse {
    /// Whether every part has its answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}
