//! Switching learning, and taking what was learned.

use tidelog_core::{
    Effects, Message, Problem, ProblemKind, State,
    message::{LearnedDefinition, LearningScope, LearningSwitch, Outcome},
};

use super::rows::{DATABASES, DEFINITIONS, DatabaseRow, Learned, SWITCHES, SwitchRow};

/// Switches learning. Where it is off already nothing changes; where it is on it begins anew.
pub(super) fn switch(
    database: DatabaseRow,
    scope: &LearningScope,
    is_on: bool,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> Outcome {
    if let LearningScope::Collection(collection) = scope
        && collection.is_system()
    {
        return Outcome::failed(Problem::new(
            ProblemKind::BadRequest,
            format_args!("{collection} is the system's, of which nothing is learned"),
        ));
    }
    let known = state.get(&SWITCHES, scope);
    if !is_on && known.is_some_and(|known| !known.is_on) {
        return Outcome::Read(database.revision);
    }
    let epoch = database.raise(&scope.database(), state);
    state.put(&SWITCHES, scope, &SwitchRow { epoch, is_on });
    effects.send_every(&Message::LearningSwitch(LearningSwitch {
        scope: scope.clone(),
        epoch,
        is_on,
    }));
    Outcome::Updated(epoch)
}

/// Takes what was learned, if it is of the epoch that holds, and newer than what is there.
pub(super) fn take(learned: LearnedDefinition, state: &mut State<'_>, effects: &mut Effects) {
    let LearnedDefinition { collection, epoch, number, definition, .. } = learned;
    let database = collection.database();
    let by_itself = state.get(&SWITCHES, &LearningScope::Collection(collection.clone()));
    let switch =
        by_itself.or_else(|| state.get(&SWITCHES, &LearningScope::Database(database.clone())));
    if switch != Some(SwitchRow { epoch, is_on: true }) {
        return;
    }
    let Some(row) = state.get(&DATABASES, &database) else { return };
    let mut definition_row = state.get(&DEFINITIONS, &collection).unwrap_or_default();
    let known = definition_row.learned.as_ref();
    if known.is_some_and(|known| (known.epoch, known.number) >= (epoch, number)) {
        return;
    }
    definition_row.learned = Some(Learned { epoch, number, definition });
    definition_row.revision = row.raise(&database, state);
    definition_row.publish(&collection, state, effects);
}
