use tidelog_core::{
    Answer, Message, Query, RequestId, TableId,
    message::{PartialResponse, Remember},
    query::RequestView,
};

use super::answer;
use crate::{
    harness::{Harness, Step, at, document, hours, timeout},
    response_accumulator::ResponseAccumulator,
};

#[test]
fn an_aggregate_has_one_deadline_at_a_time_and_is_forgotten_after_a_day() {
    let mut harness = Harness::new(ResponseAccumulator);
    assert_eq!(harness.wake(), None);
    take(&mut harness, 1_500, answer(1, 1, 2));
    take(&mut harness, 2_000, answer(1, 2, 2));
    assert_eq!(harness.wake().map(|wake| wake.at), Some(at(32_000)));
    assert_eq!(harness.step(0, &timeout(32_000)), []);
    let wake = harness.wake().expect("it is to be forgotten");
    assert_eq!(wake.at, at(hours(24) + 2_000));
    assert_eq!(wake.reason, "answers that need not be remembered any longer");
    assert!(request(&harness, &answer(1, 1, 2).request).is_some());
    harness.step(0, &timeout(hours(24) + 2_000));
    assert_eq!(request(&harness, &answer(1, 1, 2).request), None);
    assert_eq!(harness.wake(), None);
    let left: Vec<_> = harness.rows().into_keys().map(|(table, _)| table).collect();
    assert_eq!(left, [TableId::Sweep]);
}

#[test]
fn a_request_is_known_by_its_name_and_first_sending() {
    let mut harness = Harness::new(ResponseAccumulator);
    take(&mut harness, 1_000, answer(1, 2, 2));
    let view = request(&harness, &answer(1, 1, 2).request).expect("it is known");
    assert!(view.is_batch && view.parts == 2);
    assert_eq!(view.answers, [None, Some(answer(1, 2, 2).answer)]);
    let other = RequestId { first_sent: at(2_000), ..answer(1, 1, 2).request };
    assert_eq!(request(&harness, &other), None);
    let query = Query::Entity("a/b/c/d".parse().expect("a good id"));
    assert_eq!(harness.query(&query), Answer::NotOffered);
}

#[test]
fn a_batch_of_one_part_is_told_from_a_single_request() {
    let mut harness = Harness::new(ResponseAccumulator);
    let as_what = |remember, number, of| PartialResponse { remember, ..answer(number, 1, of) };
    take(&mut harness, 1_000, as_what(Remember::Single, 1, 1));
    take(&mut harness, 1_000, as_what(Remember::Batch, 2, 1));
    take(&mut harness, 1_000, as_what(Remember::No, 3, 1));
    // What has several parts is a batch whatever is said of it.
    take(&mut harness, 1_000, as_what(Remember::Single, 4, 2));
    harness.commit();
    let is_batch = |number| {
        request(&harness, &answer(number, 1, 1).request).map(|view| (view.is_batch, view.parts))
    };
    let known: Vec<_> = (1..=4).map(is_batch).collect();
    assert_eq!(known, [Some((false, 1)), Some((true, 1)), None, Some((true, 2))]);
}

#[test]
fn a_call_does_some_of_what_is_due_and_the_next_one_goes_on() {
    let mut harness = Harness::new(ResponseAccumulator);
    for number in 1..=40 {
        take(&mut harness, 1_000, answer(number, 1, 2));
    }
    harness.commit();
    let mut answered = Vec::new();
    while harness.wake().is_some_and(|wake| wake.at <= at(60_000)) {
        answered.push(harness.step(0, &timeout(60_000)).len());
        harness.commit();
    }
    assert_eq!(answered, [16, 16, 8]);
    // All at once, with rows of large requests: at most 2,000 rows a call.
    for number in 41..=50 {
        for part in 1..=700 {
            take(&mut harness, 70_000, answer(number, part, 700));
        }
        harness.commit();
    }
    let mut left = Vec::new();
    while harness.wake().is_some() {
        harness.step(0, &timeout(hours(48)));
        harness.commit();
        left.push(harness.count(TableId::AggregateParts));
    }
    assert_eq!(left, [7_000, 5_600, 4_200, 2_800, 1_400, 0]);
}

#[test]
fn after_standing_still_for_days_requests_are_answered_and_then_forgotten() {
    let mut harness = Harness::new(ResponseAccumulator);
    take(&mut harness, 1_000, answer(1, 1, 2));
    take(&mut harness, hours(30), answer(2, 1, 2));
    assert_eq!(harness.step(0, &timeout(hours(40))).len(), 2);
    // What is set may lie before what was passed.
    assert_eq!(harness.step(0, &timeout(hours(40))), []);
    assert_eq!(harness.count(TableId::Aggregates), 1);
    assert_eq!(harness.step(0, &timeout(hours(90))), []);
    assert_eq!(harness.count(TableId::Aggregates), 0);
    assert_eq!(harness.wake(), None);
}

#[test]
fn a_session_clock_far_ahead_of_the_log_does_not_hide_deadlines() {
    let mut harness = Harness::new(ResponseAccumulator);
    take(&mut harness, 1_000, answer(1, 1, 2));
    harness.step(0, &timeout(hours(30)));
    harness.step(0, &timeout(hours(30)));
    assert_eq!(harness.wake(), None);
    take(&mut harness, hours(2), answer(2, 1, 2));
    assert_eq!(harness.wake().map(|wake| wake.at), Some(at(hours(2) + 30_000)));
}

#[test]
fn an_answer_that_is_too_large_tells_outcomes_without_documents() {
    let mut harness = Harness::new(ResponseAccumulator);
    let large = |part, of| {
        let mut response = answer(1, part, of);
        response.answer.value = Some(document(&format!("\"{}\"", "x".repeat(1_000_000))));
        response
    };
    for part in 1..=6 {
        assert_eq!(take(&mut harness, 1_000, large(part, 7)), []);
    }
    let kept: usize = harness.rows().values().map(bytes::Bytes::len).sum();
    assert!(kept < 4_300_000, "no more documents are kept than an answer can hold: {kept}");
    let sent = take(&mut harness, 1_000, answer(1, 7, 7));
    let [Message::CompleteResponse(response)] = &*sent else { panic!("one answer") };
    assert!(response.is_whole());
    assert!(response.parts.iter().flatten().all(|part| part.value.is_none()));
    let view = request(&harness, &answer(1, 1, 7).request).expect("it is known");
    assert!(view.answers.iter().flatten().all(|part| part.value.is_none()));
}

#[test]
fn what_the_log_holds_beyond_all_bounds_is_cut() {
    let mut harness = Harness::new(ResponseAccumulator);
    let mut sent = Vec::new();
    for part in 1..=1_000 {
        let mut response = super::failed(answer(1, part, 1_000));
        response.answer.target = "t".repeat(10_000).into();
        if let tidelog_core::message::Outcome::Failed { problem, .. } = &mut response.answer.outcome
        {
            problem.detail = "d".repeat(10_000).into();
        }
        sent = take(&mut harness, 1_000, response);
    }
    assert_eq!(sent.len(), 1);
}

fn take(
    harness: &mut Harness<ResponseAccumulator>,
    millis: u64,
    response: PartialResponse,
) -> Vec<Message> {
    // One call, for there are thousands.
    let step = Step::Record(at(millis), Message::PartialResponse(response));
    harness.quick_step(0, &step)
}

fn request(harness: &Harness<ResponseAccumulator>, id: &RequestId) -> Option<RequestView> {
    let Answer::Request(view) = harness.query(&Query::Request(id.clone())) else {
        panic!("an answer about a request");
    };
    view
}
