//! Requests of many parts.

use tidelog_driver::{
    BatchAnswered, Call, Error, With,
    core::{ProblemKind, message::BatchPart},
};

use crate::{Bench, replace};

#[test]
fn a_batch_is_answered_whole_in_the_order_of_its_parts() {
    let mut bench = Bench::new();
    let call = batch(&bench, 3);
    let answered = bench.answer(call);
    assert!(answered.is_whole());
    assert_eq!(answered.parts.len(), 3);
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let answers = bench.executor.finish(async move {
        driver.batch(&"shop".parse().expect("an id"), vec![part(); 2], deadline).await
    });
    assert_eq!(answers.map(|answers| answers.len()), Ok(2));
}

#[test]
fn an_incomplete_batch_tells_what_is_known_and_stays_incomplete() {
    let mut bench = Bench::new();
    bench.world.state().missing_parts.insert(1);
    let call = batch(&bench, 3);
    let answered = bench.answer(call);
    let has: Vec<_> = answered.parts.iter().map(Option::is_some).collect();
    assert_eq!(has, [true, false, true]);
    let call = bench.request();
    bench.answer(call);
    assert_eq!(bench.world.origins().pop().map(|origin| origin.first_incomplete), Some(1));

    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let outcome = bench.executor.finish(async move {
        driver.batch(&"shop".parse().expect("an id"), vec![part(); 3], deadline).await
    });
    assert!(matches!(outcome, Err(Error::OutcomeUnknown { given_up: true, .. })));
}

#[test]
fn a_batch_without_parts_or_with_too_many_is_refused() {
    let mut bench = Bench::new();
    for count in [0, 1_001] {
        let call = batch(&bench, count);
        let outcome = bench.wait(call, 1_000).0;
        assert!(matches!(outcome, Err(Error::Problem { problem, .. })
            if problem.kind == ProblemKind::BadRequest));
    }
    assert!(bench.world.state().appends.is_empty());
}

fn batch(bench: &Bench, parts: usize) -> Call<BatchAnswered> {
    let database = "shop".parse().expect("an id");
    bench.driver.batch_request(database, vec![part(); parts], With::default())
}

fn part() -> BatchPart {
    BatchPart { entity: "shop/orders/eu/1".into(), request: Ok(replace()) }
}
