//! Reads that are answered by tasks: single entities, pages, names.

use tidelog_driver::{
    Driver, Error,
    core::{EntityId, Position, Revision, Timestamp, Topic, query::Scope, topic::Offset},
};

use crate::{Bench, entity, world::layout};

#[test]
fn a_read_waits_for_positions_of_its_own_partition_only() {
    let mut bench = Bench::with(|tasks| tasks.entities.extend([entity(1)]));
    let own = layout().partition(entity(1).as_str());
    let position = |topic, partition| Position { topic, partition, offset: Offset(7) };
    let other = layout().all().find(|partition| *partition != own).expect("there are four");
    for (at_least, offset) in [
        (position(Topic::EntityPatches, own), 7),
        (position(Topic::EntityPatches, other), 0),
        (position(Topic::SchemaPatches, own), 0),
    ] {
        let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
        let read = bench
            .executor
            .finish(async move { driver.read(&entity(1), Some(at_least), deadline).await });
        assert_eq!(read.map(|view| view.map(|view| view.revision)), Ok(Some(Revision(offset))));
    }
}

#[test]
fn a_list_waits_for_a_position_in_its_own_partition_only() {
    let ids: Vec<EntityId> = (0..40).map(entity).collect();
    let mut bench = Bench::with(|tasks| tasks.entities.extend(ids));
    let own = layout().partition(entity(1).as_str());
    for (topic, offset) in [(Topic::EntityPatches, 7), (Topic::SchemaPatches, 0)] {
        let position = Position { topic, partition: own, offset: Offset(7) };
        let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
        let page = bench.executor.finish(async move {
            let scope = Scope::Zone("shop/orders/eu".parse().expect("an id"));
            driver
                .list(&scope, None, 100, Some(position), deadline)
                .await
                .expect("all tasks answer")
        });
        assert_eq!(page.items.len(), 40);
        for view in page.items {
            let is_own = layout().partition(view.id.as_str()) == own;
            assert_eq!(view.revision, Revision(if is_own { offset } else { 0 }), "{}", view.id);
        }
    }
}

#[test]
fn a_list_has_every_entity_once_in_byte_order_and_full_pages() {
    let all: Vec<EntityId> = (0..300).map(entity).collect();
    let mut sorted: Vec<String> = all.iter().map(EntityId::to_string).collect();
    sorted.sort();
    let elsewhere: EntityId = "shop/orders/us/1".parse().expect("an id");
    for rows_max in [10_000, 13] {
        let mut bench = Bench::with(|tasks| {
            tasks.entities.extend(all.iter().cloned().chain([elsewhere.clone()]));
            tasks.rows_max = rows_max;
        });
        let (mut found, mut after) = (Vec::new(), None::<Box<str>>);
        loop {
            let (driver, from) = (bench.driver.clone(), after.take());
            let deadline = bench.after(1_000);
            let page = bench.executor.finish(async move {
                let scope = Scope::Zone("shop/orders/eu".parse().expect("an id"));
                driver
                    .list(&scope, from.as_deref(), 70, None, deadline)
                    .await
                    .expect("all tasks answer")
            });
            let count = page.items.len();
            assert!(count == 70 || (count < 70 && page.next.is_none()), "{count}");
            found.extend(page.items.iter().map(|view| view.id.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, sorted);
    }
}

#[test]
fn names_that_many_partitions_know_are_listed_once() {
    let mut bench = Bench::with(|tasks| {
        for zone in ["a", "b", "c"] {
            let ids = (0..40).map(|n| format!("shop/orders/{zone}/{n}").parse().expect("an id"));
            tasks.entities.extend(ids);
        }
    });
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let (collections, first, second) = bench.executor.finish(async move {
        let collection = "shop/orders".parse().expect("an id");
        let first =
            driver.zones(&collection, None, 2, None, deadline).await.expect("all tasks answer");
        (
            driver.collections(&"shop".parse().expect("an id"), None, 10, None, deadline).await,
            first.clone(),
            driver
                .zones(&collection, first.next.as_deref(), 2, None, deadline)
                .await
                .expect("all tasks answer"),
        )
    });
    assert_eq!(collections.map(|page| page.items), Ok(vec!["shop/orders".into()]));
    assert_eq!(first.items, ["shop/orders/a".into(), "shop/orders/b".into()]);
    assert_eq!((second.items, second.next), (vec!["shop/orders/c".into()], None));
}

#[test]
fn a_list_with_a_task_that_cannot_answer_is_unavailable() {
    let mut bench = Bench::new();
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let listed =
        bench.executor.finish(async move { driver.databases(None, 10, None, deadline).await });
    assert!(matches!(listed, Err(Error::Unavailable(_))));
}

#[test]
fn every_query_has_a_deadline() {
    async fn ask(driver: Driver, which: usize, deadline: Timestamp) -> Result<(), Error> {
        let scope = Scope::Zone("shop/orders/eu".parse().expect("an id"));
        let collection = "shop/orders".parse().expect("an id");
        let database = "shop".parse().expect("an id");
        let request = "app:0:1:1000000".parse().expect("an id");
        match which {
            0 => driver.read(&entity(1), None, deadline).await.map(drop),
            1 => driver.list(&scope, None, 10, None, deadline).await.map(drop),
            2 => driver.collections(&database, None, 10, None, deadline).await.map(drop),
            3 => driver.zones(&collection, None, 10, None, deadline).await.map(drop),
            4 => driver.database(&database, None, deadline).await.map(drop),
            5 => driver.databases(None, 10, None, deadline).await.map(drop),
            _ => driver.outcome(&request, deadline).await.map(drop),
        }
    }
    for which in 0..7 {
        let mut bench = Bench::with(|tasks| tasks.is_silent = true);
        let asked = ask(bench.driver.clone(), which, bench.after(1_000));
        let asked = bench.executor.spawn(asked);
        bench.executor.pass(999);
        assert_eq!(asked.take(), None, "{which}");
        bench.executor.pass(1);
        let reason = Error::Unavailable("no answer came in time".into());
        assert_eq!(asked.take(), Some(Err(reason)), "{which}");
    }
}

#[test]
fn a_query_that_is_answered_at_once_needs_no_timer() {
    let mut bench = Bench::new();
    bench.executor.settle();
    let (driver, deadline) = (bench.driver.clone(), bench.after(1));
    let read = bench.executor.spawn(async move { driver.read(&entity(1), None, deadline).await });
    bench.executor.settle();
    assert_ne!(bench.world.next_wake(), Some(deadline.as_millis()));
    assert_eq!(read.take(), Some(Ok(None)));
}

#[test]
fn what_is_wrong_inside_of_the_store_is_not_told() {
    let fault = "a row of Aggregates: it is broken";
    let mut bench = Bench::with(|tasks| tasks.fault = Some(fault.into()));
    let (driver, deadline) = (bench.driver.clone(), bench.after(1_000));
    let read = bench.executor.finish(async move { driver.read(&entity(1), None, deadline).await });
    let Err(Error::Unavailable(reason)) = read else { panic!("{read:?}") };
    assert!(reason.contains("the node's log says why") && !reason.contains("Aggregates"));
}
