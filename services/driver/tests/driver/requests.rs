//! Requests for one entity: answered, sent again, given up.

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{self, Either};
use tidelog_driver::{
    Error, With,
    core::{
        Message, Problem, ProblemKind, Revision, Timestamp, Topic,
        message::{
            Condition, Fingerprint, IdempotencyKey, Match, Outcome, Part, PartAnswer,
            PartialResponse, Remember, UpdateKind,
        },
        port::{Client, ClientError},
    },
};

use crate::{
    Bench, entity, replace,
    world::{Fate, layout},
};

#[test]
fn a_request_is_answered_with_its_place_in_the_log() {
    let mut bench = Bench::new();
    let call = bench.request();
    let answered = bench.answer(call);
    assert_eq!(answered.request.to_string(), "app:0:1:1000000");
    assert_eq!(answered.answer.outcome, Outcome::Updated(Revision(1)));
    assert_eq!(answered.position.topic, Topic::EntityPatches);
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let changed = bench.executor.finish(async move {
        driver.increment(&entity(1), "/n", 5, deadline).await.expect("an answer comes")
    });
    assert_eq!((changed.kind, changed.revision), (UpdateKind::Updated, Revision(2)));
}

#[test]
fn a_timeout_says_unknown_and_the_same_request_is_asked_again_and_carried_out_once() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let call = bench.request();
    let (outcome, call) = bench.wait(call, 5_000);
    let Err(Error::OutcomeUnknown { request, given_up: false }) = outcome else {
        panic!("{outcome:?}");
    };
    bench.world.go_on();
    let answered = bench.answer(call);
    assert_eq!(answered.request, request);
    assert_eq!(bench.world.state().changes, 1);
    assert!(bench.world.origins().len() > 1, "it was sent again");
    assert!(bench.world.origins().iter().all(|origin| origin.request() == request));
}

#[test]
fn a_typed_method_whose_deadline_passes_says_that_the_request_is_given_up() {
    let mut bench = Bench::new();
    bench.executor.settle();
    bench.world.state().is_standing_still = true;
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let outcome = bench
        .executor
        .finish(async move { driver.delete(&entity(1), Default::default(), deadline).await });
    let Err(error @ Error::OutcomeUnknown { given_up: true, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().ends_with("is not known, and it was given up"), "{error}");
}

#[test]
fn an_append_of_unknown_outcome_is_sent_again_under_the_same_name() {
    for fate in [Fate::Lost, Fate::Unconfirmed] {
        let mut bench = Bench::new();
        bench.world.state().fates.extend([fate.clone(), fate]);
        let call = bench.request();
        bench.answer(call);
        assert_eq!(bench.world.state().changes, 1);
    }
}

#[test]
fn a_rejected_append_is_told_at_once() {
    let mut bench = Bench::new();
    bench.world.state().fates.push_back(Fate::Rejected);
    let call = bench.request();
    let (outcome, call) = bench.wait(call, 5_000);
    assert_eq!(outcome, Err(Error::Rejected("the disk is full".into())));
    assert_eq!(bench.world.millis(), 1_000_000, "no time has passed");
    let (again, _) = bench.wait(call, 5_000);
    assert_eq!(again, outcome, "a final error is given again");
}

#[test]
fn a_thousand_requests_in_flight_are_appended_together_and_all_answered() {
    let mut bench = Bench::new();
    bench.executor.settle();
    bench.world.state().append_sizes.clear();
    let calls: Vec<_> =
        (0..1_000).map(|n| bench.driver.request(entity(n), replace(), With::default())).collect();
    for call in calls {
        bench.answer(call);
    }
    assert_eq!(bench.world.state().changes, 1_000);
    assert_eq!(bench.world.state().append_sizes, [1_000]);
    assert_eq!(bench.world.millis(), 1_000_000, "no time has passed");
    let call = bench.request();
    bench.answer(call);
    let origin = bench.world.origins().pop().expect("it was appended");
    assert_eq!(origin.first_incomplete, origin.name.number, "nothing is left incomplete");
}

#[test]
fn an_answer_that_comes_while_nobody_waits_is_kept_for_who_asks_again() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let mut call = bench.request();
    let (world, soon, late) = (bench.world.clone(), bench.after(1_000), bench.after(60_000));
    let call = bench.executor.finish(async move {
        {
            let (answer, sleep) = (pin!(call.answer(late)), pin!(world.sleep_until(soon)));
            let waited = future::select(answer, sleep).await;
            assert!(matches!(waited, Either::Right(_)), "there is no answer yet");
        }
        call
    });
    bench.world.go_on();
    bench.executor.settle();
    let (outcome, call) = bench.wait(call, 1_000);
    assert!(outcome.is_ok());
    assert_eq!(bench.wait(call, 1_000).0, Err(Error::AlreadyAnswered));
}

#[test]
fn a_call_that_is_dropped_lets_first_incomplete_go_on_and_one_let_go_of_does_not() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let (dropped, detached) = (bench.request(), bench.request());
    bench.executor.settle();
    drop(dropped);
    detached.detach();
    let last = bench.request();
    bench.executor.settle();
    let firsts = |bench: &Bench| -> Vec<_> {
        bench.world.origins().iter().map(|origin| origin.first_incomplete).collect()
    };
    assert_eq!(firsts(&bench), [1, 1, 2]);
    bench.executor.pass(2_000);
    assert_eq!(firsts(&bench).len(), 4, "only the detached one was sent again");
    bench.world.go_on();
    bench.answer(last);
    let call = bench.request();
    bench.answer(call);
    assert_eq!(bench.world.origins().pop().map(|origin| origin.first_incomplete), Some(4));
}

