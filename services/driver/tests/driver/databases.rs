//! The table of databases, and what is known of requests.

use tidelog_driver::{
    Error, Provisioned, RequestState,
    core::{
        DatabaseId, Position, Revision, Topic, port::ClientError, query::RequestView, topic::Offset,
    },
};

use crate::{
    Bench,
    tasks::Tasks,
    world::{World, layout},
};

#[test]
fn a_database_that_is_provisioned_is_in_the_table() {
    let mut bench = Bench::new();
    let id: DatabaseId = "books".parse().expect("an id");
    for is_new in [true, false] {
        let (driver, deadline, id) = (bench.driver.clone(), bench.after(1_000), id.clone());
        let made = bench.executor.finish(async move { driver.provision(&id, deadline).await });
        assert_eq!(made, Ok(Provisioned { revision: Revision(1), is_new }));
    }
    bench.executor.settle();
    assert!(bench.driver.has_database(&id));
}

#[test]
fn a_database_that_the_table_misses_is_asked_for() {
    let mut bench = Bench::new();
    let ask = |bench: &mut Bench, id: &str| {
        let (driver, id): (_, DatabaseId) = (bench.driver.clone(), id.parse().expect("an id"));
        assert!(!driver.has_database(&id));
        let deadline = bench.after(1_000);
        bench.executor.finish(async move { driver.database(&id, None, deadline).await })
    };
    assert!(matches!(ask(&mut bench, "shop"), Ok(Some(_))));
    assert_eq!(ask(&mut bench, "nowhere"), Ok(None));

    let mut bench = Bench::with(|tasks| tasks.is_down = true);
    assert!(matches!(ask(&mut bench, "shop"), Err(Error::Unavailable(_))));
}

#[test]
fn a_driver_is_ready_once_the_table_has_been_read_to_its_end() {
    let mut first = Bench::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let (driver, deadline) = (first.driver.clone(), first.after(1_000));
        let id = name.parse().expect("an id");
        let made = first.executor.finish(async move { driver.provision(&id, deadline).await });
        assert!(made.is_ok());
    }
    let world: World = first.world.clone();
    let failure = ClientError::Unavailable("no broker".into());
    world.state().read_errors.extend(vec![failure; 6]);
    let mut bench = Bench::over(world.clone(), Tasks::new(world));
    assert!(!bench.driver.is_ready());
    let driver = bench.driver.clone();
    bench.executor.finish(async move { driver.ready().await });
    assert!(bench.driver.is_ready());
    assert!(bench.driver.has_database(&"f".parse().expect("an id")));
}

#[test]
fn a_request_of_which_nothing_is_known_is_pending_and_later_expired() {
    let outcome = |bench: &mut Bench| {
        let driver = bench.driver.clone();
        let id = "app:0:1:1000000".parse().expect("an id");
        let deadline = bench.after(1_000);
        bench.executor.finish(async move { driver.outcome(&id, deadline).await })
    };
    let mut bench = Bench::new();
    assert_eq!(outcome(&mut bench), Ok(RequestState::Pending));
    bench.world.set_clock(1_000_000 + 13 * 3_600_000);
    assert_eq!(outcome(&mut bench), Ok(RequestState::Expired));

    let view = RequestView { is_batch: false, parts: 1, answers: vec![None] };
    let mut bench = Bench::with(|tasks| tasks.request = Some(view.clone()));
    assert_eq!(outcome(&mut bench), Ok(RequestState::Pending));
    bench.world.set_clock(1_000_000 + 13 * 3_600_000);
    assert_eq!(outcome(&mut bench), Ok(RequestState::Done(view)));
}

#[test]
fn a_database_is_read_at_a_position_or_after_it() {
    let mut bench = Bench::new();
    let id: DatabaseId = "shop".parse().expect("an id");
    let partition = layout().partition(id.as_str());
    let position = Position { topic: Topic::SchemaPatches, partition, offset: Offset(7) };
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let view =
        bench.executor.finish(async move { driver.database(&id, Some(position), deadline).await });
    assert_eq!(view.map(|view| view.map(|view| view.revision)), Ok(Some(Revision(7))));
}
