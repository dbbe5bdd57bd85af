//! schema-learning learns what the documents of collections are like, and says so when that changes.
//!
//! - Input: `schema-learning`. Output: `schema-patches`.
//! - Tables: how far the learning of each collection is, and what was learned (the model of the crate
//!   `tidelog-schema`, one row); how far each source of lessons was read; whose walks have ended; what
//!   is to be looked at, and when.
//! - A lesson of a newer epoch begins the collection's model anew, one of an older epoch is passed over.
//! - Nothing is published of an epoch before the walks of all tasks of entity-storage have ended; then
//!   everything is, also where no document was left.
//! - A changed definition is published at once, and then at most once in a while; what only counts
//!   differently, more seldom. What is published is whole, and numbered: nobody has to wait for an
//!   answer, and nothing is learned from one.
//! - A model counts, so a lesson must not be learned twice. The lessons of one source come in the order
//!   of their numbers, so the last number of each source tells which ones are known.

mod lessons;
mod openings;
mod publishing;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tidelog_core::{
    Effects, Input, Message, Service, ServiceName, Spec, State, TableId, Timestamp, Topic, Wake,
};

use crate::set_aside::set_aside_as_foreign;

/// The service schema-learning.
#[derive(Clone, Copy, Debug)]
pub struct SchemaLearning {
    /// How often it publishes.
    pub pace: Pace,
}

/// How often something is published of a collection, at most.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two changed definitions.
    pub definition: Duration,
    /// Between a definition and the same one with other counts.
    pub counts: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { definition: Duration::from_secs(1), counts: Duration::from_secs(30) }
    }
}

impl Service for SchemaLearning {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let (source, message) = match input {
            Input::Record { source, message } => (source, message),
            Input::Timeout => {
                openings::pass(self.pace, state);
                publishing::pass(self.pace, now, state, effects);
                return;
            }
        };
        match message {
            Message::Lesson(lesson) => lessons::take(self.pace, source, lesson, state, effects),
            Message::WalkEnded(ended) => openings::take(self.pace, ended, state, effects),
            Message::EntityBatch(_)
            | Message::EntityPatch(_)
            | Message::EntityUpdate(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaPatch(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::LearningSwitch(_)
            | Message::MarkedUpdate(_)
            | Message::LearnedDefinition(_)
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

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        openings::wake(state).or_else(|| publishing::wake(state))
    }
}

static SPEC: Spec = Spec {
    name: ServiceName::SchemaLearning,
    inputs: &[Topic::SchemaLearning],
    outputs: &[Topic::SchemaPatches],
    tables: &[
        TableId::Learners,
        TableId::Models,
        TableId::WalkEnds,
        TableId::LessonSources,
        TableId::LearnersDue,
        TableId::Openings,
    ],
};
