//! Reads that need no log.

use tidelog_core::{
    Answer, DeviceId, Query, State, ZoneId,
    query::{NotificationsView, UnreadView},
};

use super::{
    rows::{NOTIFIED, Unread},
    unread_of,
};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let Query::Notifications(device) = query else { return Answer::NotOffered };
    let answer = Answer::Notifications(notifications(state, device));
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

fn notifications(state: &State<'_>, device: &DeviceId) -> NotificationsView {
    let Some(notified) = state.get(&NOTIFIED, device) else {
        return NotificationsView::default();
    };
    NotificationsView {
        last: notified.last,
        acknowledged: notified.acknowledged,
        overflowed: notified.overflowed_at.is_some(),
        zones: unread_of(device, state).into_iter().map(view).collect(),
    }
}

fn view((zone, unread): (ZoneId, Unread)) -> UnreadView {
    let Unread { number, first, last, created, updated, deleted, time } = unread;
    UnreadView { zone, number, first, last, created, updated, deleted, time }
}
