//! The databases and the definitions of their collections, as they are followed in `schema-updates`.

use std::collections::BTreeMap;

use tidelog_core::{
    CollectionId, DatabaseId, Layout, Message, Offset, PartitionId,
    message::{DefinitionUpdate, SchemaUpdate},
    query::{DatabaseView, DefinitionView},
};

/// The databases that there are, and what their documents are like.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    layout: Layout,
    known: BTreeMap<DatabaseId, Known>,
    /// How far in `schema-patches` each partition is seen.
    reached: BTreeMap<PartitionId, Offset>,
    /// Bytes of the definitions that are kept.
    bytes: usize,
    /// Whether it has been read to its end once.
    pub(crate) is_complete: bool,
}

/// What is known of a database.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Comes before everything else of it, but may have been read a moment later where compaction has
    /// put it there.
    view: Option<DatabaseView>,
    definitions: BTreeMap<CollectionId, Held>,
}

#[derive(Clone, Debug)]
enum Held {
    Whole(DefinitionView),
    /// There was no room for it: schema-storage is asked.
    Elsewhere,
}

impl Databases {
    pub(crate) fn new(layout: Layout) -> Self {
        let (known, reached) = (BTreeMap::new(), BTreeMap::new());
        Self { layout, known, reached, bytes: 0, is_complete: false }
    }

    /// The database, if it is known.
    pub(crate) fn get(&self, id: &DatabaseId) -> Option<&DatabaseView> {
        self.known.get(id)?.view.as_ref()
    }

    /// The definition of a collection's documents, if it is known, as it was after that record of
    /// `schema-patches` or later.
    pub(crate) fn definition(
        &self,
        id: &CollectionId,
        at_least: Option<Offset>,
    ) -> Option<DefinitionView> {
        let database = id.database();
        let known = self.known.get(&database).filter(|_| self.has_reached(&database, at_least))?;
        match known.definitions.get(id)? {
            Held::Whole(view) => Some(view.clone()),
            Held::Elsewhere => None,
        }
    }

    /// All definitions of a database, if they are known.
    pub(crate) fn definitions(&self, id: &DatabaseId) -> Option<Vec<DefinitionView>> {
        let known = self.known.get(id)?;
        known.view.as_ref()?;
        let whole = known.definitions.values().map(|held| match held {
            Held::Whole(view) => Some(view.clone()),
            Held::Elsewhere => None,
        });
        whole.collect()
    }

    fn has_reached(&self, id: &DatabaseId, at_least: Option<Offset>) -> bool {
        let reached = self.reached.get(&self.layout.partition(id.as_str())).copied();
        at_least.is_none_or(|at_least| reached >= Some(at_least))
    }

    /// Takes a change. One that is older than what is known changes nothing.
    pub(crate) fn update(&mut self, message: Message) {
        if let Message::SchemaUpdate(update) = message {
            self.update_database(update);
        } else if let Message::DefinitionUpdate(update) = message {
            self.update_definition(update);
        }
    }

    fn update_database(&mut self, update: SchemaUpdate) {
        let SchemaUpdate { database: id, revision, created, .. } = update;
        let known = self.known.entry(id.clone()).or_default();
        let of_definitions = known.definitions.values().filter_map(|held| match held {
            Held::Whole(view) => Some(view.revision),
            Held::Elsewhere => None,
        });
        let before = known.view.as_ref().map(|view| view.revision).max(of_definitions.max());
        let revision = revision.max(before.unwrap_or_default());
        known.view = Some(DatabaseView { id, revision, created });
    }

    fn update_definition(&mut self, update: DefinitionUpdate) {
        let DefinitionUpdate { collection, revision, statement, learned, offset, .. } = update;
        let database = collection.database();
        let reached = self.reached.entry(self.layout.partition(database.as_str())).or_default();
        *reached = offset.max(*reached);
        let known = self.known.entry(database).or_default();
        if let Some(view) = &mut known.view {
            view.revision = revision.max(view.revision);
        }
        let view = DefinitionView { collection: collection.clone(), revision, statement, learned };
        if let Some(Held::Whole(before)) = known.definitions.get(&collection) {
            if before.revision > revision {
                return;
            }
            self.bytes -= before.bytes();
        }
        let is_there = view.statement.is_some() || view.learned.is_some();
        let held = if self.bytes + view.bytes() <= BYTES_MAX {
            self.bytes += view.bytes();
            Held::Whole(view)
        } else {
            Held::Elsewhere
        };
        match is_there {
            true => _ = known.definitions.insert(collection, held),
            false => _ = known.definitions.remove(&collection),
        }
    }
}

/// Bytes of definitions that are kept. Beyond that, schema-storage is asked for further ones.
const BYTES_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tidelog_core::{Document, RequestName, Revision, Timestamp};

    use super::*;

    #[test]
    fn definitions_are_followed_and_no_older_one_comes_back() {
        let mut databases = databases();
        databases.update(database(1));
        databases.update(definition("shop/orders", 3, 7, "{}"));
        databases.update(definition("shop/orders", 2, 5, "true"));
        let view = databases.definition(&id("shop/orders"), None).expect("it is known");
        assert_eq!((view.revision, view.learned), (Revision(3), Some(document("{}"))));
        assert_eq!(databases.get(&id("shop")).map(|view| view.revision), Some(Revision(3)));
        assert_eq!(databases.definition(&id("shop/users"), None), None);
    }

    #[test]
    fn what_is_to_be_seen_at_least_is_not_answered_from_before() {
        let mut databases = databases();
        databases.update(database(1));
        databases.update(definition("shop/orders", 3, 7, "{}"));
        let known = |at_least| {
            let one = databases.definition(&id("shop/orders"), Some(Offset(at_least)));
            one.is_some()
        };
        assert!(known(7) && !known(8));
        assert_eq!(databases.definitions(&id("shop")).map(|all| all.len()), Some(1));
    }

    #[test]
    fn what_there_is_no_room_for_is_asked_for() {
        let mut databases = databases();
        databases.update(database(1));
        let large = format!("\"{}\"", "x".repeat(1_000_000));
        for number in 0..70 {
            databases.update(definition(&format!("shop/c{number}"), 2, number, &large));
        }
        assert!(databases.definition(&id("shop/c0"), None).is_some());
        assert_eq!(databases.definition(&id("shop/c69"), None), None);
        assert_eq!(databases.definitions(&id("shop")), None);
        for number in 0..10 {
            databases.update(definition(&format!("shop/c{number}"), 3, 80 + number, "{}"));
        }
        databases.update(definition("shop/c69", 3, 99, "{}"));
        assert!(databases.definition(&id("shop/c69"), None).is_some());
    }

    fn databases() -> Databases {
        Databases::new(Layout::new(4).expect("four partitions"))
    }

    fn database(revision: u64) -> Message {
        let name: tidelog_core::RequestId = "app:0:1:1000".parse().expect("an id");
        let request: RequestName = name.name;
        let (created, time) = (Timestamp::ZERO, Timestamp::ZERO);
        let (database, revision) = (id("shop"), Revision(revision));
        Message::SchemaUpdate(SchemaUpdate { database, revision, created, request, time })
    }

    fn definition(collection: &str, revision: u64, offset: u64, learned: &str) -> Message {
        Message::DefinitionUpdate(DefinitionUpdate {
            collection: id(collection),
            revision: Revision(revision),
            statement: None,
            learned: Some(document(learned)),
            offset: Offset(offset),
            time: Timestamp::ZERO,
        })
    }

    fn document(text: &str) -> Document {
        Document::parse(text.as_bytes()).expect("a document")
    }

    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("an id")
    }
}
