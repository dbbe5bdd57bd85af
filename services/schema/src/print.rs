//! Schemas as they are shown: of a collection, and of a database with all its collections.

use serde_json::{Map, Value};
use tidelog_core::{CollectionId, DatabaseId};

use crate::statement::DIALECT;

/// The schema of a collection's documents.
#[must_use]
pub fn collection_schema(id: &CollectionId, definition: Value) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), DIALECT.into());
    add_definition(&mut schema, id, definition);
    schema.into()
}

/// The schema of a database: its collections' under `$defs`, each a resource of its own, so that
/// references inside it lead where they did.
#[must_use]
pub fn database_schema(
    id: &DatabaseId,
    collections: impl IntoIterator<Item = (CollectionId, Value)>,
) -> Value {
    let definitions: Map<_, _> = collections
        .into_iter()
        .map(|(id, definition)| {
            let mut schema = Map::new();
            add_definition(&mut schema, &id, definition);
            (id.name().to_owned(), schema.into())
        })
        .collect();
    let mut schema = Map::new();
    schema.insert("$schema".into(), DIALECT.into());
    schema.insert("$id".into(), format!("{SCHEME}{id}").into());
    schema.insert("$defs".into(), definitions.into());
    schema.into()
}

fn add_definition(schema: &mut Map<String, Value>, id: &CollectionId, definition: Value) {
    schema.insert("$id".into(), format!("{SCHEME}{id}").into());
    match definition {
        Value::Object(members) => schema.extend(members),
        Value::Bool(false) => {
            schema.insert("not".into(), Value::Object(Map::new()));
        }
        // `true` says nothing; and a definition is nothing else.
        Value::Bool(true) | Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
        }
    }
}

/// What the names of schemas begin with.
const SCHEME: &str = "tidelog:/";
