//! entity-storage keeps entities: it carries requests out, answers them, and publishes changes.
//!
//! - Input: `entity-patches`. Outputs: `entity-updates`, `partial-responses`, `schema-learning`.
//! - Tables: entities (a deleted one keeps its revision), the number of entities of each zone, for what
//!   schemas are learned and the walks over what was there before, and those of the module
//!   `exactly_once`.
//! - A change applies whole or not at all, raises the revision by one (also where the document
//!   stays equal), and is published with the document before and after.
//! - A condition is checked before anything else of a request that is carried out, except that a
//!   read or a deletion of what does not exist says that.
//! - Reads keep no completion records and are not refused: a read seen again is read again. Nothing
//!   can be done twice by that, whoever still waits gets an answer, and reads stay free of writes.
//! - Where learning is switched on, the task walks over the documents that are there, a chunk at a time,
//!   and sends each as a lesson; a change is marked for learning once the walk has passed its entity. So
//!   each document is learned exactly once from, whatever happens to it in the meantime.
//! - A subscription that is none is refused. When a device is forgotten, the zone of its subscriptions is
//!   emptied in one step.
//! - After a crash a record is handled again on the state before it: same effects, same state. A
//!   record that was committed and comes again meets its completion record: it is answered again,
//!   and changes nothing.

mod answer;
mod apply;
pub(crate) mod forgetting;
pub(crate) mod learning;
mod query;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod walk;

use tidelog_core::{
    Answer, Effects, Input, Message, Probe, Problem, ProblemKind, Query, Service, ServiceName,
    Source, Spec, State, TableId, Timestamp, Topic, Wake,
    message::{EntityPatch, Outcome},
};

use crate::{
    exactly_once::{
        self, Admission, Completion,
        keys::{self, Known},
    },
    set_aside::set_aside_as_foreign,
};

/// The service entity-storage.
#[derive(Clone, Copy, Debug)]
pub struct EntityStorage;

impl Service for EntityStorage {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let (source, message) = match input {
            Input::Record { source, message } => (source, message),
            Input::Timeout => return walk::go_on(state, effects),
        };
        match message {
            Message::EntityPatch(patch) => handle_patch(source, patch, state, effects),
            Message::LearningSwitch(switch) => learning::switch(source, switch, state),
            Message::ForgetZone(forget) => forgetting::forget(&forget, state, effects),
            Message::EntityBatch(_)
            | Message::EntityUpdate(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaPatch(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::MarkedUpdate(_)
            | Message::Lesson(_)
            | Message::WalkEnded(_)
            | Message::LearnedDefinition(_)
            | Message::Zone(_)
            | Message::ForDevice(_)
            | Message::DeviceNotification(_)
            | Message::DeviceCall(_)
            | Message::DeviceUpdate(_) => {
                set_aside_as_foreign(SPEC.name, source, &message, effects);
            }
        }
    }

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        walk::wake(state)
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

fn handle_patch(source: Source, patch: EntityPatch, state: &mut State<'_>, effects: &mut Effects) {
    let answer = if patch.request.change.is_write() {
        write(&patch, state, effects)
    } else {
        answer::read(state, &patch)
    };
    answer::send(source, patch, answer, state, effects);
}

fn write(patch: &EntityPatch, state: &mut State<'_>, effects: &mut Effects) -> answer::Told {
    match exactly_once::admit(state, &patch.origin, patch.part) {
        Admission::Repeated(completion) => answer::again(state, patch, completion),
        Admission::Refused(problem) => Outcome::failed(problem).into(),
        Admission::New(admitted) => {
            let told = write_under_key(patch, state, effects);
            let completion = Completion { outcome: told.outcome, replayed: told.replayed };
            admitted.complete(state, &completion);
            answer::Told { outcome: completion.outcome, ..told }
        }
    }
}

/// Carries a write out, unless one was under its idempotency key.
fn write_under_key(
    patch: &EntityPatch,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> answer::Told {
    let Some(key) = &patch.key else { return apply::write(patch, state, effects) };
    match keys::look_up::<Outcome>(state, key, patch.part.number, &patch.origin) {
        Known::Same(outcome) => {
            Probe::KeyMetItsRequest.hit();
            answer::again(state, patch, Completion { outcome, replayed: true })
        }
        Known::Another => {
            Probe::KeyMetAnotherRequest.hit();
            Outcome::failed(key_reused()).into()
        }
        Known::Nothing => {
            let told = apply::write(patch, state, effects);
            if is_remembered(&told.outcome) {
                keys::remember(state, key, patch.part.number, told.outcome.clone());
            }
            told
        }
    }
}

/// Whether an outcome is the same for whoever asks again under the same key.
fn is_remembered(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Read(_) | Outcome::Created(_) | Outcome::Updated(_) | Outcome::Deleted(_) => true,
        Outcome::Failed { problem, .. } => problem.kind.is_outcome(),
    }
}

fn key_reused() -> Problem {
    Problem::new(
        ProblemKind::KeyReused,
        "the idempotency key was used for another request on the same target in the last 24 hours; \
         take a new key for a new request",
    )
}

static SPEC: Spec = Spec {
    name: ServiceName::EntityStorage,
    inputs: &[Topic::EntityPatches],
    outputs: &[Topic::EntityUpdates, Topic::PartialResponses, Topic::SchemaLearning],
    tables: &[
        TableId::Entities,
        TableId::Zones,
        TableId::LearningEpochs,
        TableId::Walks,
        TableId::WalkLessons,
        TableId::ForgottenZones,
        TableId::Completions,
        TableId::Clients,
        TableId::IdempotencyKeys,
        TableId::Expiries,
        TableId::Sweep,
    ],
};
