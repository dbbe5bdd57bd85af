//! Answering requests that do not become whole, and forgetting those that were answered long ago.
//!
//! An aggregate has one deadline at a time, and only [`pass`] removes it: at the first, if the
//! aggregate is not whole, it is answered as it is; at the second it is forgotten. So deadlines go
//! only from the front, and where the front is, is kept: looking for the first one does not pass
//! all that were removed before.

use std::ops::Bound;

use tidelog_core::{
    Effects, Probe, State, Timestamp, Wake,
    limits::{AGGREGATE_KEPT_FOR, AGGREGATE_WAITS_FOR, BATCH_PARTS_MAX},
};

use super::{
    aggregate,
    rows::{
        AGGREGATES, Aggregate, AggregateKey, DEADLINES, Deadline, DeadlineKey, PARTS, PartKey,
        SWEEP,
    },
};

/// Sets the first deadline of a request whose first answer has come.
pub(super) fn start(state: &mut State<'_>, key: &AggregateKey, started: Timestamp) {
    let at = set(state, started.plus(AGGREGATE_WAITS_FOR), key.clone(), Deadline::Answer);
    // Task time may lie behind the session's clock.
    if state.get(&SWEEP, &()).is_some_and(|front| at < front) {
        Probe::DeadlineBeforeFront.hit();
        state.put(&SWEEP, &(), &at);
    }
}

/// The first deadline.
pub(super) fn first(state: &State<'_>) -> Option<Wake> {
    let (key, deadline) = due(state, Timestamp::MAX, 1).pop()?;
    let reason = match deadline {
        Deadline::Answer => "requests whose parts may not all have been answered",
        Deadline::Forget => "answers that need not be remembered any longer",
    };
    Some(Wake { at: key.at, reason })
}

/// Does what is to be done by now, or the first of it: then the next timeout comes at once.
pub(super) fn pass(now: Timestamp, state: &mut State<'_>, effects: &mut Effects) {
    let mut rows_left = ROWS_MAX;
    let mut answers_left = ANSWERS_MAX;
    // Nothing that is left, or is set here, may stand before the front.
    let mut front = Timestamp::ZERO;
    let mut set_least = Timestamp::MAX;
    for (key, deadline) in due(state, now, DEADLINES_MAX) {
        let Some(aggregate) = state.get(&AGGREGATES, &key.aggregate) else {
            // Only where a read failed, and then none of this counts; but never stay on it.
            state.remove(&DEADLINES, &key);
            continue;
        };
        let is_answered = deadline == Deadline::Answer && !aggregate.is_whole();
        let rows = if is_answered || deadline == Deadline::Forget { 1 + aggregate.of } else { 1 };
        if rows > rows_left || (is_answered && answers_left == 0) {
            Probe::DeadlinesStoppedEarly.hit();
            break;
        }
        rows_left -= rows;
        state.remove(&DEADLINES, &key);
        front = key.at;
        match deadline {
            Deadline::Answer => {
                if is_answered {
                    Probe::BatchAnsweredIncomplete.hit();
                    answers_left -= 1;
                    aggregate::publish(&key.aggregate, &aggregate, state, effects);
                }
                let at = aggregate.started.plus(AGGREGATE_KEPT_FOR);
                set_least = set_least.min(set(state, at, key.aggregate, Deadline::Forget));
            }
            Deadline::Forget => {
                Probe::AggregateForgotten.hit_if(aggregate.is_whole());
                Probe::IncompleteAggregateForgotten.hit_if(!aggregate.is_whole());
                forget(state, key.aggregate, &aggregate);
            }
        }
    }
    if front > Timestamp::ZERO {
        state.put(&SWEEP, &(), &front.min(set_least));
    }
}

fn forget(state: &mut State<'_>, key: AggregateKey, aggregate: &Aggregate) {
    state.remove(&AGGREGATES, &key);
    let mut part = PartKey { aggregate: key, number: 0 };
    for number in 1..=aggregate.of {
        part.number = number;
        if aggregate.is_whole() || state.contains(&PARTS, &part) {
            state.remove(&PARTS, &part);
        }
    }
}

/// Sets a deadline at the next full second, so that many come at once. Gives back when that is.
fn set(
    state: &mut State<'_>,
    at: Timestamp,
    aggregate: AggregateKey,
    deadline: Deadline,
) -> Timestamp {
    let at = at.as_millis().checked_next_multiple_of(1_000).map_or(at, Timestamp::from_millis);
    state.put(&DEADLINES, &DeadlineKey { at, aggregate }, &deadline);
    at
}

/// The first deadlines that are not after `now`.
fn due(state: &State<'_>, now: Timestamp, limit: usize) -> Vec<(DeadlineKey, Deadline)> {
    let from = state.get(&SWEEP, &()).unwrap_or_default().as_millis().to_be_bytes();
    let end = now.as_millis().checked_add(1).map(u64::to_be_bytes);
    let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    if end.is_some_and(|end| end <= from) {
        return Vec::new();
    }
    state.range(&DEADLINES, Bound::Included(&from[..]), to, limit)
}

/// How many deadlines, rows of aggregates, and answers with their documents one call may be about.
const DEADLINES_MAX: usize = 256;
const ROWS_MAX: u32 = 2_000;
const ANSWERS_MAX: u32 = 16;
// The largest aggregate alone is never too much.
const _: () = assert!(BATCH_PARTS_MAX < ROWS_MAX as usize);
