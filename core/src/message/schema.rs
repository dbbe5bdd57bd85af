//! Requests for the schemas of databases, and what they changed.

use serde::{Deserialize, Serialize};

use super::{Condition, learning::LearningScope, request::Origin};
use crate::{
    document::Document,
    id::{CollectionId, DatabaseId, RequestName, Revision},
    patch::JsonPatch,
    time::Timestamp,
    topic::Offset,
};

/// A request for one database's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPatch {
    /// Who asks.
    pub origin: Origin,
    /// The database.
    pub database: DatabaseId,
    /// What is asked for.
    pub change: SchemaChange,
}

/// What can be asked of a database's schema.
///
/// The order is part of the message format: new changes go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaChange {
    /// Read it.
    Read,
    /// Make sure that the database exists. That is its first change.
    Provision,
    /// Change what users state about a collection's documents.
    State {
        /// The collection.
        collection: CollectionId,
        /// What is done to the statement.
        edit: StatementEdit,
        /// What has to hold for the collection's definition. A collection of which nothing is
        /// stated or learned has none.
        condition: Condition,
    },
    /// Switch learning.
    SwitchLearning {
        /// What it is switched for.
        scope: LearningScope,
        /// What becomes of it.
        to: LearningChange,
    },
}

/// What becomes of learning.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LearningChange {
    /// It is on from here on.
    On,
    /// It is off from here on. What was learned stays.
    Off,
    /// It begins again from the documents that there are. It must be on.
    Anew,
    /// It is as the database has it. Only for a collection.
    AsDatabase,
}

/// What is done to a statement: a JSON Schema, of which what is not there is learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatementEdit {
    /// It becomes this.
    Replace(Document),
    /// A JSON Patch on it.
    Patch(JsonPatch),
    /// A JSON Merge Patch on it.
    Merge(Document),
    /// Nothing is stated any more.
    Remove,
}

/// The definition of a collection's documents after a change: what is stated, and what was learned.
///
/// The crate `tidelog-schema` makes one schema of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionUpdate {
    /// The collection.
    pub collection: CollectionId,
    /// The revision of the database's schema by the last change of this definition.
    pub revision: Revision,
    /// What users state.
    pub statement: Option<Document>,
    /// What was learned.
    pub learned: Option<Document>,
    /// The offset in `schema-patches` of what changed it: a reader that has got here has seen what the
    /// records up to it did to definitions.
    pub offset: Offset,
    /// The task time of the change.
    pub time: Timestamp,
}

/// A database's schema as it stands after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaUpdate {
    /// The database.
    pub database: DatabaseId,
    /// The schema's revision after the change.
    pub revision: Revision,
    /// When the database was provisioned, in task time.
    pub created: Timestamp,
    /// The request that changed it.
    pub request: RequestName,
    /// The task time of the change.
    pub time: Timestamp,
}