#[test]
fn a_call_knows_its_id_before_its_answer_and_after() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let mut call = bench.request();
    let (id, call) = bench.executor.finish(async move { (call.id().await, call) });
    let id = id.expect("it is named");
    assert_eq!(id.to_string(), "app:0:1:1000000");
    bench.world.go_on();
    assert_eq!(bench.answer(call).request, id);

    let mut call = bench.request();
    bench.executor.settle();
    let (id, call) = bench.executor.finish(async move { (call.id().await, call) });
    assert_eq!(Ok(bench.answer(call).request), id);

    let call = bench.request();
    let (outcome, mut call) = bench.wait(call, 1_000);
    let id = bench.executor.finish(async move { call.id().await });
    assert_eq!(outcome.map(|answered| answered.request), id);
}

#[test]
fn what_is_too_much_is_refused_at_once() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let calls: Vec<_> = (0..2_000).map(|_| bench.request()).collect();
    let mut call = bench.request();
    let (id, call) = bench.executor.finish(async move { (call.id().await, call) });
    assert_eq!(id, Err(Error::Busy));
    assert_eq!(bench.wait(call, 5_000).0, Err(Error::Busy));
    drop(calls);
    bench.world.go_on();
    let call = bench.request();
    bench.answer(call);
}

#[test]
fn what_a_service_would_set_aside_is_refused_before_it_is_sent() {
    let mut bench = Bench::new();
    let key = IdempotencyKey {
        scope: "PUT shop/orders/eu/1".into(),
        key: "k".repeat(256).into(),
        fingerprint: Fingerprint([0; 16]),
    };
    let with = With { key: Some(key), ..With::default() };
    let mut many = replace();
    many.condition =
        Condition { matches: Some(Match::Revisions(vec![Revision(1); 17])), none_match: None };
    let calls = [
        bench.driver.request(entity(1), replace(), with),
        bench.driver.request(entity(1), many, With::default()),
    ];
    for call in calls {
        let outcome = bench.wait(call, 5_000).0;
        assert!(matches!(outcome, Err(Error::Problem { problem, .. })
            if problem.kind == ProblemKind::BadRequest));
    }
    assert!(bench.world.state().appends.is_empty());
}

#[test]
fn responses_of_others_and_those_that_cannot_be_read_are_skipped() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let call = bench.request();
    bench.executor.settle();
    let own = layout().partition("app");
    let names = (0..).map(|n| format!("other-{n}"));
    let neighbour =
        names.into_iter().find(|name| layout().partition(name) == own).expect("there are enough");
    let now = bench.driver.now();
    let response = |id: &str, time| {
        let problem = Problem::new(ProblemKind::Stale, "not for you");
        Message::PartialResponse(PartialResponse {
            request: id.parse().expect("an id"),
            part: Part::ONLY,
            answer: PartAnswer {
                target: "shop/orders/eu/1".into(),
                outcome: Outcome::failed(problem),
                value: None,
                replayed: false,
            },
            position: "entity-patches:0:0".parse().expect("a position"),
            time,
            remember: Remember::No,
        })
        .encode()
    };
    let foreign = |id: &str| response(id, now);
    let future = |id: &str| response(id, Timestamp::MAX);
    let topic = Topic::PartialResponses;
    bench.world.append_raw(topic, "app", Bytes::from_static(b"\x01nonsense"));
    bench.world.append_raw(topic, "app", Bytes::from_static(b"\xff"));
    bench.world.append_raw(topic, "app", foreign("app:0:2:1000000"));
    bench.world.append_raw(topic, "app", foreign("app:0:1:5"));
    bench.world.append_raw(topic, &neighbour, future("app:0:1:1000000"));
    bench.executor.settle();
    bench.world.go_on();
    assert_eq!(bench.answer(call).answer.outcome, Outcome::Updated(Revision(1)));
    let call = bench.request();
    assert_eq!(bench.answer(call).request.first_sent, now, "others tell this client no time");
}

#[test]
fn nothing_is_sent_before_it_is_known_where_the_answers_begin_and_failed_reads_are_repeated() {
    let mut bench = Bench::new();
    let failure = ClientError::Unavailable("no broker".into());
    bench.world.state().read_errors.extend(vec![failure.clone(); 8]);
    let call = bench.request();
    bench.executor.settle();
    assert!(bench.world.state().appends.is_empty());
    bench.answer(call);
    assert!(bench.world.millis() > 1_000_000, "it waited before it tried again");

    bench.world.state().read_errors.push_back(failure);
    let call = bench.request();
    bench.answer(call);
}

#[test]
fn where_answers_are_gone_the_next_sending_is_answered() {
    let mut bench = Bench::new();
    bench.executor.settle();
    bench.world.state().is_standing_still = true;
    let call = bench.request();
    bench.executor.settle();
    bench.world.go_on();
    bench.world.forget(Topic::PartialResponses, layout().partition("app"));
    bench.answer(call);
    assert_eq!(bench.world.state().changes, 1);
    assert_eq!(bench.world.origins().len(), 2);
}

#[test]
fn a_deadline_that_comes_before_those_of_others_is_kept() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let (first, second) = (bench.request(), bench.request());
    bench.executor.settle();
    bench.executor.pass(100);
    assert!(matches!(bench.wait(first, 400).0, Err(Error::OutcomeUnknown { .. })));
    assert_eq!(bench.world.millis(), 1_000_500);
    drop(second);
}

#[test]
fn a_request_for_a_database_that_is_not_there_is_refused() {
    let mut bench = Bench::new();
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let outcome = bench.executor.finish(async move {
        let id = "nowhere/orders/eu/1".parse().expect("an id");
        driver.delete(&id, Condition::default(), deadline).await
    });
    assert_eq!(outcome, Err(Error::UnknownDatabase("nowhere".parse().expect("an id"))));
    assert!(bench.world.state().appends.is_empty());
}
