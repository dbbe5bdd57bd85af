//! The table of databases, as it is followed in `schema-updates`.

use std::collections::BTreeMap;

use tidelog_core::{DatabaseId, message::SchemaUpdate, query::DatabaseView};

/// The databases that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Databases {
    views: BTreeMap<DatabaseId, DatabaseView>,
    /// Whether it has been read to its end once.
    pub(crate) is_complete: bool,
}

impl Databases {
    /// The database, if it is known.
    pub(crate) fn get(&self, id: &DatabaseId) -> Option<&DatabaseView> {
        self.views.get(id)
    }

    /// Takes a change. One that is older than what is known changes nothing.
    pub(crate) fn update(&mut self, update: SchemaUpdate) {
        let SchemaUpdate { database: id, revision, created, .. } = update;
        if self.views.get(&id).is_none_or(|view| view.revision < revision) {
            self.views.insert(id.clone(), DatabaseView { id, revision, created });
        }
    }
}
