//! Knowing that a request is in the log before it is answered.

use tidelog_driver::{
    Call, Error,
    core::{RequestId, Timestamp},
};

use crate::{Bench, world::Fate};

#[test]
fn a_call_tells_that_its_request_is_in_the_log_once_the_log_has_said_so() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    bench.world.state().append_takes = 5_000;
    let call = bench.request();
    let (unknown, mut call) = appended(&mut bench, call, 4_000);
    let Err(Error::OutcomeUnknown { request, given_up: false }) = unknown else {
        panic!("{unknown:?}");
    };
    let id = bench.executor.finish(async move { (call.id().await, call) });
    assert_eq!(id.0, Ok(request.clone()), "it has a name already");
    let (told, call) = appended(&mut bench, id.1, 60_000);
    assert_eq!((told, bench.world.millis()), (Ok(request.clone()), 1_005_000));
    let (again, call) = appended(&mut bench, call, 0);
    assert_eq!(again, Ok(request.clone()), "it stays known");

    bench.world.go_on();
    bench.executor.settle();
    let (answered, call) = appended(&mut bench, call, 0);
    assert_eq!(answered, Ok(request.clone()), "the answer is there");
    let (answer, call) = bench.wait(call, 1_000);
    assert_eq!(answer.map(|answered| answered.request), Ok(request.clone()));
    assert_eq!(appended(&mut bench, call, 0).0, Ok(request), "the answer was taken");
    assert_eq!(bench.world.state().changes, 1);
}

#[test]
fn an_append_of_unknown_outcome_is_sent_again_until_it_is_known() {
    for fate in [Fate::Lost, Fate::Unconfirmed] {
        let mut bench = Bench::new();
        bench.world.state().is_standing_still = true;
        bench.world.state().fates.push_back(fate);
        let call = bench.request();
        let (told, call) = appended(&mut bench, call, 60_000);
        assert_eq!(told.map(|id| id.to_string()), Ok("app:0:1:1000000".to_owned()));
        assert_eq!(bench.world.millis(), 1_002_000, "it was sent again after two seconds");
        bench.world.go_on();
        bench.answer(call);
        assert_eq!(bench.world.state().changes, 1);
    }
}

#[test]
fn an_answer_says_that_the_request_is_in_the_log() {
    let mut bench = Bench::new();
    bench.world.state().fates.push_back(Fate::Unconfirmed);
    let call = bench.request();
    let (told, call) = appended(&mut bench, call, 60_000);
    assert!(told.is_ok());
    assert_eq!(bench.world.millis(), 1_000_000, "no time has passed");
    assert_eq!(Ok(bench.answer(call).request), told);
}

#[test]
fn a_refused_append_is_told_at_once_and_again() {
    let mut bench = Bench::new();
    bench.world.state().fates.push_back(Fate::Rejected);
    let call = bench.request();
    let (told, call) = appended(&mut bench, call, 60_000);
    assert_eq!(told, Err(Error::Rejected("the disk is full".into())));
    assert!(told.as_ref().is_err_and(Error::is_definite));
    assert_eq!(bench.world.millis(), 1_000_000, "no time has passed");
    assert_eq!(appended(&mut bench, call, 60_000).0, told);
}

#[test]
fn where_the_connection_ends_nobody_knows() {
    let mut bench = Bench::new();
    bench.world.state().append_takes = 5_000;
    bench.world.state().is_standing_still = true;
    let mut call = bench.request();
    let deadline = bench.after(60_000);
    let waiting = bench.executor.spawn(async move { call.appended(deadline).await });
    bench.executor.settle();
    bench.executor.cancel(&bench.run);
    assert_eq!(waiting.take(), Some(Err(Error::ConnectionLost)));
}

/// Waits for that long until a call's request is in the log, and gives the call back.
fn appended<A: 'static>(
    bench: &mut Bench,
    mut call: Call<A>,
    millis: u64,
) -> (Result<RequestId, Error>, Call<A>) {
    let deadline: Timestamp = bench.after(millis);
    bench.executor.finish(async move { (call.appended(deadline).await, call) })
}
