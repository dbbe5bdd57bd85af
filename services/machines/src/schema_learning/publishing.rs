//! Saying what was learned: at once when it has changed, and not too often.

use std::ops::Bound;

use tidelog_core::{
    CollectionId, Document, Effects, Message, Probe, State, Timestamp, Wake,
    message::{Fingerprint, LearnedDefinition},
};
use tidelog_schema::{Model, Notes};

use super::{
    Pace,
    rows::{DUE, Due, LEARNERS, Learner, MODELS, Published},
};

/// Has a collection looked at, of which something was learned: at once, or when it has not been looked
/// at for a while.
pub(super) fn schedule(
    pace: Pace,
    state: &mut State<'_>,
    collection: &CollectionId,
    learner: Learner,
) {
    let at = learner.looked_at.plus(pace.definition);
    if learner.due.is_none_or(|due| at < due) {
        set_due(state, collection, learner, Some(at));
    }
}

/// Has a collection not looked at until something more is known.
pub(super) fn put_off(
    state: &mut State<'_>,
    collection: &CollectionId,
    learner: Learner,
) -> Learner {
    set_due(state, collection, learner.clone(), None);
    Learner { due: None, ..learner }
}

/// When the first collection is due.
pub(super) fn wake(state: &State<'_>) -> Option<Wake> {
    let (due, ()) = state.range(&DUE, Bound::Unbounded, Bound::Unbounded, 1).pop()?;
    Some(Wake { at: due.at, reason: "collections of which something was learned" })
}

/// Looks at the collections that are due, or at some of them: then the next timeout comes at once.
pub(super) fn pass(pace: Pace, now: Timestamp, state: &mut State<'_>, effects: &mut Effects) {
    let end = now.plus(std::time::Duration::from_millis(1)).as_millis().to_be_bytes();
    let rows = state.range(&DUE, Bound::Unbounded, Bound::Excluded(&end), COLLECTIONS_MAX);
    for (due, ()) in rows {
        match state.get(&LEARNERS, &due.collection) {
            Some(learner) if learner.due == Some(due.at) => {
                look_at(pace, now, &due.collection, learner, state, effects);
            }
            // Only where a read failed, and then none of this counts; but never stay on it.
            Some(_) | None => state.remove(&DUE, &due),
        }
    }
}

/// Publishes what was learned of a collection if its definition has changed, or if it counts otherwise
/// than what was published a while ago.
fn look_at(
    pace: Pace,
    now: Timestamp,
    collection: &CollectionId,
    mut learner: Learner,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    // The times that are kept are those of whoever reads them, on another node perhaps, whose clock is
    // right: a clock that is ahead must put nothing off there.
    let stamp = now.min(state.task_time().plus(pace.definition).plus(pace.counts));
    learner.looked_at = stamp;
    let model: Model = state.get(&MODELS, collection).unwrap_or_default();
    let definition = fingerprint(&model.definition(Notes::Without));
    let whole = model.definition(Notes::With);
    let published = Published { definition, whole: fingerprint(&whole), at: stamp };
    let counts_at = match learner.published {
        Some(last) if last.definition == definition && last.whole == published.whole => {
            return set_due(state, collection, learner, None);
        }
        Some(last) if last.definition == definition => last.at.plus(pace.counts),
        Some(_) | None => now,
    };
    if counts_at > now {
        Probe::CountsPutOff.hit();
        return set_due(state, collection, learner, Some(counts_at));
    }
    learner.number += 1;
    learner.published = Some(published);
    effects.send(&Message::LearnedDefinition(LearnedDefinition {
        collection: collection.clone(),
        epoch: learner.epoch,
        number: learner.number,
        definition: whole,
        time: stamp,
    }));
    set_due(state, collection, learner, None);
}

/// Writes the learner, and when it is due.
fn set_due(
    state: &mut State<'_>,
    collection: &CollectionId,
    mut learner: Learner,
    at: Option<Timestamp>,
) {
    let key = |at| Due { at, collection: collection.clone() };
    if let Some(before) = std::mem::replace(&mut learner.due, at) {
        state.remove(&DUE, &key(before));
    }
    if let Some(at) = at {
        state.put(&DUE, &key(at), &());
    }
    state.put(&LEARNERS, collection, &learner);
}

fn fingerprint(document: &Document) -> Fingerprint {
    Fingerprint::of(&[document.as_bytes()])
}

/// Collections that are looked at in one call. Their definitions fit into a commit.
const COLLECTIONS_MAX: usize = 8;
