//! How a driver ends.

use tidelog_driver::Error;

use crate::Bench;

#[test]
fn a_shutdown_refuses_what_is_new_and_waits_for_what_is_under_way() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let mut call = bench.request();
    let deadline = bench.after(60_000);
    let waiting = bench.executor.spawn(async move { call.answer(deadline).await });
    let driver = bench.driver.clone();
    let shutdown = bench.executor.spawn(async move { driver.shutdown(deadline).await });
    bench.executor.pass(1_000);
    let refused = bench.request();
    assert_eq!(bench.wait(refused, 1_000).0, Err(Error::Closed));
    assert_eq!(shutdown.take(), None);

    bench.world.go_on();
    bench.executor.settle();
    assert!(matches!(waiting.take(), Some(Ok(_))));
    assert_eq!(shutdown.take(), Some(()));
    assert_eq!(bench.run.take(), Some(Ok(())));
    let refused = bench.request();
    assert_eq!(bench.wait(refused, 1_000).0, Err(Error::Closed));
}

#[test]
fn a_shutdown_that_does_not_drain_in_time_tells_that_the_outcomes_are_unknown() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let (mut call, held) = (bench.request(), bench.request());
    let (late, soon) = (bench.after(60_000), bench.after(5_000));
    let waiting = bench.executor.spawn(async move { call.answer(late).await });
    let driver = bench.driver.clone();
    let shutdown = bench.executor.spawn(async move { driver.shutdown(soon).await });
    bench.executor.pass(5_000);
    let given_up = |outcome| matches!(outcome, Err(Error::OutcomeUnknown { given_up: true, .. }));
    assert!(waiting.take().is_some_and(given_up));
    assert_eq!(shutdown.take(), Some(()));
    assert!(given_up(bench.wait(held, 1_000).0));
    assert_eq!(bench.run.take(), Some(Ok(())));
}

#[test]
fn the_connection_ends_when_everybody_is_gone() {
    let bench = Bench::new();
    let Bench { world, mut executor, driver, run } = bench;
    world.state().is_standing_still = true;
    world.state().append_takes = 5_000;
    let call = driver.request(crate::entity(1), crate::replace(), Default::default());
    drop(driver);
    executor.pass(1_000);
    assert_eq!(run.take(), None, "there is a call yet");
    call.detach();
    executor.pass(1_000);
    assert_eq!(run.take(), None, "nobody knows yet what became of the append");
    executor.pass(3_000);
    assert_eq!(run.take(), Some(Ok(())));
    assert_eq!(world.state().appends.len(), 1);
}

#[test]
fn a_connection_that_is_dropped_leaves_nobody_waiting() {
    let mut bench = Bench::new();
    bench.world.state().is_standing_still = true;
    let mut call = bench.request();
    let deadline = bench.after(60_000);
    let waiting = bench.executor.spawn(async move { call.answer(deadline).await });
    let driver = bench.driver.clone();
    bench.executor.settle();
    bench.executor.cancel(&bench.run);
    assert_eq!(waiting.take(), Some(Err(Error::ConnectionLost)));
    let mut refused = bench.request();
    let id = bench.executor.finish(async move { refused.id().await });
    assert_eq!(id, Err(Error::Closed));
    bench.executor.finish(async move {
        driver.ready().await;
        driver.shutdown(deadline).await;
    });
}
