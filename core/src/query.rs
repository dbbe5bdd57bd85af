//! Reads that need no log: asked of the task that owns the partition.

use serde::{Deserialize, Serialize};

use crate::{
    document::Document,
    id::{
        CollectionId, DatabaseId, DeviceId, EntityId, RequestId, Revision, UserDevice, UserId,
        ZoneId,
    },
    message::{LearningScope, PartAnswer, UpdateKind},
    time::Timestamp,
    topic::Offset,
};

/// A question to one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// An entity. To entity-storage.
    Entity(EntityId),
    /// A page of entities in the byte order of their ids. To every task of entity-storage.
    Entities {
        /// Whose.
        scope: Scope,
        /// Only those after this id's text.
        after: Option<Box<str>>,
        /// At most that many.
        limit: u32,
    },
    /// The collections of a database that have entities. To every task of entity-storage.
    Collections {
        /// The database.
        database: DatabaseId,
        /// Only those after this id's text.
        after: Option<Box<str>>,
        /// At most that many.
        limit: u32,
    },
    /// The zones of a collection that have entities. To every task of entity-storage.
    Zones {
        /// The collection.
        collection: CollectionId,
        /// Only those after this id's text.
        after: Option<Box<str>>,
        /// At most that many.
        limit: u32,
    },
    /// A database. To schema-storage.
    Database(DatabaseId),
    /// The databases in the byte order of their ids. To every task of schema-storage.
    Databases {
        /// Only those after this id's text.
        after: Option<Box<str>>,
        /// At most that many.
        limit: u32,
    },
    /// What became of a request. To response-accumulator.
    Request(RequestId),
    /// What is stated and learned of a collection's documents. To schema-storage.
    Definition(CollectionId),
    /// The same of a database's collections, in the byte order of their ids. To schema-storage.
    Definitions {
        /// The database.
        database: DatabaseId,
        /// Only those after this id's text.
        after: Option<Box<str>>,
        /// At most that many.
        limit: u32,
    },
    /// Whether schemas are learned. To schema-storage.
    Learning(LearningScope),
    /// Changes of a zone in the order of their numbers. To zone-watch.
    Changes {
        /// The zone.
        zone: ZoneId,
        /// Only those after this number; from the oldest that is kept, if there is none.
        after: Option<u64>,
        /// At most that many.
        limit: u32,
    },
    /// What a device has not read. To coalescing.
    Notifications(DeviceId),
    /// A device of a user. To device.
    Device(UserDevice),
    /// The devices of a user in the byte order of their ids. To device.
    Devices(UserId),
}

/// What a list, or a subscription, is about.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Those of a zone.
    Zone(ZoneId),
    /// Those of all zones of a collection.
    Collection(CollectionId),
}

impl Scope {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Zone(zone) => zone.as_str(),
            Self::Collection(collection) => collection.as_str(),
        }
    }

    /// The collection that it is, or is in.
    #[must_use]
    pub fn collection(&self) -> CollectionId {
        match self {
            Self::Zone(zone) => zone.collection(),
            Self::Collection(collection) => collection.clone(),
        }
    }

    /// The database that it is in.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        match self {
            Self::Zone(zone) => zone.database(),
            Self::Collection(collection) => collection.database(),
        }
    }
}

/// A task's answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The service answers no such question.
    NotOffered,
    /// The state could not be read; the answer would not be worth anything.
    Unreadable,
    /// The entity, if it exists.
    Entity(Option<EntityView>),
    /// A page of entities.
    Entities(Page<EntityView>),
    /// A page of ids: of collections, or of zones.
    Names(Page<Box<str>>),
    /// The database, if it has been provisioned.
    Database(Option<DatabaseView>),
    /// A page of databases.
    Databases(Page<DatabaseView>),
    /// What became of the request, if anything is known of it.
    Request(Option<RequestView>),
    /// What is stated and learned of the collection's documents, if anything is.
    Definition(Option<DefinitionView>),
    /// A page of definitions.
    Definitions(Page<DefinitionView>),
    /// Whether schemas are learned, if the database has been provisioned.
    Learning(Option<LearningView>),
    /// Changes of a zone.
    Changes(FeedView),
    /// What a device has not read.
    Notifications(NotificationsView),
    /// The device, if it is known.
    Device(Option<DeviceView>),
    /// The devices of a user.
    Devices(Vec<DeviceView>),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it, in the byte order of the ids.
    pub items: Vec<T>,
    /// How far the task has looked: all items up to this text are on the page. `None`: to the end.
    ///
    /// A page may be shorter than was asked for and still not be the last, for what was looked at
    /// may have been deleted entities.
    pub looked_to: Option<Box<str>>,
}

