//! What the records of the log say.
//!
//! A payload is a one-byte format version and the message in postcard. A JSON document travels
//! inside as its text, so a service that does not look into it never parses it. The bytes of every
//! message are pinned by golden tests: a log outlives the program that wrote it.

mod answer;
mod batch;
mod codec;
mod dead_letter;
mod device;
mod entity;
mod learning;
mod owner;
mod request;
mod schema;
mod zone;

pub use answer::{CompleteResponse, Outcome, PartAnswer, PartialResponse};
pub use batch::{BatchPart, EntityBatch};
pub use codec::{DecodeError, FORMAT_VERSION, decode_row, encode_row};
pub use dead_letter::DeadLetter;
pub use device::{
    Acknowledgement, Connect, DeviceCall, DeviceNotification, DeviceUpdate, DeviceUpdateKind,
    ForDevice, News, Removal,
};
pub use entity::{Change, Condition, EntityPatch, EntityUpdate, Match, PartRequest, UpdateKind};
pub use learning::{
    LearnedDefinition, LearningScope, LearningSwitch, Lesson, LessonSource, MarkedUpdate, WalkEnded,
};
pub use owner::Owner;
pub use request::{Fingerprint, IdempotencyKey, Origin, Part, Remember};
pub use schema::{
    DefinitionUpdate, LearningChange, SchemaChange, SchemaPatch, SchemaUpdate, StatementEdit,
};
pub use zone::{ForgetZone, SubscriptionChange, UpdateSource, ZoneChange, ZoneMessage};

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
    /// A node runs a task, or no longer does.
    Owner(Owner),
    /// The definition of a collection's documents changed.
    DefinitionUpdate(DefinitionUpdate),
    /// Learning was switched.
    LearningSwitch(LearningSwitch),
    /// An entity changed, and a schema is to be learned from that.
    MarkedUpdate(MarkedUpdate),
    /// Something to learn from.
    Lesson(Lesson),
    /// All documents that were there when an epoch began have been sent.
    WalkEnded(WalkEnded),
    /// What was learned of a collection.
    LearnedDefinition(LearnedDefinition),
    /// Something about a zone.
    Zone(ZoneMessage),
    /// Something about what a device is told.
    ForDevice(ForDevice),
    /// A device was told something.
    DeviceNotification(DeviceNotification),
    /// A device connects, or is to be forgotten.
    DeviceCall(DeviceCall),
    /// A device came or went.
    DeviceUpdate(DeviceUpdate),
    /// All entities of a zone are to be deleted.
    ForgetZone(ForgetZone),
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
            Self::Owner(_) => Topic::Owners,
            Self::DefinitionUpdate(_) => Topic::SchemaUpdates,
            Self::LearningSwitch(_) => Topic::EntityPatches,
            Self::MarkedUpdate(_) => Topic::EntityUpdates,
            Self::Lesson(_) | Self::WalkEnded(_) => Topic::SchemaLearning,
            Self::LearnedDefinition(_) => Topic::SchemaPatches,
            Self::Zone(_) => Topic::ZoneChanges,
            Self::ForDevice(_) => Topic::ChangesByDevice,
            Self::DeviceNotification(_) => Topic::DeviceNotifications,
            Self::DeviceCall(_) => Topic::Connections,
            Self::DeviceUpdate(_) => Topic::DeviceUpdates,
            Self::ForgetZone(_) => Topic::EntityPatches,
        }
    }

    /// The change of an entity that it tells, marked for learning or not.
    #[must_use]
    pub fn entity_update(&self) -> Option<&EntityUpdate> {
        match self {
            Self::EntityUpdate(update) => Some(update),
            Self::MarkedUpdate(marked) => Some(&marked.update),
            Self::EntityBatch(_)
            | Self::EntityPatch(_)
            | Self::PartialResponse(_)
            | Self::CompleteResponse(_)
            | Self::SchemaPatch(_)
            | Self::SchemaUpdate(_)
            | Self::DeadLetter(_)
            | Self::Owner(_)
            | Self::DefinitionUpdate(_)
            | Self::LearningSwitch(_)
            | Self::Lesson(_)
            | Self::WalkEnded(_)
            | Self::LearnedDefinition(_)
            | Self::Zone(_)
            | Self::ForDevice(_)
            | Self::DeviceNotification(_)
            | Self::DeviceCall(_)
            | Self::DeviceUpdate(_)
            | Self::ForgetZone(_) => None,
        }
    }

    /// The key of its record: what its topic is partitioned by, or a longer one.
    #[must_use]
    pub fn record_key(&self) -> &str {
        match self {
            // The definition of each collection is kept, and all of a database stand together.
            Self::DefinitionUpdate(update) => update.collection.as_str(),
            // So is each device of a user.
            Self::DeviceUpdate(update) => update.device.as_str(),
            Self::EntityBatch(_)
            | Self::EntityPatch(_)
            | Self::EntityUpdate(_)
            | Self::PartialResponse(_)
            | Self::CompleteResponse(_)
            | Self::SchemaPatch(_)
            | Self::SchemaUpdate(_)
            | Self::DeadLetter(_)
            | Self::Owner(_)
            | Self::LearningSwitch(_)
            | Self::MarkedUpdate(_)
            | Self::Lesson(_)
            | Self::WalkEnded(_)
            | Self::LearnedDefinition(_)
            | Self::Zone(_)
            | Self::ForDevice(_)
            | Self::DeviceNotification(_)
            | Self::DeviceCall(_)
            | Self::ForgetZone(_) => self.key(),
        }
    }

    /// What its topic is partitioned by.
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
            Self::Owner(owner) => &owner.task,
            Self::DefinitionUpdate(update) => update.collection.database_str(),
            // Goes to every partition.
            Self::LearningSwitch(switch) => switch.scope.as_str(),
            Self::MarkedUpdate(marked) => marked.update.entity.as_str(),
            Self::Lesson(lesson) => lesson.collection.as_str(),
            // That of a database goes to every partition.
            Self::WalkEnded(ended) => ended.scope.as_str(),
            Self::LearnedDefinition(learned) => learned.collection.database_str(),
            Self::Zone(message) => message.key(),
            Self::ForDevice(message) => message.device().as_str(),
            Self::DeviceNotification(notification) => notification.device.as_str(),
            Self::DeviceCall(call) => call.device().user_str(),
            Self::DeviceUpdate(update) => update.device.user_str(),
            // Goes to every partition.
            Self::ForgetZone(forget) => forget.zone.as_str(),
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
            Self::MarkedUpdate(marked) => Some(&marked.update.request),
            Self::DeadLetter(_)
            | Self::Owner(_)
            | Self::DefinitionUpdate(_)
            | Self::LearningSwitch(_)
            | Self::Lesson(_)
            | Self::WalkEnded(_)
            | Self::LearnedDefinition(_)
            | Self::Zone(_)
            | Self::ForDevice(_)
            | Self::DeviceNotification(_)
            | Self::DeviceCall(_)
            | Self::DeviceUpdate(_)
            | Self::ForgetZone(_) => None,
        }
    }
}
