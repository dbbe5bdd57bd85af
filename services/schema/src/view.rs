//! Schemas as readers of the log see them.

use serde_json::Value;
use tidelog_core::{DatabaseId, query::DefinitionView};

use crate::{Statement, collection_schema, combined, database_schema};

/// The schema of a collection's documents.
#[must_use]
pub fn schema_of(view: &DefinitionView) -> Value {
    collection_schema(&view.collection, definition(view))
}

/// The schema of a database, with those of its collections.
#[must_use]
pub fn schema_of_database<'v>(
    database: &DatabaseId,
    views: impl IntoIterator<Item = &'v DefinitionView>,
) -> Value {
    let definitions = views.into_iter().map(|view| (view.collection.clone(), definition(view)));
    database_schema(database, definitions)
}

fn definition(view: &DefinitionView) -> Value {
    let stated = view.statement.as_ref().and_then(Statement::stored);
    combined(view.learned.as_ref(), stated.as_ref())
}
