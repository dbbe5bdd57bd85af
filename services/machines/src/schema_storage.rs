//! schema-storage keeps the schema of each database: what users state of its collections' documents,
//! what was learned of them, and whether learning is on.
//!
//! - Input: `schema-patches`. Outputs: `schema-updates`, `partial-responses`, `entity-patches`.
//! - Tables: databases; definitions of collections; switches of learning; and those of the module
//!   `exactly_once`.
//! - Provisioning is a database's first change, gives revision 1, and switches learning on.
//!   Provisioning one that is there already changes nothing, and is answered as a read.
//! - Every change raises the revision of the database's schema by one. A definition has the revision of
//!   its last change, which is what conditions on it are about.
//! - What users state and what was learned are kept side by side, so neither can overwrite the other.
//! - A switch of learning begins an epoch, which is the schema's revision by it, and is told to every
//!   task of entity-storage. What was learned counts only under the epoch that holds for its
//!   collection, and only if it is newer than what is there.
//! - Reads keep no completion records and are not refused, as in entity-storage.
//! - After a crash a record is handled again on the state before it: same effects, same state.

mod learning;
mod query;
pub(crate) mod rows;
mod statements;
#[cfg(test)]
mod tests;

use tidelog_core::{
    Answer, DatabaseId, Effects, Input, Message, Probe, Problem, ProblemKind, Query, Revision,
    Service, ServiceName, Source, Spec, State, TableId, Timestamp, Topic,
    message::{
        LearningScope, Outcome, Part, PartAnswer, PartialResponse, Remember, SchemaChange,
        SchemaPatch, SchemaUpdate,
    },
};

use rows::{DATABASES, DatabaseRow, SwitchRow};

use crate::{
    exactly_once::{self, Admission, Completion},
    set_aside::set_aside_as_foreign,
};

/// The service schema-storage.
#[derive(Clone, Copy, Debug)]
pub struct SchemaStorage;

