//! The driver over a log in memory, in virtual time.

mod appends;
mod batches;
mod databases;
mod ending;
mod executor;
mod lists;
mod requests;
mod services;
mod tasks;
mod world;

use std::{sync::Arc, time::Duration};

use tidelog_driver::{
    Answered, Call, Driver, Error, Options, With,
    core::{
        Document, EntityId, Timestamp,
        message::{Change, PartRequest},
    },
};

use self::{
    executor::{Executor, Outcome},
    tasks::Tasks,
    world::World,
};

/// A driver whose connection runs.
struct Bench {
    world: World,
    executor: Executor,
    driver: Driver,
    run: Outcome<Result<(), Error>>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(prepare: impl FnOnce(&mut Tasks)) -> Self {
        let world = World::new();
        world.state().databases.insert("shop".parse().expect("an id"));
        let mut tasks = Tasks::new(world.clone());
        prepare(&mut tasks);
        Self::over(world, tasks)
    }

    fn over(world: World, tasks: Tasks) -> Self {
        let options = Options { in_flight_max: 2_000, ..Options::new("app") };
        let (driver, connection) =
            Driver::new(world.clone(), Arc::new(tasks), options).expect("a good prefix");
        let mut executor = Executor::new(world.clone());
        let run = executor.spawn(connection.run());
        Self { world, executor, driver, run }
    }

    /// The time in so many milliseconds.
    fn after(&self, millis: u64) -> Timestamp {
        self.driver.now().plus(Duration::from_millis(millis))
    }

    /// A request that is under way.
    fn request(&self) -> Call<Answered> {
        self.driver.request(entity(1), replace(), With::default())
    }

    /// Waits for a call's answer for that long, and gives the call back.
    fn wait<A: 'static>(&mut self, mut call: Call<A>, millis: u64) -> (Result<A, Error>, Call<A>) {
        let deadline = self.after(millis);
        self.executor.finish(async move { (call.answer(deadline).await, call) })
    }

    /// Waits for an answer that must come.
    fn answer<A: 'static>(&mut self, call: Call<A>) -> A {
        self.wait(call, 60_000).0.expect("an answer comes")
    }
}

fn entity(number: u32) -> EntityId {
    format!("shop/orders/eu/{number}").parse().expect("an id")
}

fn replace() -> PartRequest {
    Change::Replace(Document::empty_object()).into()
}

#[test]
fn a_driver_its_calls_and_its_connection_can_go_to_any_thread() {
    fn is_send<T: Send>(_: T) {}
    fn is_send_and_sync<T: Send + Sync + Clone>(_: &T) {}
    let world = World::new();
    let tasks = Arc::new(Tasks::new(world.clone()));
    let (driver, connection) =
        Driver::new(world, tasks, Options::new("app")).expect("a good prefix");
    is_send_and_sync(&driver);
    is_send(driver.request(entity(1), replace(), With::default()));
    is_send(connection.run());
}

#[test]
fn a_prefix_that_names_no_client_is_refused() {
    let world = World::new();
    let tasks = Arc::new(Tasks::new(world.clone()));
    let refused = Driver::new(world, tasks, Options::new("a/b"));
    assert!(matches!(refused, Err(Error::Prefix(_))));
}
