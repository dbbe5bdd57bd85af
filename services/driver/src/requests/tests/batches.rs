//! Requests of many parts.

use tidelog_core::{
    Document,
    message::{BatchPart, Change, Part, PartialResponse},
};

use super::{
    super::{Input, Reply, Request, Told},
    bench::{Bench, complete, origin, partial, parts},
};
use crate::{error::Error, options::With};

#[test]
fn an_incomplete_batch_is_answered_and_its_number_stays_incomplete() {
    let mut bench = Bench::new();
    let slot = bench.submit_batch(1);
    let id = bench.id(slot);
    bench.handle(Input::Partial(PartialResponse {
        part: Part { number: 1, of: 2 },
        ..partial(&id)
    }));
    assert_eq!(bench.take_told(), []);
    bench.handle(Input::Complete(complete(&id, [true, false])));
    bench.handle(Input::Complete(complete(&id, [true, false])));
    assert!(matches!(&bench.take_told()[..], [(1, Told::Answer(Ok(Reply::Batch(answered))))]
        if !answered.is_whole()));
    assert!(bench.requests.is_drained());
    bench.appends.clear();
    bench.pass(100_000);
    assert_eq!(bench.appends, [], "there is nothing left to send");
    bench.submit(2);
    assert_eq!(origin(&bench.appends[0].1).first_incomplete, 1);
    bench.handle(Input::Complete(complete(&id, [true, true])));
    assert_eq!(bench.take_told(), []);
    bench.submit(3);
    assert_eq!(origin(&bench.appends[1].1).first_incomplete, 2);
}

/// The positions that an answer tells, if one was told.
fn told_positions(bench: &mut Bench) -> Option<Vec<String>> {
    match &bench.take_told()[..] {
        [] => None,
        [(1, Told::Answer(Ok(Reply::Batch(answered))))] => {
            assert!(answered.is_whole());
            Some(answered.positions.iter().map(|position| position.to_string()).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_tells_where_its_parts_stand_whichever_is_read_first() {
    let both = ["entity-patches:0:12", "entity-patches:1:11"].map(String::from).to_vec();
    for parts_before in 0..=2 {
        let mut bench = Bench::new();
        let slot = bench.submit_batch(1);
        let id = bench.id(slot);
        let mut answers = parts(&id).into_iter();
        for part in answers.by_ref().take(parts_before) {
            bench.handle(Input::Partial(part.clone()));
            // It may come again.
            bench.handle(Input::Partial(part));
        }
        bench.handle(Input::Complete(complete(&id, [true, true])));
        for part in answers {
            assert_eq!(told_positions(&mut bench), None);
            bench.handle(Input::Partial(part));
        }
        assert_eq!(told_positions(&mut bench), Some(both.clone()));
        bench.assert_nothing_is_left();
    }
}

#[test]
fn an_answer_whose_parts_are_not_seen_is_told_all_the_same() {
    // After a second, or at the deadline.
    for (deadline, pass) in [(60_000, 1_000), (1_500, 500)] {
        let mut bench = Bench::new();
        let slot = bench.submit_batch(1);
        let id = bench.id(slot);
        bench.wait(1, deadline);
        bench.handle(Input::Complete(complete(&id, [true, true])));
        bench.handle(Input::Complete(complete(&id, [true, true])));
        bench.pass(pass - 1);
        assert_eq!(told_positions(&mut bench), None);
        bench.pass(1);
        assert_eq!(told_positions(&mut bench), Some(Vec::new()));
        bench.assert_nothing_is_left();
    }
}

#[test]
fn an_answer_that_is_kept_back_is_told_when_the_driver_ends() {
    let mut bench = Bench::new();
    let slot = bench.submit_batch(1);
    let id = bench.id(slot);
    bench.handle(Input::Complete(complete(&id, [true, true])));
    bench.handle(Input::Finish);
    assert_eq!(told_positions(&mut bench), Some(Vec::new()));
}

#[test]
fn a_batch_that_is_refused_as_a_whole_is_answered_at_once() {
    let mut bench = Bench::new();
    let slot = bench.submit_batch(1);
    bench.handle(Input::Partial(partial(&bench.id(slot))));
    assert!(matches!(&bench.take_told()[..], [(1, Told::Answer(Ok(Reply::Batch(answered))))]
        if answered.parts.len() == 1));
    bench.assert_nothing_is_left();
}

#[test]
fn a_request_that_is_too_large_uses_no_number() {
    let mut bench = Bench::new();
    let document = format!("\"{}\"", "x".repeat(1_000_000));
    let document = Document::parse(document.as_bytes()).expect("a document");
    let part = BatchPart {
        entity: "shop/orders/eu/1".into(),
        request: Ok(Change::Replace(document).into()),
    };
    let request = Request::Batch {
        database: "shop".parse().expect("an id"),
        parts: vec![part; 4],
        with: With::default(),
    };
    bench.handle(Input::Submit { token: 1, request, reply: 1 });
    assert!(
        matches!(&bench.take_told()[..], [(1, Told::Answer(Err(Error::Problem { problem, .. })))]
        if problem.detail.contains("3145728"))
    );
    assert_eq!(bench.submit(2).number, 1);
}
