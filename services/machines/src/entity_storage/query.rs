//! Reads that need no log.

mod names;

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    Answer, EntityId, Query, State,
    limits::{PAGE_BYTES_MAX, PAGE_ITEMS_MAX, QUERY_ROWS_MAX},
    query::{EntityView, Page, Scope},
};

use super::rows::{self, ENTITIES, EntityRow};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let answer = match query {
        Query::Entity(id) => Answer::Entity(view(id.clone(), rows::find(state, id))),
        Query::Entities { scope, after, limit } => {
            Answer::Entities(entities(state, scope, after.as_deref(), items(*limit)))
        }
        Query::Collections { database, after, limit } => {
            Answer::Names(names::collections(state, database, after.as_deref(), items(*limit)))
        }
        Query::Zones { collection, after, limit } => {
            Answer::Names(names::zones(state, collection, after.as_deref(), items(*limit)))
        }
        Query::Database(_)
        | Query::Databases { .. }
        | Query::Request(_)
        | Query::Definition(_)
        | Query::Definitions { .. }
        | Query::Learning(_)
        | Query::Changes { .. }
        | Query::Notifications(_)
        | Query::Device(_)
        | Query::Devices(_) => Answer::NotOffered,
    };
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

/// A page of entities in the byte order of their ids, which is that of the rows.
fn entities(
    state: &State<'_>,
    scope: &Scope,
    after: Option<&str>,
    items_max: usize,
) -> Page<EntityView> {
    let mut page = Page { items: Vec::new(), looked_to: None };
    let Some(inside) = Inside::of(scope.as_str(), after) else { return page };
    let (mut looked_at, mut bytes) = (0, 0);
    let mut last: Option<EntityId> = None;
    state.scan(&ENTITIES, inside.from(), inside.to(), &mut |id, row| {
        // One row more is looked at than there is room for, so that the last page says that it is.
        let is_full = page.items.len() >= items_max || bytes >= PAGE_BYTES_MAX;
        if is_full || looked_at >= QUERY_ROWS_MAX {
            page.looked_to = last.as_ref().map(|last| last.as_str().into());
            return ControlFlow::Break(());
        }
        looked_at += 1;
        last = Some(id.clone());
        if let Some(view) = view(id, row) {
            bytes += view.value.len();
            page.items.push(view);
        }
        ControlFlow::Continue(())
    });
    page
}

fn view(id: EntityId, row: EntityRow) -> Option<EntityView> {
    let EntityRow { revision, document } = row;
    document.map(|value| EntityView { id, revision, value })
}

fn items(limit: u32) -> usize {
    // A page of no items would lead nowhere.
    usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, PAGE_ITEMS_MAX)
}

/// The keys of what is inside a place and after a text.
struct Inside {
    from: Vec<u8>,
    is_after: bool,
    to: Vec<u8>,
}

impl Inside {
    /// `None` where there can be nothing.
    fn of(place: &str, after: Option<&str>) -> Option<Self> {
        let first = [place.as_bytes(), b"/"].concat();
        // The byte after '/'.
        let to = [place.as_bytes(), b"0"].concat();
        let after = after.map(str::as_bytes).filter(|after| *after >= &*first);
        if after.is_some_and(|after| after >= &*to) {
            return None;
        }
        let is_after = after.is_some();
        Some(Self { from: after.map_or(first, <[u8]>::to_vec), is_after, to })
    }

    fn from(&self) -> Bound<&[u8]> {
        if self.is_after { Bound::Excluded(&self.from) } else { Bound::Included(&self.from) }
    }

    fn to(&self) -> Bound<&[u8]> {
        Bound::Excluded(&self.to)
    }
}
