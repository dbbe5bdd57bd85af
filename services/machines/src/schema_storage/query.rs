//! Reads that need no log.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    Answer, CollectionId, DatabaseId, Query, State,
    limits::{PAGE_BYTES_MAX, PAGE_ITEMS_MAX},
    query::{DatabaseView, DefinitionView, Page},
};

use super::{
    learning,
    rows::{DATABASES, DEFINITIONS, DatabaseRow, DefinitionRow},
};

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
        Query::Definition(collection) => {
            let row = state.get(&DEFINITIONS, collection);
            Answer::Definition(row.and_then(|row| definition(collection.clone(), row)))
        }
        Query::Definitions { database, after, limit } => {
            Answer::Definitions(definitions(state, database, after.as_deref(), *limit))
        }
        Query::Learning(scope) => Answer::Learning(learning::view(scope, state)),
        Query::Entity(_)
        | Query::Entities { .. }
        | Query::Collections { .. }
        | Query::Zones { .. }
        | Query::Request(_)
        | Query::Changes { .. }
        | Query::Notifications(_)
        | Query::Device(_)
        | Query::Devices(_) => Answer::NotOffered,
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

/// A page of a database's definitions in the byte order of their collections' ids.
fn definitions(
    state: &State<'_>,
    database: &DatabaseId,
    after: Option<&str>,
    limit: u32,
) -> Page<DefinitionView> {
    let items_max = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, PAGE_ITEMS_MAX);
    let mut page: Page<DefinitionView> = Page { items: Vec::new(), looked_to: None };
    let prefix = format!("{database}/");
    // The byte after '/'.
    let end = format!("{database}0");
    let from = match after {
        Some(after) if after > &*prefix => Bound::Excluded(after.as_bytes()),
        Some(_) | None => Bound::Included(prefix.as_bytes()),
    };
    let (mut rows, mut bytes) = (0, 0);
    state.scan(&DEFINITIONS, from, Bound::Excluded(end.as_bytes()), &mut |collection, row| {
        if rows >= items_max || bytes >= PAGE_BYTES_MAX {
            return ControlFlow::Break(());
        }
        rows += 1;
        page.looked_to = Some(collection.as_str().into());
        if let Some(view) = definition(collection, row) {
            bytes += view.bytes();
            page.items.push(view);
        }
        ControlFlow::Continue(())
    });
    if rows < items_max && bytes < PAGE_BYTES_MAX {
        page.looked_to = None;
    }
    page
}

fn definition(collection: CollectionId, row: DefinitionRow) -> Option<DefinitionView> {
    let revision = row.exists_at()?;
    let DefinitionRow { statement, learned, .. } = row;
    let learned = learned.map(|learned| learned.definition);
    Some(DefinitionView { collection, revision, statement, learned })
}

fn view(id: DatabaseId, row: &DatabaseRow) -> DatabaseView {
    DatabaseView { id, revision: row.revision, created: row.created }
}
