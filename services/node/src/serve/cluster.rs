//! A node of a cluster: the log is on brokers, and other nodes share the work.

mod brokers;
mod folder;

pub(super) use folder::refuse_folder_of_cluster;

use std::{sync::Arc, time::Duration};

use tidelog_core::{Service, ServiceName};
use tidelog_io_kafka::{KafkaClient, KafkaTransport};
use tidelog_io_local::FjallStore;
use tidelog_runtime::{LocalQueries, Settings};

use self::{brokers::Brokers, folder::Folder};
use super::{
    Error,
    health::Health,
    http::{self, Log},
    layout, listen, runtime,
    workers::{Patience, Workers},
};
use crate::settings::ServeSettings;

/// Bytes of the store that are kept in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn serve(settings: &ServeSettings, brokers: &str) -> Result<(), Error> {
    let cluster = &settings.cluster;
    let kafka = cluster.kafka(brokers, layout(settings)?)?;
    let services = services(settings)?;
    let runtime = runtime()?;
    let listener = listen(settings, &runtime)?;
    let folder = Folder::open(&settings.data, cluster.node.as_deref())?;
    let kafka = tidelog_io_kafka::Settings { node: folder.node, ..kafka };
    let store = FjallStore::open(&folder.store, CACHE_BYTES)?;
    tracing::info!(
        node = kafka.node,
        brokers,
        prefix = kafka.prefix,
        "this is a node of a cluster"
    );

    let transport = KafkaTransport::new(kafka.clone(), store);
    let client = KafkaClient::connect(&kafka)?;
    let brokers = Brokers::watch(&kafka, cluster.create_topics)?;
    let health = Arc::new(Health::of_member());
    let of_runner = Settings { commit_interval: cluster.commit_interval, ..Settings::default() };
    // Nobody joins before there is something to join.
    let patience = Patience::Endless { join_when: brokers.are_there() };
    let (workers, some_ended) =
        Workers::start(&transport, services, &of_runner, &patience, &health)?;

    let of_http = Log {
        client,
        queries: Arc::new(LocalQueries::new(transport.snapshots(), super::services())),
        readiness: health.readiness().and_log(brokers.away()),
        place: format!("the topics {}* of {}", kafka.prefix, kafka.brokers),
        is_there: until(brokers.are_there()),
    };
    let brokers_failed = brokers.failed();
    let failed = async move {
        tokio::select! {
            () = some_ended => {}
            () = brokers_failed => {}
        }
    };
    let served = runtime.block_on(http::serve(settings, listener, of_http, failed));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let worked = workers.stop();
    let asked = brokers.stop();
    asked.and(served).and(worked)
}

/// The services that are named, or else the usual ones.
fn services(settings: &ServeSettings) -> Result<Vec<Box<dyn Service + Send + Sync>>, Error> {
    let Some(names) = &settings.cluster.services else {
        return Ok(super::usual_services(settings));
    };
    let mut all = super::services();
    let is_known = |name: &&ServiceName| all.iter().any(|service| service.spec().name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(Error::NoSuchService(*unknown));
    }
    all.retain(|service| names.contains(&service.spec().name));
    Ok(all)
}

/// Waits until it is so.
async fn until(mut is_so: tokio::sync::watch::Receiver<bool>) {
    if is_so.wait_for(|is_so| *is_so).await.is_err() {
        // It never will be, which others tell.
        std::future::pending::<()>().await;
    }
}
