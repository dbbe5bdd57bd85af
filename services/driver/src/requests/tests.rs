mod appends;
mod batches;
mod bench;
mod model;

use tidelog_core::{
    RequestId, Timestamp,
    limits::{DRIVER_RESENDS_FOR, REQUESTS_AHEAD_MAX},
    message::PartialResponse,
    port::AppendOutcome,
    topic::Offset,
};

use self::bench::{Bench, IN_FLIGHT, complete, entity_request, origin, partial};
use super::{Awaits, Input, Reply, Slot, Told};
use crate::error::Error;

#[test]
fn a_request_is_named_appended_and_answered_once() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.handle(Input::Name { token: 1, reply: 70 });
    let id = bench.id(slot);
    assert_eq!(id.to_string(), "app:0:1:1000");
    assert_eq!(bench.take_told(), [(70, Told::Named(id.clone()))]);
    bench.appended(slot, AppendOutcome::Appended(Offset(5)));
    bench.handle(Input::Partial(partial(&id)));
    bench.handle(Input::Partial(partial(&id)));
    assert!(matches!(&bench.take_told()[..], [(1, Told::Answer(Ok(Reply::One(answered))))]
        if answered.request == id));
    bench.assert_nothing_is_left();
}

#[test]
fn without_an_answer_the_same_record_is_sent_again_with_growing_pauses() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.wait(1, 600_000);
    let first = bench.appends[0].1.clone();
    let mut sent = Vec::new();
    while let Some(at) = bench.requests.next_deadline().filter(|at| at.as_millis() < 100_000) {
        bench.appended(slot, AppendOutcome::Appended(Offset(0)));
        bench.appends.clear();
        bench.now = at;
        bench.handle(Input::Tick);
        for (again, append) in &bench.appends {
            assert_eq!((*again, append), (slot, &first));
            sent.push(at.as_millis() / 1_000);
        }
    }
    assert_eq!(sent, [3, 7, 15, 31, 61, 91]);
}

#[test]
fn a_record_that_is_still_being_appended_is_not_sent_again() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.wait(1, 60_000);
    bench.pass(10_000);
    assert_eq!(bench.appends.len(), 1);
    bench.appended(slot, AppendOutcome::Unknown("no reply".into()));
    bench.pass(10_000);
    assert_eq!(bench.appends.len(), 2);
}

#[test]
fn while_nobody_waits_nothing_is_sent_again_until_somebody_asks_again() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.appended(slot, AppendOutcome::Appended(Offset(0)));
    bench.pass(100_000);
    assert_eq!(bench.appends.len(), 1);
    bench.wait(1, 200_000);
    bench.handle(Input::Tick);
    assert_eq!(bench.appends.len(), 2);
}

#[test]
fn a_deadline_passes_and_the_same_request_can_be_waited_for_again() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let id = bench.id(slot);
    bench.appended(slot, AppendOutcome::Appended(Offset(0)));
    bench.wait_as(50, 1, Awaits::Answer, 1_500);
    assert_eq!(bench.requests.next_deadline(), Some(Timestamp::from_millis(1_500)));
    bench.pass(500);
    bench.wait_as(51, 1, Awaits::Answer, 1_500);
    let overdue = Told::Overdue(id.clone());
    assert_eq!(bench.take_told(), [(50, overdue.clone()), (51, overdue)]);
    bench.wait(1, 2_000);
    bench.handle(Input::Partial(partial(&id)));
    assert!(matches!(bench.take_told()[..], [(1, Told::Answer(Ok(_)))]));
    bench.assert_nothing_is_left();
}

#[test]
fn a_clock_that_is_set_back_puts_no_deadline_off() {
    let mut bench = Bench::new();
    bench.now = Timestamp::from_millis(600_000);
    let slot = bench.submit(1);
    let id = bench.id(slot);
    bench.appended(slot, AppendOutcome::Appended(Offset(0)));
    bench.wait_as(50, 1, Awaits::Answer, 605_000);
    bench.now = Timestamp::from_millis(300_000);
    assert!(!bench.requests.is_due(bench.now));
    assert_eq!(bench.requests.next_deadline(), Some(Timestamp::from_millis(302_000)));
    bench.pass(5_000);
    assert_eq!(bench.take_told(), [(50, Told::Overdue(id))]);
    let slot = bench.submit(2);
    assert_eq!(bench.id(slot).first_sent, bench.now, "stamps are the clock's");
}

#[test]
fn a_rejected_append_is_a_definite_failure_only_if_no_earlier_one_is_in_the_log() {
    let rejected = || AppendOutcome::Rejected("too large".into());
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.appended(slot, rejected());
    assert_eq!(bench.take_told(), [(1, Told::Answer(Err(Error::Rejected("too large".into()))))]);
    bench.assert_nothing_is_left();

    for earlier in [AppendOutcome::Unknown("?".into()), AppendOutcome::Appended(Offset(0))] {
        let slot = bench.submit(2);
        bench.wait(2, 60_000);
        bench.appended(slot, earlier);
        bench.pass(2_000);
        bench.appended(slot, rejected());
        assert_eq!(bench.take_told(), []);
        bench.handle(Input::Partial(partial(&bench.id(slot))));
        assert!(matches!(bench.take_told()[..], [(2, Told::Answer(Ok(_)))]));
        bench.assert_nothing_is_left();
        bench.now = Timestamp::from_millis(1_000);
    }
}

