//! Reads that need no log: asked of the task that owns the partition.

use serde::{Deserialize, Serialize};

use crate::{
    document::Document,
    id::{CollectionId, DatabaseId, EntityId, RequestId, Revision, ZoneId},
    message::{LearningScope, PartAnswer},
    time::Timestamp,
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
}

/// Which entities a list is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
