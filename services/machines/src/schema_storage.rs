//! schema-storage keeps the schema of each database; as yet, which databases there are.
//!
//! - Input: `schema-patches`. Outputs: `schema-updates`, `partial-responses`.
//! - Tables: databases, and those of the module `exactly_once`.
//! - Provisioning is a database's first change, and gives revision 1. Provisioning one that is
//!   there already changes nothing, and is answered as a read.
//! - Reads keep no completion records and are not refused, as in entity-storage.
//! - After a crash a record is handled again on the state before it: same effects, same state.

mod query;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use tidelog_core::{
    Answer, DatabaseId, Effects, Input, Message, Probe, Problem, ProblemKind, Query, Revision,
    Service, ServiceName, Source, Spec, State, TableId, Timestamp, Topic,
    message::{
        Outcome, Part, PartAnswer, PartialResponse, Remember, SchemaChange, SchemaPatch,
        SchemaUpdate,
    },
    state::Table,
};

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
            Message::EntityBatch(_)
            | Message::EntityPatch(_)
            | Message::EntityUpdate(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_) => set_aside_as_foreign(SPEC.name, source, &message, effects),
        }
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

fn handle_patch(source: Source, patch: &SchemaPatch, state: &mut State<'_>, effects: &mut Effects) {
    let completion = match patch.change {
        SchemaChange::Read => read(&patch.database, state).into(),
        SchemaChange::Provision => write(patch, state, effects),
    };
    let Completion { outcome, replayed } = completion;
    effects.send(&Message::PartialResponse(PartialResponse {
        request: patch.origin.request(),
        part: Part::ONLY,
        answer: PartAnswer {
            target: patch.database.as_str().into(),
            outcome,
            value: None,
            replayed,
        },
        position: source.position,
        time: state.task_time(),
        remember: Remember::No,
    }));
}

fn read(database: &DatabaseId, state: &State<'_>) -> Outcome {
    match state.get(&DATABASES, database) {
        Some(row) => Outcome::Read(row.revision),
        None => Outcome::failed(Problem::new(
            ProblemKind::UnknownDatabase,
            format_args!("there is no database {database}; provision it first"),
        )),
    }
}

fn write(patch: &SchemaPatch, state: &mut State<'_>, effects: &mut Effects) -> Completion {
    match exactly_once::admit(state, &patch.origin, Part::ONLY) {
        Admission::Repeated(completion) => {
            Probe::ProvisioningRepeated.hit();
            completion
        }
        Admission::Refused(problem) => Outcome::failed(problem).into(),
        Admission::New(admitted) => {
            let completion = provision(patch, state, effects).into();
            admitted.complete(state, &completion);
            completion
        }
    }
}

fn provision(patch: &SchemaPatch, state: &mut State<'_>, effects: &mut Effects) -> Outcome {
    if let Some(row) = state.get(&DATABASES, &patch.database) {
        Probe::DatabaseProvisionedAgain.hit();
        return Outcome::Read(row.revision);
    }
    let row = DatabaseRow { revision: Revision::NONE.next(), created: state.task_time() };
    state.put(&DATABASES, &patch.database, &row);
    effects.send(&Message::SchemaUpdate(SchemaUpdate {
        database: patch.database.clone(),
        revision: row.revision,
        created: row.created,
        request: patch.origin.name.clone(),
        time: state.task_time(),
    }));
    Outcome::Created(row.revision)
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DatabaseRow {
    /// The revision of its schema.
    revision: Revision,
    /// When it was provisioned, in task time.
    created: Timestamp,
}

const DATABASES: Table<DatabaseId, DatabaseRow> = Table::new(TableId::Databases);

static SPEC: Spec = Spec {
    name: ServiceName::SchemaStorage,
    inputs: &[Topic::SchemaPatches],
    outputs: &[Topic::SchemaUpdates, Topic::PartialResponses],
    tables: &[
        TableId::Databases,
        TableId::Completions,
        TableId::Clients,
        TableId::Expiries,
        TableId::Sweep,
    ],
};
