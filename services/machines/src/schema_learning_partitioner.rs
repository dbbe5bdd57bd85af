//! schema-learning-partitioner sorts updates by collection, for those who learn from them.
//!
//! - Input: `entity-updates`. Output: `schema-learning`. Tables: none.
//! - Only what entity-storage has marked is sent on: learning is on for it, and what was there before
//!   has been sent, or is in the walk's hands.
//! - An update handled again is sent again; its position tells the learner that it knows it.

#[cfg(test)]
mod tests;

use tidelog_core::{
    Effects, Input, Message, Service, ServiceName, Source, Spec, State, Timestamp, Topic,
    message::{EntityUpdate, Lesson, LessonSource, MarkedUpdate},
};

use crate::set_aside::set_aside_as_foreign;

/// The service schema-learning-partitioner.
#[derive(Clone, Copy, Debug)]
pub struct SchemaLearningPartitioner;

impl Service for SchemaLearningPartitioner {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, _: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        match message {
            // Nothing is learned from it.
            Message::EntityUpdate(_) => {}
            Message::MarkedUpdate(marked) => send(source, marked, effects),
            Message::EntityBatch(_)
            | Message::EntityPatch(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaPatch(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::LearningSwitch(_)
            | Message::Lesson(_)
            | Message::WalkEnded(_)
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
}

fn send(source: Source, marked: MarkedUpdate, effects: &mut Effects) {
    let MarkedUpdate { update, epoch } = marked;
    let EntityUpdate { entity, before, after, time, .. } = update;
    let source = LessonSource::Update {
        partition: source.position.partition,
        offset: source.position.offset,
    };
    let collection = entity.collection();
    effects.send(&Message::Lesson(Lesson { collection, epoch, source, before, after, time }));
}

static SPEC: Spec = Spec {
    name: ServiceName::SchemaLearningPartitioner,
    inputs: &[Topic::EntityUpdates],
    outputs: &[Topic::SchemaLearning],
    tables: &[],
};
