//! Gathering the answers to the parts of one request.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    Effects, Message, Probe, Problem, ServiceName, Source, State,
    limits::{
        AGGREGATE_WAITS_FOR, ENTITY_ID_BYTES_MAX, PROBLEM_DETAIL_BYTES_MAX, RECORD_BYTES_MAX,
    },
    message::{CompleteResponse, Outcome, PartAnswer, PartialResponse, Remember},
    state::TableKey,
};

use super::{
    deadlines,
    rows::{AGGREGATES, Aggregate, AggregateKey, PARTS, PartKey},
};
use crate::set_aside::{cut, set_aside};

/// Takes the answer to a part, and answers the request if it is whole by that.
pub(super) fn take(
    source: Source,
    response: PartialResponse,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let part = response.part;
    let key = AggregateKey(response.request.clone());
    let known = state.get(&AGGREGATES, &key);
    if let Some(Aggregate { of, .. }) = known
        && of != part.of
    {
        let reason = format!("the request has {of} parts, and this is part {part}");
        let message = Message::PartialResponse(response);
        return set_aside(ServiceName::ResponseAccumulator, source, &message, reason, effects);
    }
    let mut aggregate = known.unwrap_or_else(|| {
        let started = state.task_time();
        deadlines::start(state, &key, started);
        let is_batch = part.of > 1 || response.remember == Remember::Batch;
        Aggregate { of: part.of, received: 0, value_bytes: 0, started, is_batch }
    });
    let part_key = PartKey { aggregate: key, number: part.number };
    if state.contains(&PARTS, &part_key) {
        Probe::PartAnsweredTwice.hit();
        if aggregate.is_whole() && part.number == part.of {
            Probe::BatchAnsweredAgain.hit();
            publish(&part_key.aggregate, &aggregate, state, effects);
        }
        return;
    }
    let mut answer = bounded(response.answer);
    aggregate.received += 1;
    Probe::PartsOutOfOrder.hit_if(part.number != aggregate.received);
    aggregate.value_bytes += answer.value.as_ref().map_or(0, |value| value.len() as u64);
    if !are_values_kept(&aggregate) {
        Probe::ValuesLeftOut.hit();
        answer.value = None;
    }
    state.put(&PARTS, &part_key, &answer);
    state.put(&AGGREGATES, &part_key.aggregate, &aggregate);
    if aggregate.is_whole() {
        let answered_at = aggregate.started.plus(AGGREGATE_WAITS_FOR);
        Probe::BatchCompletedLate.hit_if(state.task_time() > answered_at);
        publish(&part_key.aggregate, &aggregate, state, effects);
    }
}

/// Answers the request with what there is.
pub(super) fn publish(
    key: &AggregateKey,
    aggregate: &Aggregate,
    state: &State<'_>,
    effects: &mut Effects,
) {
    let parts = answers(key, aggregate, state);
    let time = state.task_time();
    let mut response = CompleteResponse { request: key.0.clone(), parts, time };
    if response.parts.iter().flatten().any(|answer| answer.value.is_some()) {
        let message = Message::CompleteResponse(response);
        if Effects::fits(&message) {
            return effects.send(&message);
        }
        let Message::CompleteResponse(whole) = message else {
            unreachable!("it was made one above")
        };
        response = whole;
        response.parts.iter_mut().flatten().for_each(|answer| answer.value = None);
    }
    effects.send(&Message::CompleteResponse(response));
}

/// The answers that have come, in the order of the parts: all with their documents, or none.
pub(super) fn answers(
    key: &AggregateKey,
    aggregate: &Aggregate,
    state: &State<'_>,
) -> Vec<Option<PartAnswer>> {
    let mut answers = vec![None; aggregate.of as usize];
    let first = PartKey { aggregate: key.clone(), number: 1 }.to_bytes();
    let last = PartKey { aggregate: key.clone(), number: aggregate.of }.to_bytes();
    let bounds = (Bound::Included(&*first), Bound::Included(&*last));
    state.scan(&PARTS, bounds.0, bounds.1, &mut |part, mut answer| {
        if !are_values_kept(aggregate) {
            answer.value = None;
        }
        answers[part.number as usize - 1] = Some(answer);
        ControlFlow::Continue(())
    });
    answers
}

/// Whether the documents are not more than any answer could hold.
fn are_values_kept(aggregate: &Aggregate) -> bool {
    aggregate.value_bytes <= RECORD_BYTES_MAX as u64
}

/// An answer within the bounds that a complete response without documents relies on. Services keep
/// them; the log may hold what they did not write.
fn bounded(answer: PartAnswer) -> PartAnswer {
    let PartAnswer { mut target, mut outcome, value, replayed } = answer;
    if target.len() > ENTITY_ID_BYTES_MAX {
        target = cut(&target, ENTITY_ID_BYTES_MAX);
    }
    if let Outcome::Failed { problem, .. } = &mut outcome
        && problem.detail.len() > PROBLEM_DETAIL_BYTES_MAX
    {
        *problem = Problem::new(problem.kind, &problem.detail);
    }
    PartAnswer { target, outcome, value, replayed }
}
