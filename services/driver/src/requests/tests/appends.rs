//! Waiting until a request is in the log.

use tidelog_core::{port::AppendOutcome, topic::Offset};

use super::{
    super::{Awaits, Told},
    bench::{Bench, partial},
};
use crate::{error::Error, requests::Input};

#[test]
fn who_waits_for_the_append_is_told_as_soon_as_the_log_has_said_so() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let id = bench.id(slot);
    bench.wait_as(50, 1, Awaits::Append, 60_000);
    assert_eq!(bench.take_told(), []);
    bench.appended(slot, AppendOutcome::Appended(Offset(5)));
    assert_eq!(bench.take_told(), [(50, Told::Appended(id.clone()))]);
    // What is known is told whenever it is asked for, and nobody waits any more.
    bench.wait_as(51, 1, Awaits::Append, 0);
    assert_eq!(bench.take_told(), [(51, Told::Appended(id.clone()))]);
    bench.pass(100_000);
    assert_eq!(bench.appends.len(), 1);
    bench.wait(1, 200_000);
    bench.handle(Input::Partial(partial(&id)));
    assert!(matches!(bench.take_told()[..], [(1, Told::Answer(Ok(_)))]));
    bench.assert_nothing_is_left();
}

#[test]
fn while_an_append_is_waited_for_that_is_unknown_it_is_sent_again() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    let id = bench.id(slot);
    bench.appended(slot, AppendOutcome::Unknown("?".into()));
    bench.wait_as(50, 1, Awaits::Append, 2_000);
    bench.pass(1_000);
    assert_eq!(bench.take_told(), [(50, Told::Overdue(id.clone()))]);
    bench.wait_as(51, 1, Awaits::Append, 60_000);
    bench.pass(1_000);
    assert_eq!(bench.appends.len(), 2);
    // That a later sending is refused says nothing about an earlier one.
    bench.appended(slot, AppendOutcome::Rejected("full".into()));
    assert_eq!(bench.take_told(), []);
    bench.pass(4_000);
    assert_eq!(bench.appends.len(), 3);
    bench.appended(slot, AppendOutcome::Appended(Offset(5)));
    assert_eq!(bench.take_told(), [(51, Told::Appended(id))]);
}

#[test]
fn an_answer_or_a_refusal_ends_the_wait_for_the_append() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.wait_as(50, 1, Awaits::Append, 60_000);
    bench.handle(Input::Partial(partial(&bench.id(slot))));
    assert!(matches!(bench.take_told()[..], [(1, Told::Answer(Ok(_)))]));
    bench.assert_nothing_is_left();

    let slot = bench.submit(2);
    bench.wait_as(51, 2, Awaits::Append, 60_000);
    bench.appended(slot, AppendOutcome::Rejected("full".into()));
    assert_eq!(bench.take_told(), [(2, Told::Answer(Err(Error::Rejected("full".into()))))]);
    bench.assert_nothing_is_left();
}

#[test]
fn who_waits_for_the_answer_is_not_told_of_the_append() {
    let mut bench = Bench::new();
    let slot = bench.submit(1);
    bench.wait_as(50, 1, Awaits::Append, 60_000);
    bench.wait_as(51, 1, Awaits::Answer, 2_000);
    bench.appended(slot, AppendOutcome::Appended(Offset(5)));
    assert_eq!(bench.take_told(), []);
    bench.pass(1_000);
    assert_eq!(bench.take_told(), [(51, Told::Overdue(bench.id(slot)))]);
}