#[test]
fn appends_of_which_nothing_is_said_are_unknown() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.handle(Input::Appended { slots: vec![slot], outcomes: Vec::new() });
    bench.wait(1, 60_000);
    bench.pass(2_000);
    bench.appended(slot, AppendOutcome::Rejected("full".into()));
    assert_eq!(bench.take_told(), []);
}

#[test]
fn first_incomplete_follows_answers_and_what_was_given_up() {
    let mut bench = Bench::new();
    let slots: Vec<_> = (1..=3).map(|token| bench.submit(token)).collect();
    let first_incomplete = |bench: &mut Bench, token| {
        let slot = bench.submit(token);
        let (_, append) = bench.appends.pop().expect("it was just appended");
        (slot.number, origin(&append).first_incomplete)
    };
    bench.handle(Input::Partial(partial(&bench.id(slots[1]))));
    assert_eq!(first_incomplete(&mut bench, 4), (4, 1));
    bench.handle(Input::Abandon(1));
    assert_eq!(first_incomplete(&mut bench, 5), (5, 3));
    bench.handle(Input::Detach(3));
    assert_eq!(first_incomplete(&mut bench, 6), (6, 3));
    bench.handle(Input::Partial(partial(&bench.id(slots[2]))));
    assert_eq!(first_incomplete(&mut bench, 7), (7, 4));
    assert_eq!(bench.take_told().len(), 1, "only the second was waited for and answered");
}

#[test]
fn a_detached_request_is_sent_again_until_it_is_answered() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.handle(Input::Detach(1));
    bench.appended(slot, AppendOutcome::Unknown("?".into()));
    bench.pass(2_000);
    assert_eq!(bench.appends.len(), 2);
    bench.handle(Input::Partial(partial(&bench.id(slot))));
    assert_eq!(bench.take_told(), []);
    bench.assert_nothing_is_left();
}

#[test]
fn after_an_hour_the_outcome_is_unknown_for_good() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let request = bench.id(slot);
    bench.wait(1, u64::MAX);
    let end = bench.now.plus(DRIVER_RESENDS_FOR);
    while let Some(at) = bench.requests.next_deadline() {
        assert!(at <= end);
        bench.appended(slot, AppendOutcome::Appended(Offset(0)));
        bench.now = at;
        bench.handle(Input::Tick);
    }
    assert_eq!(bench.now, end);
    let error = Error::OutcomeUnknown { request, given_up: true };
    assert_eq!(bench.take_told(), [(1, Told::Answer(Err(error)))]);
    bench.assert_nothing_is_left();
}

#[test]
fn no_first_sending_is_stamped_below_a_task_time_that_was_told() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let time = Timestamp::from_millis(90_000);
    bench.handle(Input::Partial(PartialResponse { time, ..partial(&bench.id(slot)) }));
    let slot = bench.submit(2);
    assert_eq!(bench.id(slot).first_sent, time);
}

#[test]
fn a_client_with_a_request_stuck_goes_on_under_its_next_name() {
    let mut bench = Bench::new();
    bench.submit(0);
    for token in 1..=REQUESTS_AHEAD_MAX {
        let slot = bench.submit(token);
        assert_eq!(slot.incarnation, 0);
        bench.handle(Input::Partial(partial(&bench.id(slot))));
    }
    let first = bench.submit(100_000);
    assert_eq!(first, Slot { incarnation: 1, number: 1 });
    let id = bench.id(first);
    assert!(bench.id(first).to_string().starts_with("app:1:1:"));
    bench.handle(Input::Abandon(0));
    assert_eq!(bench.requests.incarnations.len(), 1, "the old name is through");
    bench.handle(Input::Partial(partial(&id)));
    assert_eq!(bench.submit(100_001).number, 2);
}

#[test]
fn too_many_requests_are_refused_at_once() {
    let mut bench = Bench::new();
    for token in 0..IN_FLIGHT as u64 {
        bench.submit(token);
    }
    bench.handle(Input::Submit { token: 99, request: entity_request(), reply: 99 });
    assert_eq!(bench.take_told(), [(99, Told::Answer(Err(Error::Busy)))]);
    bench.handle(Input::Abandon(0));
    bench.submit(100);
}

#[test]
fn answers_to_other_requests_change_nothing() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let id = bench.id(slot);
    for text in ["app:0:2:1000", "app:0:0:1000", "app:1:1:1000", "app:0:1:999", "apq:0:1:1000"] {
        let other: RequestId = text.parse().expect("an id");
        bench.handle(Input::Partial(partial(&other)));
        bench.handle(Input::Complete(complete(&other, [true, true])));
    }
    bench.handle(Input::Complete(complete(&id, [true, true])));
    assert_eq!(bench.take_told(), []);
    bench.handle(Input::Partial(partial(&id)));
    assert_eq!(bench.take_told().len(), 1);
}

#[test]
fn once_closed_nothing_is_taken_and_in_the_end_everybody_is_told() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let request = bench.id(slot);
    bench.handle(Input::Close);
    bench.handle(Input::Submit { token: 2, request: entity_request(), reply: 2 });
    assert_eq!(bench.take_told(), [(2, Told::Answer(Err(Error::Closed)))]);
    assert!(!bench.requests.is_drained());
    bench.handle(Input::Finish);
    let error = Error::OutcomeUnknown { request, given_up: true };
    assert_eq!(bench.take_told(), [(1, Told::Answer(Err(error)))]);
    bench.assert_nothing_is_left();
}
