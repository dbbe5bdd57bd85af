//! What schemas are learned from, and what was learned.

use serde::{Deserialize, Serialize};

use super::entity::EntityUpdate;
use crate::{
    document::Document,
    id::{CollectionId, DatabaseId, PartitionId, Revision},
    time::Timestamp,
    topic::Offset,
};

/// Learning goes on, or off, from here on. To every partition of entity-storage.
///
/// The switch begins an *epoch*: what is learned under it is learned from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningSwitch {
    /// What it is switched for.
    pub scope: LearningScope,
    /// The epoch that begins: the revision of the schema by the change that switched it.
    pub epoch: Revision,
    /// Whether it is on.
    pub is_on: bool,
    /// Whether a collection's is as its database has it: it then holds until the database's is switched.
    pub follows: bool,
}

/// What learning is switched for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LearningScope {
    /// Every collection of a database for which it was not switched by itself.
    Database(DatabaseId),
    /// One collection.
    Collection(CollectionId),
}

impl LearningScope {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Database(database) => database.as_str(),
            Self::Collection(collection) => collection.as_str(),
        }
    }

    /// The database that it is, or is in.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        match self {
            Self::Database(database) => database.clone(),
            Self::Collection(collection) => collection.database(),
        }
    }
}

/// An entity changed, and a schema is to be learned from that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedUpdate {
    /// The change.
    pub update: EntityUpdate,
    /// The epoch that it is learned under.
    pub epoch: Revision,
}

/// A document that came, changed or went in a collection whose schema is learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// The collection.
    pub collection: CollectionId,
    /// The epoch that it is learned under.
    pub epoch: Revision,
    /// What it comes from, by which a second one is known.
    pub source: LessonSource,
    /// The document before, if there was one.
    pub before: Option<Document>,
    /// The document after, if there is one.
    pub after: Option<Document>,
    /// The task time of the change, or of the walk over what was there before learning began.
    pub time: Timestamp,
}

/// What a lesson comes from. Those of one source come in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LessonSource {
    /// A record of `entity-updates`.
    Update {
        /// Its partition.
        partition: PartitionId,
        /// Its offset.
        offset: Offset,
    },
    /// The walk of a task of entity-storage over its documents.
    Walk {
        /// The task's partition.
        partition: PartitionId,
        /// Counts what the task has sent of its walks.
        number: u64,
    },
}

/// A task of entity-storage has sent all documents that were there when an epoch began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkEnded {
    /// What learning was switched for.
    pub scope: LearningScope,
    /// The epoch.
    pub epoch: Revision,
    /// Whether it holds only until the database's learning is switched.
    pub follows: bool,
    /// The task's partition.
    pub partition: PartitionId,
}

/// What was learned of a collection, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedDefinition {
    /// The collection.
    pub collection: CollectionId,
    /// The epoch that it was learned under.
    pub epoch: Revision,
    /// Counts what was published of the collection under the epoch, from 1.
    pub number: u64,
    /// What was learned, as JSON Schema.
    pub definition: Document,
    /// When it was published.
    pub time: Timestamp,
}
