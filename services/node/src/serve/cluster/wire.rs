//! What nodes say to each other about queries: one path, a format version, and postcard.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidelog_core::{
    Answer, Offset, Position, Query,
    limits::PAGE_BYTES_MAX,
    message::{DecodeError, decode_row, encode_row},
    port::{AskError, TaskId},
};

/// Where a node is asked.
pub(super) const PATH: &str = "/tidelog/query";

/// Bytes of a question.
pub(super) const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an answer: a page, and what is around its items.
pub(super) const REPLY_BYTES_MAX: usize = 2 * PAGE_BYTES_MAX;

/// A question to a node about one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    /// The prefix of whoever asks: other installations are none of a node's business.
    pub(super) prefix: Box<str>,
    pub(super) task: TaskId,
    pub(super) query: Query,
    pub(super) at_least: Option<Position>,
}

/// What a node says to it.
///
/// The order is part of the format: what is new goes to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    Answer(Answer),
    /// The task is not here.
    NotOwner,
    /// The task has not got that far.
    NotReached(Position),
    /// The log has not got that far.
    Beyond(Position, Offset),
    /// The task cannot be asked at this time.
    Unavailable(Box<str>),
}

impl Question {
    pub(super) fn encode(&self) -> Bytes {
        encode_row(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_row(bytes)
    }
}

impl Reply {
    pub(super) fn encode(&self) -> Bytes {
        encode_row(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_row(bytes)
    }

    /// What it says about a task.
    pub(super) fn outcome(self, task: TaskId) -> Result<Answer, AskError> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::NotOwner => Err(AskError::NotOwner(task)),
            Self::NotReached(position) => Err(AskError::NotReached { task, position }),
            Self::Beyond(position, end) => Err(AskError::Beyond { position, end }),
            Self::Unavailable(reason) => Err(AskError::Unavailable(reason)),
        }
    }
}

impl From<Result<Answer, AskError>> for Reply {
    fn from(outcome: Result<Answer, AskError>) -> Self {
        match outcome {
            Ok(answer) => Self::Answer(answer),
            Err(AskError::NotOwner(_)) => Self::NotOwner,
            Err(AskError::NotReached { position, .. }) => Self::NotReached(position),
            Err(AskError::Beyond { position, end }) => Self::Beyond(position, end),
            Err(AskError::Unavailable(reason)) => Self::Unavailable(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{
        PartitionId, Revision, ServiceName, Topic,
        query::{DatabaseView, EntityView, Page},
    };

    use super::*;

    const TASK: TaskId = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(3) };

    /// Nodes of two releases are at work at the same time: never mend these bytes.
    #[test]
    fn the_bytes_between_nodes_stay_as_they_are() {
        let position = Position {
            topic: Topic::EntityPatches,
            partition: PartitionId(3),
            offset: Offset(300),
        };
        let question = Question {
            prefix: "p-".into(),
            task: TASK,
            query: Query::Entity("a/b/c/d".parse().expect("an id")),
            at_least: Some(position),
        };
        let bytes = question.encode();
        let expected = b"\x01\x02p-\x01\x03\0\x07a/b/c/d\x01\x01\x03\xac\x02";
        assert_eq!(bytes[..], expected[..]);
        assert_eq!(Question::decode(&bytes), Ok(question));
        assert_eq!(Reply::NotOwner.encode()[..], [1, 1]);
        assert_eq!(Reply::NotReached(position).encode()[..], [1, 2, 1, 3, 172, 2]);
    }

    #[test]
    fn every_outcome_gets_across() {
        let id = "a/b/c/d".parse().expect("an id");
        let entity = EntityView {
            id,
            revision: Revision(2),
            value: tidelog_core::Document::parse(br#"{"n":1}"#).expect("a document"),
        };
        let database = DatabaseView {
            id: "a".parse().expect("an id"),
            revision: Revision(1),
            created: tidelog_core::Timestamp::from_millis(5),
        };
        let page = Page { items: vec![entity.clone()], looked_to: Some("a/b/c/d".into()) };
        let position =
            Position { topic: Topic::EntityPatches, partition: PartitionId(3), offset: Offset(3) };
        for outcome in [
            Ok(Answer::Entity(Some(entity))),
            Ok(Answer::Entities(page)),
            Ok(Answer::Database(Some(database))),
            Err(AskError::NotOwner(TASK)),
            Err(AskError::NotReached { task: TASK, position }),
            Err(AskError::Beyond { position, end: Offset(2) }),
            Err(AskError::Unavailable("x".into())),
        ] {
            let bytes = Reply::from(outcome.clone()).encode();
            let reply = Reply::decode(&bytes).expect("a reply");
            assert_eq!(reply.outcome(TASK), outcome);
        }
    }
}
