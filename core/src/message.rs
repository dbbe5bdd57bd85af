//! What the records of the log say.
//!
//! A payload is a one-byte format version and the message in postcard. A JSON document travels
//! inside as its text, so a service that does not look into it never parses it. The bytes of every
//! message are pinned by golden tests: a log outlives the program that wrote it.

mod answer;
mod batch;
mod codec;
mod dead_letter;
mod entity;
mod request;
mod schema;

pub use answer::{CompleteResponse, Outcome, PartAnswer, PartialResponse};
pub use batch::{BatchPart, EntityBatch};
pub use codec::{DecodeError, FORMAT_VERSION, decode_row, encode_row};
pub use dead_letter::DeadLetter;
pub use entity::{Change, Condition, EntityPatch, EntityUpdate, Match, PartRequest, UpdateKind};
pub use request::{Fingerprint, IdempotencyKey, Origin, Part, Remember};
pub use schema::{SchemaChange, SchemaPatch, SchemaUpdate};

use serde::{Deserialize, Serialize};

use crate::{id::RequestName, topic::Topic};

/// A message of any topic.
///
/// The order is part of the message format: new messages go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A request of many parts.
    EntityBatch(EntityBatch),
    /// A request for one entity.
    EntityPatch(EntityPatch),
    /// An entity changed.
    EntityUpdate(EntityUpdate),
    /// The answer to one part.
    PartialResponse(PartialResponse),
    /// The answers to all parts of a request.
    CompleteResponse(CompleteResponse),
    /// A request for a database's schema.
    SchemaPatch(SchemaPatch),
    /// A database's schema changed.
    SchemaUpdate(SchemaUpdate),
    /// A record was set aside.
    DeadLetter(DeadLetter),
}

impl Message {
    /// The topic that the message belongs to.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match self {
            Self::EntityBatch(_) => Topic::EntityBatches,
            Self::EntityPatch(_) => Topic::EntityPatches,
            Self::EntityUpdate(_) => Topic::EntityUpdates,
            Self::PartialResponse(_) => Topic::PartialResponses,
            Self::CompleteResponse(_) => Topic::CompleteResponses,
            Self::SchemaPatch(_) => Topic::SchemaPatches,
            Self::SchemaUpdate(_) => Topic::SchemaUpdates,
            Self::DeadLetter(_) => Topic::DeadLetters,
        }
    }

    /// What its topic is partitioned by, which is its record's key too.
    ///
    /// A dead letter goes to the partition of the record that it is about, whatever the key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::EntityBatch(batch) => batch.database.as_str(),
            Self::EntityPatch(patch) => patch.entity.as_str(),
            Self::EntityUpdate(update) => update.entity.as_str(),
            Self::PartialResponse(response) => response.request.name.client.prefix(),
            Self::CompleteResponse(response) => response.request.name.client.prefix(),
            Self::SchemaPatch(patch) => patch.database.as_str(),
            Self::SchemaUpdate(update) => update.database.as_str(),
            Self::DeadLetter(letter) => &letter.key,
        }
    }

    /// The request that it belongs to.
    #[must_use]
    pub fn request(&self) -> Option<&RequestName> {
        match self {
            Self::EntityBatch(batch) => Some(&batch.origin.name),
            Self::EntityPatch(patch) => Some(&patch.origin.name),
            Self::EntityUpdate(update) => Some(&update.request),
            Self::PartialResponse(response) => Some(&response.request.name),
            Self::CompleteResponse(response) => Some(&response.request.name),
            Self::SchemaPatch(patch) => Some(&patch.origin.name),
            Self::SchemaUpdate(update) => Some(&update.request),
            Self::DeadLetter(_) => None,
        }
    }
}
