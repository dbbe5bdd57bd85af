//! Which collections and zones there are, from the rows of the zones that have entities.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{CollectionId, DatabaseId, State, ZoneId, limits::QUERY_ROWS_MAX, query::Page};

use super::{super::rows::ZONES, Inside};

/// The zones of a collection, in the byte order of their ids, which is that of the rows.
pub(super) fn zones(
    state: &State<'_>,
    collection: &CollectionId,
    after: Option<&str>,
    items_max: usize,
) -> Page<Box<str>> {
    let mut page: Page<Box<str>> = Page { items: Vec::new(), looked_to: None };
    let Some(inside) = Inside::of(collection.as_str(), after) else { return page };
    state.scan(&ZONES, inside.from(), inside.to(), &mut |zone, _| {
        if page.items.len() >= items_max {
            page.looked_to = page.items.last().cloned();
            return ControlFlow::Break(());
        }
        page.items.push(zone.as_str().into());
        ControlFlow::Continue(())
    });
    page
}

/// The collections of a database, in the byte order of their ids, skipping from one to the next.
pub(super) fn collections(
    state: &State<'_>,
    database: &DatabaseId,
    after: Option<&str>,
    items_max: usize,
) -> Page<Box<str>> {
    let mut page: Page<Box<str>> = Page { items: Vec::new(), looked_to: None };
    let Some(inside) = Inside::of(database.as_str(), after) else { return page };
    // The least text after `after`.
    let least = |after: &str| [after.as_bytes(), &[0]].concat();
    let mut from = if inside.is_after { least(after.unwrap_or_default()) } else { inside.from };
    let mut looks = 0;
    while let Some(next) = next_collection(state, &from, &inside.to, &mut looks) {
        if page.items.len() >= items_max || looks >= QUERY_ROWS_MAX {
            page.looked_to = page.items.last().cloned();
            break;
        }
        from = least(next.as_str());
        page.items.push(next.as_str().into());
    }
    page
}

/// The first collection whose id is not below `from`, with zones below `to`.
///
/// The order of the ids is not that of the rows: `shop/a` comes before `shop/a-b`, and the zone
/// `shop/a-b/eu` before `shop/a/eu`, as `-` and `.` come before `/`. So where a collection is
/// found, one that its name goes on from, at a `-` or a `.`, may come first.
fn next_collection(
    state: &State<'_>,
    from: &[u8],
    to: &[u8],
    looks: &mut usize,
) -> Option<CollectionId> {
    let mut first = from.to_vec();
    loop {
        *looks += 1;
        let found = first_zone(state, &first, to)?.collection();
        for (at, _) in found.as_str().match_indices(['-', '.']) {
            let head = &found.as_str()[..at];
            let Some(inside) = Inside::of(head, None).filter(|_| head.as_bytes() >= from) else {
                continue;
            };
            *looks += 1;
            if let Some(zone) = first_zone(state, &inside.from, &inside.to)
                && zone.collection().as_str() == head
            {
                return Some(zone.collection());
            }
        }
        if found.as_str().as_bytes() >= from {
            return Some(found);
        }
        // `from` goes on from this one's name, so its rows come later than `from`: behind them.
        first = Inside::of(found.as_str(), None)?.to;
    }
}

fn first_zone(state: &State<'_>, from: &[u8], to: &[u8]) -> Option<ZoneId> {
    let bounds = (Bound::Included(from), Bound::Excluded(to));
    let zones = state.range(&ZONES, bounds.0, bounds.1, 1);
    zones.into_iter().next().map(|(zone, _)| zone)
}
