//! The rows of databases, definitions and switches.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    CollectionId, DatabaseId, Document, Effects, Message, Revision, State, TableId, Timestamp,
    message::{DefinitionUpdate, LearningScope},
    state::Table,
    topic::Offset,
};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseRow {
    /// The revision of its schema.
    pub(super) revision: Revision,
    /// When it was provisioned, in task time.
    pub(super) created: Timestamp,
}

impl DatabaseRow {
    /// Raises the revision for a change, and gives it.
    pub(super) fn raise(mut self, database: &DatabaseId, state: &mut State<'_>) -> Revision {
        self.revision = self.revision.next();
        state.put(&DATABASES, database, &self);
        self.revision
    }
}

/// What is known of the documents of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefinitionRow {
    /// The revision of the database's schema by the last change.
    pub(super) revision: Revision,
    /// What users state.
    pub(super) statement: Option<Document>,
    /// What was learned.
    pub(super) learned: Option<Learned>,
}

/// What was learned of the documents of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// Under which epoch.
    pub(super) epoch: Revision,
    /// How much of it was published under the epoch.
    pub(super) number: u64,
    /// What it is.
    pub(super) definition: Document,
}

impl DefinitionRow {
    /// The revision that there is a definition at, if there is one.
    pub(super) fn exists_at(&self) -> Option<Revision> {
        (self.statement.is_some() || self.learned.is_some()).then_some(self.revision)
    }

    /// Writes the row, and publishes it.
    pub(super) fn publish(
        self,
        collection: &CollectionId,
        offset: Offset,
        state: &mut State<'_>,
        effects: &mut Effects,
    ) {
        state.put(&DEFINITIONS, collection, &self);
        effects.send(&Message::DefinitionUpdate(DefinitionUpdate {
            collection: collection.clone(),
            revision: self.revision,
            statement: self.statement,
            learned: self.learned.map(|learned| learned.definition),
            offset,
            time: state.task_time(),
        }));
    }
}

/// Whether learning is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SwitchRow {
    /// The epoch that began by it.
    pub(super) epoch: Revision,
    /// Whether it is on.
    pub(super) is_on: bool,
    /// Whether a collection's is as its database has it: it then holds until the database's is switched.
    pub(super) follows: bool,
}

pub(crate) const DATABASES: Table<DatabaseId, DatabaseRow> = Table::new(TableId::Databases);
pub(crate) const DEFINITIONS: Table<CollectionId, DefinitionRow> = Table::new(TableId::Definitions);
pub(crate) const SWITCHES: Table<LearningScope, SwitchRow> = Table::new(TableId::LearningSwitches);