/// An entity as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityView {
    /// Its id.
    pub id: EntityId,
    /// Its revision.
    pub revision: Revision,
    /// Its document.
    pub value: Document,
}

/// A database as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseView {
    /// Its id.
    pub id: DatabaseId,
    /// The revision of its schema.
    pub revision: Revision,
    /// When it was provisioned, in task time.
    pub created: Timestamp,
}

/// The definition of a collection's documents as a query sees it.
///
/// The crate `tidelog-schema` makes one schema of what is stated and learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionView {
    /// The collection.
    pub collection: CollectionId,
    /// The revision of the database's schema by the definition's last change.
    pub revision: Revision,
    /// What users state.
    pub statement: Option<Document>,
    /// What was learned.
    pub learned: Option<Document>,
}

impl DefinitionView {
    /// How many bytes its documents have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let documents = [&self.statement, &self.learned].into_iter().flatten();
        documents.map(|document| document.len()).sum()
    }
}

/// Learning as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningView {
    /// Whether it is on.
    pub is_on: bool,
    /// Since which revision of the schema; zero if it was never switched.
    pub since: Revision,
    /// For what it was switched: the database's, if not for the collection by itself.
    pub by: LearningScope,
}

/// A request as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// Whether it is a batch, be it of one part.
    pub is_batch: bool,
    /// How many parts it has.
    pub parts: u32,
    /// The answers in the order of the parts, as far as they have come.
    pub answers: Vec<Option<PartAnswer>>,
}

/// A part of a zone's feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedView {
    /// What tells this feed from that of the same zone in another log; zero while it is empty.
    pub feed: u64,
    /// The number of the oldest change that is kept; one more than `last` if there is none.
    pub oldest: u64,
    /// The number of the last change; zero if there was none.
    pub last: u64,
    /// Changes in the order of their numbers, without gaps.
    pub changes: Vec<ChangeView>,
}

/// A change of a zone as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// Counts the zone's changes from 1.
    pub sequence: u64,
    /// The entity.
    pub entity: EntityId,
    /// What became of it.
    pub kind: UpdateKind,
    /// Its revision after the change.
    pub revision: Revision,
    /// The task time of the change.
    pub time: Timestamp,
}

/// What a device has not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationsView {
    /// How much the device was told, ever.
    pub last: u64,
    /// How much of that it has read.
    pub acknowledged: u64,
    /// Whether it was told of more zones than are kept, and has not said since that it knows.
    pub overflowed: bool,
    /// The zones with something that it has not read, in the byte order of their ids.
    pub zones: Vec<UnreadView>,
}

/// What a device has not read of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView {
    /// The zone.
    pub zone: ZoneId,
    /// The number of the last notification about it.
    pub number: u64,
    /// The number of the first change in the zone.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    /// Entities that came.
    pub created: u64,
    /// Entities that changed.
    pub updated: u64,
    /// Entities that went.
    pub deleted: u64,
    /// The task time of the last change.
    pub time: Timestamp,
}

/// A device as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Whose, and which.
    pub device: UserDevice,
    /// The version of the app on it.
    pub app_version: Option<Box<str>>,
    /// The databases that it has used.
    pub databases: Vec<DatabaseId>,
    /// When it was first used since it was last forgotten.
    pub added: Timestamp,
    /// The record of `connections` that added it.
    pub added_by: Offset,
    /// When it was last used.
    pub used: Timestamp,
}
