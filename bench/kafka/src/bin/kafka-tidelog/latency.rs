//! The latency of single writes at a fixed rate, from the driver's call to its answer.

use std::{
    future::pending,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use hdrhistogram::Histogram;
use pollster::block_on;
use tidelog_bench_kafka::Result;
use tidelog_core::{
    Answer, Document, EntityId, Position, Query, Revision, Service, Timestamp,
    port::{AskError, BoxFuture, Queries, TaskId},
    query::DatabaseView,
};
use tidelog_driver::{Driver, Options as DriverOptions};
use tidelog_io_kafka::{KafkaClient, Topics, of_service};
use tidelog_machines::{EntityBatch, EntityStorage, ResponseAccumulator, SchemaStorage};
use tidelog_runtime::Settings;

use super::Common;

/// Threads that write in turn, so that a write which takes long does not put off the next one.
const WRITERS: u32 = 16;

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes at the beginning that do not count.
const WARM_UP: u32 = 200;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Writes in a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// How many writes are measured.
    #[arg(long, default_value_t = 2_000)]
    writes: u32,
    /// How many entities they are about.
    #[arg(long, default_value_t = 1_000)]
    entities: u32,
}

/// Starts the services of a node and a driver, writes, and prints one line.
pub(super) fn run(options: &Options) -> Result<()> {
    let common = &options.common;
    let settings = common.settings()?;
    let services = || -> [Box<dyn Service + Send>; 4] {
        let (batch, answers) = (Box::new(EntityBatch), Box::new(ResponseAccumulator));
        [batch, Box::new(EntityStorage), answers, Box::new(SchemaStorage)]
    };
    let specs = services().map(|service| service.spec());
    Topics::connect(&settings)?.create(specs.into_iter().flat_map(of_service))?;
    let transport = common.transport()?;
    for service in services() {
        let transport = transport.clone();
        let commit_interval = Duration::from_millis(common.commit_ms);
        let settings = Settings { commit_interval, ..Settings::default() };
        // They work until the process ends.
        thread::spawn(move || {
            block_on(tidelog_runtime::run(&transport, &*service, &settings, pending()))
        });
    }
    let client = KafkaClient::connect(&settings)?;
    let (driver, connection) =
        Driver::new(client, Arc::new(AllDatabases), DriverOptions::new("latency"))?;
    thread::spawn(move || block_on(connection.run()));
    block_on(driver.ready());
    let latencies = write_all(options, &driver)?;
    let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{} writes at {}/s: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        latencies.len(),
        options.rate,
        at(0.5),
        at(0.9),
        at(0.99),
        latencies.max() as f64 / 1e3
    );
    Ok(())
}

/// Has each writer write when it is its turn. A latency counts from when the write was due, so that
/// one which could not be made in time is not forgotten.
fn write_all(options: &Options, driver: &Driver) -> Result<Histogram<u64>> {
    let all = WARM_UP + options.writes;
    let start = Instant::now() + Duration::from_millis(100);
    let writer = |first: u32| {
        let mut latencies = Histogram::new_with_max(60_000_000, 3)?;
        for n in (first..all).step_by(usize::try_from(WRITERS)?) {
            let due = start + Duration::from_secs(n.into()) / options.rate;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            write(driver, n % options.entities, n)?;
            if n >= WARM_UP {
                latencies.record(u64::try_from(due.elapsed().as_micros())?)?;
            }
        }
        Ok(latencies)
    };
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|first| scope.spawn(move || writer(first))).collect();
        let mut all = Histogram::new_with_max(60_000_000, 3)?;
        for writer in writers {
            let latencies: Result<Histogram<u64>> =
                writer.join().map_err(|_| "a writer has panicked")?;
            all.add(latencies?)?;
        }
        Ok(all)
    })
}

fn write(driver: &Driver, entity: u32, n: u32) -> Result<()> {
    let id: EntityId = format!("bench/docs/default/{entity:08}").parse()?;
    let text = format!(r#"{{"count":{n},"note":"{}"}}"#, "lorem ipsum ".repeat(15));
    let deadline = driver.now().plus(PATIENCE);
    let patch = Document::parse(text.as_bytes())?;
    block_on(driver.merge(&id, patch, Default::default(), deadline))?;
    Ok(())
}

/// Spares the preparation of a database: entity-storage does not ask for it.
struct AllDatabases;

impl Queries for AllDatabases {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        _at_least: Option<Position>,
    ) -> BoxFuture<'a, std::result::Result<Answer, AskError>> {
        Box::pin(async move {
            let Query::Database(id) = query else { return Err(AskError::NotOwner(task)) };
            let (revision, created) = (Revision(1), Timestamp::ZERO);
            Ok(Answer::Database(Some(DatabaseView { id, revision, created })))
        })
    }
}
