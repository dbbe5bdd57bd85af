//! The rows of entities, and of the zones that have any.

use serde::{Deserialize, Serialize};
use tidelog_core::{Document, EntityId, Probe, Revision, State, TableId, ZoneId, state::Table};

/// An entity, or what is left of one that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntityRow {
    /// Goes on after a deletion.
    pub(super) revision: Revision,
    /// `None` where the entity is deleted.
    pub(super) document: Option<Document>,
}

impl EntityRow {
    /// An entity that never was.
    pub(super) const NONE: Self = Self { revision: Revision::NONE, document: None };

    /// The revision that the entity exists at, if it exists.
    pub(super) fn exists_at(&self) -> Option<Revision> {
        self.document.as_ref().map(|_| self.revision)
    }

    /// The entity after its next change.
    pub(super) fn next(&self, document: Option<Document>) -> Self {
        Self { revision: self.revision.next(), document }
    }
}

/// The row of an entity.
pub(super) fn find(state: &State<'_>, id: &EntityId) -> EntityRow {
    state.get(&ENTITIES, id).unwrap_or(EntityRow::NONE)
}

/// How many entities a zone has in this partition.
pub(super) fn count(state: &State<'_>, zone: &ZoneId) -> u64 {
    state.get(&ZONES, zone).unwrap_or(0)
}

/// Writes the row of an entity that was `before`, and counts it where it came or went.
pub(super) fn put(state: &mut State<'_>, id: &EntityId, before: &EntityRow, after: &EntityRow) {
    state.put(&ENTITIES, id, after);
    match (&before.document, &after.document) {
        (None, Some(_)) => {
            let zone = id.zone();
            let count = count(state, &zone);
            state.put(&ZONES, &zone, &(count + 1));
        }
        (Some(_), None) => {
            let zone = id.zone();
            match state.get(&ZONES, &zone) {
                Some(count @ 2..) => state.put(&ZONES, &zone, &(count - 1)),
                // Where the count cannot be read, the state is marked, and none of this counts.
                Some(0..=1) | None => {
                    Probe::ZoneEmptied.hit();
                    state.remove(&ZONES, &zone);
                }
            }
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
}

/// Entities, deleted ones with their revision.
pub(crate) const ENTITIES: Table<EntityId, EntityRow> = Table::new(TableId::Entities);

/// How many entities each zone has in this partition. One without any has no row.
pub(crate) const ZONES: Table<ZoneId, u64> = Table::new(TableId::Zones);
