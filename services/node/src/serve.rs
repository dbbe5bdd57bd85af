//! The composition of a node: log, services, driver, gateway.

mod error;
mod greeting;
mod workers;

pub(crate) use error::Error;

use std::{future::Future, sync::Arc, time::Duration};

use tidelog_core::{Layout, Service};
use tidelog_driver::{Driver, Options};
use tidelog_gateway::CorsOrigin;
use tidelog_io_local::LocalLog;
use tidelog_machines::{EntityBatch, EntityStorage, ResponseAccumulator, SchemaStorage};
use tidelog_runtime::LocalQueries;
use tokio::net::TcpListener;

use crate::settings::ServeSettings;
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
    let log = LocalLog::open(&settings.data, tidelog_io_local::Settings::new(layout))?;
    let (workers, failed) = Workers::start(&log.transport(), services)?;
    let served = runtime.block_on(serve_http(&settings, &log, failed));
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
fn services() -> Vec<Box<dyn Service + Send + Sync>> {
    vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ]
}

/// Speaks HTTP until the node is told to stop, or a worker has failed.
async fn serve_http(
    settings: &ServeSettings,
    log: &LocalLog,
    failed: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|source| Error::Listen { listen: settings.listen, source })?;
    let address = listener.local_addr().map_err(Error::Runtime)?;
    let queries = Arc::new(LocalQueries::new(log.snapshots(), services()));
    // A prefix of its own for each life of a node: its requests are told from all others.
    let options = Options::new(uuid::Uuid::now_v7().simple().to_string());
    let (driver, connection) = Driver::new(log.client(), queries, options)?;
    let connection = tokio::spawn(connection.run());
    let told = told_to_stop().map_err(Error::Runtime)?;
    let stop = async move {
        tokio::select! {
            biased;
            () = failed => tracing::error!("a service has failed; the node stops"),
            signal = told => tracing::info!(signal, "told to stop; requests under way are finished"),
        }
    };
    let gateway = tidelog_gateway::Settings {
        answer_timeout: settings.answer_timeout,
        drain_timeout: DRAIN_TIMEOUT,
        cors_origin: CorsOrigin::from_list(settings.cors_origins.clone()),
        ..tidelog_gateway::Settings::default()
    };
    driver.ready().await;
    greeting::print(address, &settings.data);
    tidelog_gateway::serve(listener, driver.clone(), gateway, stop)
        .await
        .map_err(Error::Runtime)?;
    driver.shutdown(driver.now().plus(DRAIN_TIMEOUT)).await;
    drop(driver);
    match connection.await {
        Ok(outcome) => Ok(outcome?),
        Err(panicked) => Err(Error::Connection(panicked)),
    }
}

/// Waits for SIGINT or SIGTERM, and says which it was.
fn told_to_stop() -> std::io::Result<impl Future<Output = &'static str> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}