impl Service for SchemaStorage {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        match message {
            Message::SchemaPatch(patch) => handle_patch(source, &patch, state, effects),
            Message::LearnedDefinition(learned) => {
                learning::take(learned, source.position.offset, state, effects);
            }
            Message::EntityBatch(_)
            | Message::EntityPatch(_)
            | Message::EntityUpdate(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::LearningSwitch(_)
            | Message::MarkedUpdate(_)
            | Message::Lesson(_)
            | Message::WalkEnded(_)
            | Message::Zone(_)
            | Message::ForDevice(_)
            | Message::DeviceNotification(_)
            | Message::DeviceCall(_)
            | Message::DeviceUpdate(_)
            | Message::ForgetZone(_) => {
                set_aside_as_foreign(SPEC.name, source, &message, effects);
            }
        }
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

fn handle_patch(source: Source, patch: &SchemaPatch, state: &mut State<'_>, effects: &mut Effects) {
    let completion = match &patch.change {
        SchemaChange::Read => read(&patch.database, state).into(),
        SchemaChange::Provision
        | SchemaChange::State { .. }
        | SchemaChange::SwitchLearning { .. } => write(source, patch, state, effects),
    };
    let Completion { outcome, replayed } = completion;
    effects.send(&Message::PartialResponse(PartialResponse {
        request: patch.origin.request(),
        part: Part::ONLY,
        answer: PartAnswer { target: target(patch).into(), outcome, value: None, replayed },
        position: source.position,
        time: state.task_time(),
        remember: Remember::No,
    }));
}

fn read(database: &DatabaseId, state: &State<'_>) -> Outcome {
    match state.get(&DATABASES, database) {
        Some(row) => Outcome::Read(row.revision),
        None => Outcome::failed(unknown(database)),
    }
}

fn unknown(database: &DatabaseId) -> Problem {
    Problem::new(
        ProblemKind::UnknownDatabase,
        format_args!("there is no database {database}; provision it first"),
    )
}

/// What a request is about.
fn target(patch: &SchemaPatch) -> &str {
    match &patch.change {
        SchemaChange::Read | SchemaChange::Provision => patch.database.as_str(),
        SchemaChange::State { collection, .. } => collection.as_str(),
        SchemaChange::SwitchLearning { scope, .. } => scope.as_str(),
    }
}

fn write(
    source: Source,
    patch: &SchemaPatch,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> Completion {
    match exactly_once::admit(state, &patch.origin, Part::ONLY) {
        Admission::Repeated(completion) => {
            match &patch.change {
                SchemaChange::Provision => Probe::ProvisioningRepeated.hit(),
                SchemaChange::Read
                | SchemaChange::State { .. }
                | SchemaChange::SwitchLearning { .. } => Probe::SchemaChangeRepeated.hit(),
            }
            completion
        }
        Admission::Refused(problem) => Outcome::failed(problem).into(),
        Admission::New(admitted) => {
            let completion = change(source, patch, state, effects).into();
            admitted.complete(state, &completion);
            completion
        }
    }
}

fn change(
    source: Source,
    patch: &SchemaPatch,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> Outcome {
    if let SchemaChange::Provision = patch.change {
        return provision(patch, state, effects);
    }
    let Some(row) = state.get(&DATABASES, &patch.database) else {
        return Outcome::failed(unknown(&patch.database));
    };
    match &patch.change {
        SchemaChange::Read => Outcome::Read(row.revision),
        SchemaChange::Provision => unreachable!("it needs no database, and was done"),
        SchemaChange::State { collection, .. }
            if collection.database_str() != patch.database.as_str() =>
        {
            Outcome::failed(of_another(&patch.database, collection.as_str()))
        }
        SchemaChange::State { collection, edit, condition } => {
            let edit = statements::Edit { collection, edit, condition };
            edit.carry_out(row, source.position.offset, state, effects)
        }
        SchemaChange::SwitchLearning { scope, .. } if scope.database() != patch.database => {
            Outcome::failed(of_another(&patch.database, scope.as_str()))
        }
        SchemaChange::SwitchLearning { scope, to } => {
            let outcome = learning::switch(row, scope, *to, state, effects);
            if let (Outcome::Updated(_), LearningScope::Database(database)) = (&outcome, scope) {
                publish(patch, database, state, effects);
            }
            outcome
        }
    }
}

fn of_another(database: &DatabaseId, target: &str) -> Problem {
    Problem::new(
        ProblemKind::AnotherDatabase,
        format_args!("{target} is not in {database}; ask for it with its own database"),
    )
}

fn provision(patch: &SchemaPatch, state: &mut State<'_>, effects: &mut Effects) -> Outcome {
    if let Some(row) = state.get(&DATABASES, &patch.database) {
        Probe::DatabaseProvisionedAgain.hit();
        return Outcome::Read(row.revision);
    }
    let row = DatabaseRow { revision: Revision::NONE.next(), created: state.task_time() };
    state.put(&DATABASES, &patch.database, &row);
    let scope = LearningScope::Database(patch.database.clone());
    let switch = SwitchRow { epoch: row.revision, is_on: true, follows: false };
    learning::begin(&scope, switch, state, effects);
    publish(patch, &patch.database, state, effects);
    Outcome::Created(row.revision)
}

/// Tells that there is a database, and the revision of its schema.
fn publish(patch: &SchemaPatch, database: &DatabaseId, state: &State<'_>, effects: &mut Effects) {
    let Some(row) = state.get(&DATABASES, database) else { return };
    effects.send(&Message::SchemaUpdate(SchemaUpdate {
        database: database.clone(),
        revision: row.revision,
        created: row.created,
        request: patch.origin.name.clone(),
        time: state.task_time(),
    }));
}

static SPEC: Spec = Spec {
    name: ServiceName::SchemaStorage,
    inputs: &[Topic::SchemaPatches],
    outputs: &[Topic::SchemaUpdates, Topic::PartialResponses, Topic::EntityPatches],
    tables: &[
        TableId::Databases,
        TableId::Definitions,
        TableId::LearningSwitches,
        TableId::Completions,
        TableId::Clients,
        TableId::Expiries,
        TableId::Sweep,
    ],
};
