//! Tidelog without HTTP: a driver, the services and the embedded log in one process, with many
//! patches in flight. `inprocess --seconds 10 --in-flight 1000 --entities 100000 --bytes 400`.

use std::{
    error::Error,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tidelog_core::{
    Document, EntityId, Layout, Service,
    message::{Change, PartRequest},
};
use tidelog_driver::{Driver, Options, With};
use tidelog_io_local::{LocalLog, Settings};
use tidelog_machines::{EntityBatch, EntityStorage, ResponseAccumulator, SchemaStorage};
use tidelog_runtime::LocalQueries;
use tokio::sync::oneshot;

/// As the node has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut flags = Flags::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("each flag has a value")?;
        match name.as_str() {
            "--seconds" => flags.seconds = value.parse()?,
            "--in-flight" => flags.in_flight = value.parse()?,
            "--entities" => flags.entities = value.parse()?,
            "--bytes" => flags.bytes = value.parse()?,
            "--data" => flags.data = value.into(),
            "--batch-records" => flags.batch_records = value.parse()?,
            "--settle-us" => flags.settle_us = value.parse()?,
            "--cache-mib" => flags.cache_mib = value.parse()?,
            other => return Err(format!("there is no flag {other}").into()),
        }
    }
    run(&flags)
}

struct Flags {
    seconds: u64,
    in_flight: usize,
    entities: u64,
    bytes: usize,
    data: PathBuf,
    batch_records: usize,
    settle_us: u64,
    cache_mib: u64,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            seconds: 10,
            in_flight: 1_000,
            entities: 100_000,
            bytes: 400,
            data: "target/bench-inprocess".into(),
            batch_records: 200,
            settle_us: 1_000,
            cache_mib: 32,
        }
    }
}

fn run(flags: &Flags) -> Outcome<()> {
    let _ = std::fs::remove_dir_all(&flags.data);
    let layout = Layout::new(8).ok_or("eight partitions")?;
    let settings = Settings {
        settle_max: Duration::from_micros(flags.settle_us),
        cache_bytes: flags.cache_mib << 20,
        ..Settings::new(layout)
    };
    let log = LocalLog::open(&flags.data, settings)?;
    let mut stops = Vec::new();
    let mut threads = Vec::new();
    for service in services() {
        let transport = log.transport();
        let batch_records_max = flags.batch_records;
        let (stop, stopped) = oneshot::channel::<()>();
        stops.push(stop);
        threads.push(std::thread::Builder::new().name(service.spec().name.to_string()).spawn(
            move || {
                let stopped = async { _ = stopped.await };
                let settings = tidelog_runtime::Settings {
                    batch_records_max,
                    ..tidelog_runtime::Settings::default()
                };
                pollster::block_on(tidelog_runtime::run(&transport, &*service, &settings, stopped))
            },
        )?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let queries = Arc::new(LocalQueries::new(log.snapshots(), services()));
    let options = Options { in_flight_max: flags.in_flight * 2, ..Options::new("bench") };
    let (driver, connection) = Driver::new(log.client(), queries, options)?;
    runtime.spawn(connection.run());
    runtime.block_on(drive(driver, flags))?;
    drop(stops);
    for thread in threads {
        thread.join().map_err(|_| "a service panicked")??;
    }
    log.close();
    Ok(())
}

async fn drive(driver: Driver, flags: &Flags) -> Outcome<()> {
    driver.ready().await;
    let database = "bench".parse()?;
    driver.provision(&database, driver.now().plus(Duration::from_secs(10))).await?;
    let filler = "x".repeat(flags.bytes.saturating_sub(60));
    let document = Document::parse(
        format!(r#"{{"id":1,"n":0,"tags":["a","b"],"text":"{filler}"}}"#).as_bytes(),
    )?;
    phase(&driver, flags, "create", flags.entities, None, |_| Change::Replace(document.clone()))
        .await?;
    let merge = |n: u64| {
        Change::Merge(Document::parse(format!(r#"{{"n":{n}}}"#).as_bytes()).expect("a document"))
    };
    let seconds = Some(Duration::from_secs(flags.seconds));
    phase(&driver, flags, "patch", u64::MAX, seconds, merge).await
}

async fn phase(
    driver: &Driver,
    flags: &Flags,
    name: &str,
    count: u64,
    time: Option<Duration>,
    change: impl Fn(u64) -> Change,
) -> Outcome<()> {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let lane = async || -> Outcome<Histogram<u64>> {
        let mut latency = Histogram::<u64>::new(3)?;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count || time.is_some_and(|time| started.elapsed() >= time) {
                return Ok(latency);
            }
            let id = n.wrapping_mul(0x9e37_79b9) % flags.entities;
            let id = if time.is_none() { n } else { id };
            let entity: EntityId = format!("bench/docs/default/{id:08}").parse()?;
            let asked = Instant::now();
            let with = With { wants_value: true, ..With::default() };
            let mut call = driver.request(entity, PartRequest::from(change(n)), with);
            call.answer(driver.now().plus(Duration::from_secs(30))).await?;
            latency.record(asked.elapsed().as_micros() as u64)?;
        }
    };
    let lanes = futures_util::future::try_join_all((0..flags.in_flight).map(|_| lane())).await?;
    let mut latency = Histogram::<u64>::new(3)?;
    for lane in lanes {
        latency.add(lane)?;
    }
    println!(
        "{name}: {} in {:.2} s: {:.0}/s, p50 {} us, p99 {} us, max {} us",
        latency.len(),
        started.elapsed().as_secs_f64(),
        latency.len() as f64 / started.elapsed().as_secs_f64(),
        latency.value_at_quantile(0.5),
        latency.value_at_quantile(0.99),
        latency.max(),
    );
    Ok(())
}

fn services() -> Vec<Box<dyn Service + Send + Sync>> {
    vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ]
}
