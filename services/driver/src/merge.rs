//! Pages of many partitions as one page.

use tidelog_core::query::Page;

use crate::answer::Listing;

/// How much may be on a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// So many items.
    pub(crate) items: usize,
    /// The page ends after the item that reaches that many bytes.
    pub(crate) bytes: usize,
}

/// What a list is made of.
pub(crate) trait Item {
    /// The text that it is ordered by.
    fn text(&self) -> &str;

    /// How much it takes of a page's room.
    fn bytes(&self) -> usize;
}

/// Merges the pages that the partitions gave for the same question.
///
/// A partition has looked no further than its `looked_to`: what others have beyond the smallest of
/// them stays away, for something might be missing in between. An item that is on many pages (a
/// name) is taken once.
pub(crate) fn merge<T: Item>(pages: Vec<Page<T>>, room: Room) -> Listing<T> {
    let bound: Option<Box<str>> =
        pages.iter().filter_map(|page| page.looked_to.as_deref()).min().map(Into::into);
    let mut items: Vec<T> = pages.into_iter().flat_map(|page| page.items).collect();
    // The pages are sorted runs, which a stable sort merges.
    items.sort_by(|a, b| a.text().cmp(b.text()));
    items.dedup_by(|a, b| a.text() == b.text());
    if let Some(bound) = &bound {
        items.truncate(items.partition_point(|item| item.text() <= &**bound));
    }
    let count = fitting(&items, room);
    if count == items.len() {
        return Listing { items, next: bound };
    }
    items.truncate(count);
    let next = items.last().map(|item| item.text().into());
    Listing { items, next }
}

/// How many items the room takes; at least one, if there is one.
fn fitting<T: Item>(items: &[T], room: Room) -> usize {
    let mut bytes = 0;
    let within = items.iter().take_while(|item| {
        let fits = bytes < room.bytes;
        bytes += item.bytes();
        fits
    });
    within.count().min(room.items).max(items.len().min(1))
}

#[cfg(test)]
mod tests;
