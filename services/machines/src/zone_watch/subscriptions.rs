//! Who wants to be told what, and from which record of `zone-changes` to which.

use std::ops::Bound;

use tidelog_core::{Offset, Probe, Source, State, Subscription, message::SubscriptionChange};

use super::{
    fan_out,
    rows::{ENDED, EndedKey, SUBSCRIPTIONS, Subscribed, SubscriptionKey},
};

/// Ends what holds of a subscription, and begins what is to hold.
pub(super) fn change(source: Source, change: &SubscriptionChange, state: &mut State<'_>) {
    let offset = source.position.offset;
    let SubscriptionChange { subscription, subject, terms, .. } = change;
    let prefix = SubscriptionKey::of_subscription(subject, subscription);
    let mut end = prefix.clone();
    end.extend_from_slice(&offset.0.to_be_bytes());
    let before =
        state.range(&SUBSCRIPTIONS, Bound::Included(&prefix), Bound::Excluded(&end), usize::MAX);
    for (key, row) in before.into_iter().filter(|(_, row)| row.to.is_none()) {
        stop(key, &row, offset, state);
    }
    if let Some(terms) = *terms {
        let device = Subscription::device(subscription);
        let name = subscription.name().into();
        let key = SubscriptionKey { subject: subject.clone(), device, name, from: offset };
        state.put(&SUBSCRIPTIONS, &key, &Subscribed { terms, to: None });
    }
}

/// Ends a subscription: at once, or, where changes from before have yet to be told, when that is done.
fn stop(key: SubscriptionKey, row: &Subscribed, to: Offset, state: &mut State<'_>) {
    if fan_out::first(state).is_none() {
        return state.remove(&SUBSCRIPTIONS, &key);
    }
    Probe::SubscriptionEndedBehind.hit();
    state.put(&SUBSCRIPTIONS, &key, &Subscribed { terms: row.terms, to: Some(to) });
    let now = state.task_time();
    state.put(&ENDED, &EndedKey { to, subscription: key }, &now);
}

/// Forgets subscriptions that have ended and that no change is told by any more: all that are told have
/// `first` as their first offset.
pub(super) fn forget_ended(first: Option<Offset>, state: &mut State<'_>) {
    let before = first.map(|first| (first.0 + 1).to_be_bytes());
    let to = before.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(to.as_slice()));
    for (key, _) in state.range(&ENDED, Bound::Unbounded, to, FORGOTTEN_MAX) {
        state.remove(&SUBSCRIPTIONS, &key.subscription);
        state.remove(&ENDED, &key);
    }
}

/// Whether there are subscriptions that have ended, and are kept.
pub(super) fn have_ended(state: &State<'_>) -> bool {
    !state.range(&ENDED, Bound::Unbounded, Bound::Unbounded, 1).is_empty()
}

/// Subscriptions that are forgotten in one call.
const FORGOTTEN_MAX: usize = 1_000;
