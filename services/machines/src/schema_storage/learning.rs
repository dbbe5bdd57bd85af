//! Switching learning, and taking what was learned.

use tidelog_core::{
    CollectionId, DatabaseId, Effects, Message, Probe, Problem, ProblemKind, Revision, State,
    message::{LearnedDefinition, LearningChange, LearningScope, LearningSwitch, Outcome},
    query::LearningView,
    topic::Offset,
};

use super::rows::{DATABASES, DEFINITIONS, DatabaseRow, Learned, SWITCHES, SwitchRow};

/// Switches learning, which begins an epoch; what is so already stays, and its epoch too.
pub(super) fn switch(
    database: DatabaseRow,
    scope: &LearningScope,
    to: LearningChange,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> Outcome {
    let next = match next(scope, to, state) {
        Ok(Some(next)) => next,
        Ok(None) => {
            Probe::SwitchedToTheSame.hit();
            return Outcome::Read(database.revision);
        }
        Err(problem) => return Outcome::failed(problem),
    };
    let epoch = database.raise(&scope.database(), state);
    begin(scope, SwitchRow { epoch, ..next }, state, effects);
    Outcome::Updated(epoch)
}

/// Begins an epoch.
pub(super) fn begin(
    scope: &LearningScope,
    switch: SwitchRow,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let SwitchRow { epoch, is_on, follows } = switch;
    state.put(&SWITCHES, scope, &switch);
    let scope = scope.clone();
    effects.send_every(&Message::LearningSwitch(LearningSwitch { scope, epoch, is_on, follows }));
}

/// The switch as it is to be, still under the old epoch; `None` where it is so already.
fn next(
    scope: &LearningScope,
    to: LearningChange,
    state: &State<'_>,
) -> Result<Option<SwitchRow>, Problem> {
    let own = state.get(&SWITCHES, scope);
    let switch = |is_on, follows| SwitchRow { epoch: Revision::NONE, is_on, follows };
    let is_so = |is_on| own.is_some_and(|own| !own.follows && own.is_on == is_on);
    match (to, scope) {
        (_, LearningScope::Collection(collection)) if collection.is_system() => {
            Err(of_the_system(collection))
        }
        (LearningChange::On, _) => Ok((!is_so(true)).then_some(switch(true, false))),
        (LearningChange::Off, _) => Ok((!is_so(false)).then_some(switch(false, false))),
        (LearningChange::Anew, _) if !holds(scope, state).is_some_and(|(it, _)| it.is_on) => {
            Err(is_off(scope))
        }
        (LearningChange::Anew, LearningScope::Database(_)) => Ok(Some(switch(true, false))),
        (LearningChange::Anew, LearningScope::Collection(_)) => {
            Ok(Some(switch(true, own.is_none_or(|own| own.follows))))
        }
        (LearningChange::AsDatabase, LearningScope::Database(database)) => {
            Err(has_no_database(database))
        }
        (LearningChange::AsDatabase, LearningScope::Collection(collection)) => {
            let database = LearningScope::Database(collection.database());
            let is_on = state.get(&SWITCHES, &database).is_some_and(|database| database.is_on);
            Ok(own.is_some_and(|own| !own.follows).then_some(switch(is_on, true)))
        }
    }
}

/// The switch that holds, and for what it was made.
fn holds(scope: &LearningScope, state: &State<'_>) -> Option<(SwitchRow, LearningScope)> {
    let of_database = LearningScope::Database(scope.database());
    let database = state.get(&SWITCHES, &of_database);
    let own = state.get(&SWITCHES, scope);
    match own {
        Some(own) if !own.follows => Some((own, scope.clone())),
        Some(own) if database.is_none_or(|database| database.epoch < own.epoch) => {
            Some((own, of_database))
        }
        Some(_) | None => database.map(|database| (database, of_database)),
    }
}

/// Whether learning is on, as queries see it.
pub(super) fn view(scope: &LearningScope, state: &State<'_>) -> Option<LearningView> {
    let database = scope.database();
    state.get(&DATABASES, &database)?;
    Some(match holds(scope, state) {
        Some((SwitchRow { epoch: since, is_on, .. }, by)) => LearningView { is_on, since, by },
        None => LearningView {
            is_on: false,
            since: Revision::NONE,
            by: LearningScope::Database(database),
        },
    })
}

/// Takes what was learned, if it is of the epoch that holds, and newer than what is there.
pub(super) fn take(
    learned: LearnedDefinition,
    offset: Offset,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let LearnedDefinition { collection, epoch, number, definition, .. } = learned;
    let database = collection.database();
    let switch = holds(&LearningScope::Collection(collection.clone()), state);
    if !switch.is_some_and(|(switch, _)| switch.is_on && switch.epoch == epoch) {
        Probe::LearnedTooLate.hit();
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
    definition_row.publish(&collection, offset, state, effects);
}

pub(super) fn of_the_system(collection: &CollectionId) -> Problem {
    Problem::new(
        ProblemKind::BadRequest,
        format_args!("{collection} is the system's, of which nothing is stated or learned"),
    )
}

fn is_off(scope: &LearningScope) -> Problem {
    let scope = scope.as_str();
    Problem::new(
        ProblemKind::LearningOff,
        format_args!(
            "learning is off for {scope}; switched on, it begins from the documents that there are"
        ),
    )
}

fn has_no_database(database: &DatabaseId) -> Problem {
    Problem::new(
        ProblemKind::BadRequest,
        format_args!("{database} is a database itself: learning is on for it, or off"),
    )
}
