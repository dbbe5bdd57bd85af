//! Reads that need no log.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    Answer, DatabaseId, Query, State,
    limits::PAGE_ITEMS_MAX,
    query::{DatabaseView, Page},
};

use super::rows::{DATABASES, DatabaseRow};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let answer = match query {
        Query::Database(id) => {
            let row = state.get(&DATABASES, id);
            Answer::Database(row.map(|row| view(id.clone(), &row)))
        }
        Query::Databases { after, limit } => {
            Answer::Databases(databases(state, after.as_deref(), *limit))
        }
        Query::Entity(_)
        | Query::Entities { .. }
        | Query::Collections { .. }
        | Query::Zones { .. }
        | Query::Request(_) => Answer::NotOffered,
    };
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

/// A page of databases in the byte order of their ids, which is that of the rows.
fn databases(state: &State<'_>, after: Option<&str>, limit: u32) -> Page<DatabaseView> {
    // A page of no items would lead nowhere.
    let items_max = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, PAGE_ITEMS_MAX);
    let mut page: Page<DatabaseView> = Page { items: Vec::new(), looked_to: None };
    let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_bytes()));
    state.scan(&DATABASES, from, Bound::Unbounded, &mut |id, row| {
        if page.items.len() >= items_max {
            page.looked_to = page.items.last().map(|last| last.id.as_str().into());
            return ControlFlow::Break(());
        }
        page.items.push(view(id, &row));
        ControlFlow::Continue(())
    });
    page
}

fn view(id: DatabaseId, row: &DatabaseRow) -> DatabaseView {
    DatabaseView { id, revision: row.revision, created: row.created }
}
