//! Reads that need no log.

use std::ops::Bound;

use tidelog_core::{
    Answer, Query, State, ZoneId,
    limits::PAGE_ITEMS_MAX,
    query::{ChangeView, FeedView},
    state::TableKey,
};

use super::rows::{CHANGES, ChangeKey, FEEDS};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let Query::Changes { zone, after, limit } = query else { return Answer::NotOffered };
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX).clamp(1, PAGE_ITEMS_MAX);
    let answer = Answer::Changes(changes(state, zone, *after, limit));
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

fn changes(state: &State<'_>, zone: &ZoneId, after: Option<u64>, limit: usize) -> FeedView {
    let Some(feed) = state.get(&FEEDS, zone) else {
        return FeedView { feed: 0, oldest: 1, last: 0, changes: Vec::new() };
    };
    let (oldest, last) = (feed.oldest, feed.last);
    let mut view = FeedView { feed: feed.id, oldest, last, changes: Vec::new() };
    let first = after.map_or(oldest, |after| after.saturating_add(1));
    // What is too old is for the caller to say.
    if first < oldest || first > last {
        return view;
    }
    let key = |sequence| ChangeKey { zone: zone.clone(), sequence }.to_bytes();
    let (from, to) = (key(first), key(last));
    let rows = state.range(&CHANGES, Bound::Included(&from), Bound::Included(&to), limit);
    view.changes.extend(rows.into_iter().map(|(key, change)| ChangeView {
        sequence: key.sequence,
        entity: change.entity,
        kind: change.kind,
        revision: change.revision,
        time: change.time,
    }));
    view
}
