//! The composition of a node: log, services, driver, gateway.

mod error;
mod greeting;
mod health;
mod workers;

pub(crate) use error::Error;

use std::{future::Future, sync::Arc, time::Duration};

use tidelog_core::{Layout, Service, port::TaskId};
use tidelog_driver::{Driver, Options};
use tidelog_gateway::{CorsOrigin, Readiness};
use tidelog_io_local::LocalLog;
use tidelog_machines::{EntityBatch, EntityStorage, ResponseAccumulator, SchemaStorage};
use tidelog_runtime::LocalQueries;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::settings::ServeSettings;
use health::Health;
use workers::Workers;

/// How long requests under way are waited for when the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs a node until it is told to stop (SIGINT or SIGTERM), or its disk fails.
pub(crate) fn serve(settings: ServeSettings) -> Result<(), Error> {
    let layout = Layout::new(settings.partitions).ok_or(Error::Partitions(settings.partitions))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tidelog-http")
        .build()
        .map_err(Error::Runtime)?;
    // First the address: a folder that is made for nothing would be left behind.
    let listen = settings.listen;
    let listener = runtime
        .block_on(TcpListener::bind(listen))
        .map_err(|source| Error::Listen { listen, source })?;
    let log = LocalLog::open(&settings.data, tidelog_io_local::Settings::new(layout))?;
    let health = Arc::new(Health::of(tasks(layout)));
    let readiness = health.readiness();
    let (workers, failed) = Workers::start(&log.transport(), services, &health)?;
    let served = runtime.block_on(serve_http(&settings, listener, &log, readiness, failed));
    // The services go on until the last request was answered or given up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let worked = workers.stop();
    let failure = log.failure();
    log.close();
    match failure {
        Some(reason) => Err(Error::Disk { data: settings.data, reason }),
        None => served.and(worked),
    }
}

/// The services of a node.
pub(crate) fn services() -> Vec<Box<dyn Service + Send + Sync>> {
    vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ]
}

/// The tasks of a node: there is one node, so it has all.
fn tasks(layout: Layout) -> impl Iterator<Item = TaskId> {
    let names = services().into_iter().map(|service| service.spec().name);
    names.flat_map(move |service| layout.all().map(move |partition| TaskId { service, partition }))
}

/// Speaks HTTP until the node is told to stop, or a worker has failed.
async fn serve_http(
    settings: &ServeSettings,
    listener: TcpListener,
    log: &LocalLog,
    readiness: Readiness,
    failed: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::Runtime)?;
    let queries = Arc::new(LocalQueries::new(log.snapshots(), services()));
    // A prefix of its own for each life of a node: its requests are told from all others.
    let options = Options::new(uuid::Uuid::now_v7().simple().to_string());
    let (driver, connection) = Driver::new(log.client(), queries, options)?;
    let connection = tokio::spawn(connection.run());
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let (hurry, hurried) = oneshot::channel();
    let stop = async move {
        tokio::select! {
            biased;
            () = failed => tracing::error!("a service has failed; the node stops"),
            signal = signals.next() => {
                tracing::warn!(signal, "requests under way are finished; once more to stop at once");
            }
        }
        tokio::spawn(async move {
            signals.next().await;
            // The node may have stopped by itself.
            let _ = hurry.send(());
        });
    };
    let gateway = tidelog_gateway::Settings {
        answer_timeout: settings.answer_timeout,
        drain_timeout: DRAIN_TIMEOUT,
        cors_origin: CorsOrigin::from_list(&settings.cors_origins)?,
        readiness,
        ..tidelog_gateway::Settings::default()
    };
    let greeting = async {
        driver.ready().await;
        greeting::print(address, &settings.data);
        std::future::pending::<()>().await;
    };
    let serving = async {
        tidelog_gateway::serve(listener, driver.clone(), gateway, stop).await?;
        driver.shutdown(driver.now().plus(DRAIN_TIMEOUT)).await;
        Ok::<(), std::io::Error>(())
    };
    tokio::select! {
        biased;
        served = serving => served.map_err(Error::Runtime)?,
        Ok(()) = hurried => {
            tracing::warn!("stopped at once; what had no answer may be carried out or not");
            return Ok(());
        }
        () = greeting => unreachable!("it never ends"),
    }
    drop(driver);
    match connection.await {
        Ok(outcome) => Ok(outcome?),
        Err(panicked) => Err(Error::Connection(panicked)),
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one, and says which it is.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
