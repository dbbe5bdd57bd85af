//! response-accumulator gathers the answers to the parts of requests.
//!
//! - Input: `partial-responses`. Output: `complete-responses`.
//! - Tables: an aggregate for each request, with a row for each part's answer; deadlines, in the
//!   order of their time; and where that order begins.
//! - An answer to the only part of a request is passed by, unless it asks to be remembered: drivers
//!   take it from the input of this service. If it does, it says whether the request was a batch;
//!   one of several parts always was.
//! - Parts come in any order, twice, or never; of a part's answers the first counts. Once all are
//!   there, the request is answered whole, in the order of the parts.
//! - A request that is not whole 30 s after its first answer (up to a second more) is answered as
//!   it is; the missing parts are unknown, not failed. Late ones complete it, and it is answered
//!   again.
//! - A driver that sends a batch again, having lost its answer, causes a second answer to each of
//!   its parts. The one to the last part has a whole request answered again: one complete response
//!   for each time that the batch was sent, whatever else is there twice.
//! - An answer that would be larger than a record tells outcomes without documents. No more
//!   documents of a request are kept than an answer could hold.
//! - Aggregates are forgotten 24 h after their first answer. Each has one deadline at a time.
//! - After a crash a record is handled again on the state before it: same effects, same state.

mod aggregate;
mod deadlines;
mod query;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use tidelog_core::{
    Answer, Effects, Input, Message, Probe, Query, Service, ServiceName, Source, Spec, State,
    TableId, Timestamp, Topic, Wake,
    limits::BATCH_PARTS_MAX,
    message::{Part, PartialResponse, Remember},
};

use crate::set_aside::{set_aside, set_aside_as_foreign};

/// The service response-accumulator.
#[derive(Clone, Copy, Debug)]
pub struct ResponseAccumulator;

impl Service for ResponseAccumulator {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let (source, message) = match input {
            Input::Record { source, message } => (source, message),
            Input::Timeout => return deadlines::pass(now, state, effects),
        };
        match message {
            Message::PartialResponse(response) => {
                handle_response(source, response, state, effects);
            }
            Message::EntityBatch(_)
            | Message::EntityPatch(_)
            | Message::EntityUpdate(_)
            | Message::CompleteResponse(_)
            | Message::SchemaPatch(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::LearningSwitch(_)
            | Message::MarkedUpdate(_)
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

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        deadlines::first(state)
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

fn handle_response(
    source: Source,
    response: PartialResponse,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let part = response.part;
    if part == Part::ONLY && response.remember == Remember::No {
        return;
    }
    if part.number == 0 || part.number > part.of || part.of as usize > BATCH_PARTS_MAX {
        let reason = format!("there is no part {part} of at most {BATCH_PARTS_MAX}");
        let message = Message::PartialResponse(response);
        return set_aside(SPEC.name, source, &message, reason, effects);
    }
    Probe::SingleAnswerRemembered.hit_if(response.remember == Remember::Single);
    aggregate::take(source, response, state, effects);
}

static SPEC: Spec = Spec {
    name: ServiceName::ResponseAccumulator,
    inputs: &[Topic::PartialResponses],
    outputs: &[Topic::CompleteResponses],
    tables: &[TableId::Aggregates, TableId::AggregateParts, TableId::Deadlines, TableId::Sweep],
};
