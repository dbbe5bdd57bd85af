//! When an epoch's walks have ended, what was learned under it is whole, and may be published.

use std::ops::Bound;

use tidelog_core::{
    CollectionId, DatabaseId, Effects, Revision, State, Wake,
    message::{LearningScope, WalkEnded},
};

use super::{
    Pace, lessons, publishing,
    rows::{ENDS, Ended, Ends, LEARNERS, OPENINGS, Opening},
};

/// Notes that the walk of a task has ended.
pub(super) fn take(pace: Pace, ended: WalkEnded, state: &mut State<'_>, effects: &Effects) {
    let WalkEnded { scope, epoch, follows, partition } = ended;
    let none = || Ends { epoch, follows, of: Ended::Some(Default::default()) };
    let mut ends = state.get(&ENDS, &scope).unwrap_or_else(none);
    if ends.epoch > epoch {
        return;
    }
    if ends.epoch < epoch {
        ends = none();
    }
    let Ended::Some(partitions) = &mut ends.of else { return };
    partitions.insert(partition);
    let is_whole = partitions.len() == effects.layout().partitions() as usize;
    if !is_whole {
        return state.put(&ENDS, &scope, &ends);
    }
    state.put(&ENDS, &scope, &Ends { epoch, follows, of: Ended::All });
    match scope {
        LearningScope::Collection(collection) => open(pace, state, &collection, epoch),
        LearningScope::Database(database) => {
            state.put(&OPENINGS, &database, &Opening { epoch, after: None });
        }
    }
}

/// Whether what is learned of a collection under an epoch may be published.
pub(super) fn is_open(state: &State<'_>, collection: &CollectionId, epoch: Revision) -> bool {
    let is_whole = |scope| {
        let ends = state.get(&ENDS, &scope);
        ends.is_some_and(|ends| ends.epoch == epoch && ends.of == Ended::All)
    };
    is_whole(LearningScope::Database(collection.database()))
        || is_whole(LearningScope::Collection(collection.clone()))
}

/// Wakes at once while a database has collections that were not looked at.
pub(super) fn wake(state: &State<'_>) -> Option<Wake> {
    first(state)?;
    Some(Wake::at_once("collections whose documents have all been read"))
}

/// Looks at some more collections of a database whose walks have ended.
pub(super) fn pass(pace: Pace, state: &mut State<'_>) {
    let Some((database, opening)) = first(state) else { return };
    let prefix = [database.as_str().as_bytes(), b"/"].concat();
    let end = [database.as_str().as_bytes(), b"0"].concat();
    let from = match &opening.after {
        Some(after) => Bound::Excluded(after.as_str().as_bytes()),
        None => Bound::Included(&*prefix),
    };
    let rows = state.range(&LEARNERS, from, Bound::Excluded(&end), COLLECTIONS_MAX);
    for (collection, _) in &rows {
        // One that learning was switched for by itself is no concern of its database's.
        let own = state.get(&ENDS, &LearningScope::Collection(collection.clone()));
        if own.is_none_or(|own| own.follows && own.epoch < opening.epoch) {
            open(pace, state, collection, opening.epoch);
        }
    }
    match rows.last() {
        Some((last, _)) if rows.len() == COLLECTIONS_MAX => {
            let opening = Opening { after: Some(last.clone()), ..opening };
            state.put(&OPENINGS, &database, &opening);
        }
        Some(_) | None => state.remove(&OPENINGS, &database),
    }
}

/// Publishes what is known of a collection under an epoch, and be it that there is nothing.
fn open(pace: Pace, state: &mut State<'_>, collection: &CollectionId, epoch: Revision) {
    if let Some(learner) = lessons::in_epoch(state, collection, epoch) {
        publishing::schedule(pace, state, collection, learner);
    }
}

fn first(state: &State<'_>) -> Option<(DatabaseId, Opening)> {
    state.range(&OPENINGS, Bound::Unbounded, Bound::Unbounded, 1).pop()
}

/// Collections that are looked at in one call.
const COLLECTIONS_MAX: usize = 100;
