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
    Document, EntityId, Layout, Service, Spec,
    message::{Change, PartRequest},
};
use tidelog_driver::{Driver, Options, With};
use tidelog_io_local::{LocalLog, Settings};
use tidelog_machines::{
    ChangesInZone, Coalescing, DeviceKeeper, EntityBatch, EntityStorage, Pace, ResponseAccumulator,
    SchemaLearning, SchemaLearningPartitioner, SchemaStorage, ZoneWatch,
};
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
            "--learning" => flags.learning = is_on(&value)?,
            "--zones" => flags.zones = is_on(&value)?,
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
    /// Whether the services that learn schemas run, too.
    learning: bool,
    /// Whether those that watch zones and tell devices run, too.
    zones: bool,
}

fn is_on(value: &str) -> Outcome<bool> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("{other} is neither on nor off").into()),
    }
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
            learning: false,
            zones: false,
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
    for service in services(flags) {
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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let queries = Arc::new(LocalQueries::new(log.snapshots(), services(flags)));
    let options = Options { in_flight_max: flags.in_flight * 2, ..Options::new("bench") };
    let (driver, connection) = Driver::new(log.client(), queries, options)?;
    runtime.spawn(connection.run());
    runtime.block_on(drive(driver, flags, &log))?;
    drop(stops);
    for thread in threads {
        thread.join().map_err(|_| "a service panicked")??;
    }
    log.close();
    Ok(())
}

async fn drive(driver: Driver, flags: &Flags, log: &LocalLog) -> Outcome<()> {
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
    caught_up(log, flags).await;
    let seconds = Some(Duration::from_secs(flags.seconds));
    let started = Instant::now();
    let patches = phase(&driver, flags, "patch", u64::MAX, seconds, merge).await?;
    caught_up(log, flags).await;
    println!("everything read: {:.0}/s", patches as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

/// Waits until every service has read all of its inputs.
async fn caught_up(log: &LocalLog, flags: &Flags) {
    let (progress, layout) = (log.progress(), log.layout());
    let specs: Vec<_> = services(flags).iter().map(|service| service.spec()).collect();
    let unread = || {
        let of = |spec: &&'static Spec| {
            let inputs = layout.all().flat_map(|partition| progress.inputs(spec, partition));
            inputs.map(|input| input.unread()).sum::<u64>()
        };
        specs.iter().map(of).sum::<u64>()
    };
    while unread() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn phase(
    driver: &Driver,
    flags: &Flags,
    name: &str,
    count: u64,
    time: Option<Duration>,
    change: impl Fn(u64) -> Change,
) -> Outcome<u64> {
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
    Ok(latency.len())
}

fn services(flags: &Flags) -> Vec<Box<dyn Service + Send + Sync>> {
    let mut services: Vec<Box<dyn Service + Send + Sync>> = vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ];
    if flags.learning {
        services.push(Box::new(SchemaLearningPartitioner));
        services.push(Box::new(SchemaLearning { pace: Pace::default() }));
    }
    if flags.zones {
        services.push(Box::new(ChangesInZone));
        services.push(Box::new(ZoneWatch::default()));
        services.push(Box::new(Coalescing::default()));
        services.push(Box::new(DeviceKeeper::default()));
    }
    services
}
