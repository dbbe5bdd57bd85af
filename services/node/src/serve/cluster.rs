//! A node of a cluster: the log is on brokers, and other nodes share the work.

mod brokers;
mod folder;
mod metrics;
mod peers;
mod queries;
mod wire;

pub(super) use folder::refuse_folder_of_cluster;

use std::{sync::Arc, time::Duration};

use tidelog_core::{Service, ServiceName};
use tidelog_gateway::{Ailing, Metrics, Readiness};
use tidelog_io_kafka::{KafkaClient, KafkaTransport, Owners};
use tidelog_io_local::FjallStore;
use tidelog_runtime::{LocalQueries, Settings};
use tokio::{net::TcpListener, sync::watch};

use self::{
    brokers::{Brokers, WantedTopics},
    folder::Folder,
    queries::ClusterQueries,
};
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

/// How long the services may take to commit what they have done and to leave their groups. While a group's
/// coordinator is away librdkafka heeds no time limit of its own, so what has not left by then is left to time out.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);

pub(super) fn serve(settings: &ServeSettings, brokers: &str) -> Result<(), Error> {
    let cluster = &settings.cluster;
    let kafka = cluster.kafka(brokers, layout(settings)?)?;
    let services = services(settings)?;
    let runtime = runtime()?;
    let listener = listen(settings, &runtime)?;
    let peers = runtime.block_on(peers::bind(cluster.peer_listen))?;
    let address = advertised(&peers, cluster.advertise.as_deref())?;
    let Folder { node, store } = Folder::open(&settings.data, cluster.node.as_deref())?;
    tracing::info!(node, brokers, prefix = kafka.prefix, address, "this is a node of a cluster");
    let kafka = tidelog_io_kafka::Settings { node, ..kafka };

    let owners = Owners::follow(&kafka, address)?;
    let store = FjallStore::open_or_begin_anew(&store, CACHE_BYTES)?;
    let transport = KafkaTransport::with_owners(kafka.clone(), store, owners.clone());
    let health = Arc::new(Health::of_member());
    let names = services.iter().map(|service| service.spec().name).collect();
    let readiness = readiness(transport.clone(), names, Arc::clone(&health));
    let of_brokers = transport.clone();
    let topics =
        WantedTopics { create: cluster.create_topics, change_stream: settings.change_stream };
    let brokers = Brokers::watch(&kafka, topics, move || of_brokers.figures())?;
    let of_runner = Settings { commit_interval: cluster.commit_interval, ..Settings::default() };
    // Nobody joins before there is something to join.
    let patience = Patience::Endless { join_when: brokers.are_there() };
    let (workers, some_ended) =
        Workers::start(&transport, services, &of_runner, &patience, &health)?;

    let local = Arc::new(LocalQueries::new(transport.snapshots(), super::services(settings)));
    let peers = runtime.spawn(peers::serve(peers, kafka.prefix.clone(), Arc::clone(&local)));
    let log = Log {
        client: KafkaClient::connect(&kafka)?,
        queries: Arc::new(ClusterQueries::new(&kafka.prefix, local, owners)),
        readiness: readiness.and_log(brokers.away()),
        metrics: metrics_of(transport, &brokers),
        place: format!("the topics {}* of {}", kafka.prefix, kafka.brokers),
        is_there: until(brokers.are_there()),
    };
    let failed = either(some_ended, brokers.failed());
    let served = runtime.block_on(http::serve(settings, listener, log, failed));
    // Other nodes are answered until the tasks are theirs.
    let worked = workers.stop(Some(STOPPED_WITHIN));
    peers.abort();
    let asked = brokers.stop();
    runtime.shutdown_timeout(Duration::from_secs(1));
    asked.and(served).and(worked)
}

/// What `/readyz` asks: whether every service of this node has heard which partitions are its own, and
/// does its work with them.
fn readiness(
    transport: KafkaTransport<FjallStore>,
    services: Vec<ServiceName>,
    health: Arc<Health>,
) -> Readiness {
    Readiness::of(move || {
        let mut ailments = health.ailments();
        let waiting = services.iter().filter(|service| transport.awaits_partitions(**service));
        let waits = |service: &ServiceName| {
            let reason = "it has not heard from its group yet which partitions are this node's";
            (Ailing::Service(*service), reason.into())
        };
        ailments.extend(waiting.map(waits));
        // The runner takes a moment to hear of what it has been given.
        for figures in transport.figures().tasks {
            if figures.restoring.is_some() {
                let ailment = || "it is being restored".into();
                ailments.entry(Ailing::Task(figures.task)).or_insert_with(ailment);
            }
        }
        ailments
    })
}

/// What `/metrics` tells.
fn metrics_of(transport: KafkaTransport<FjallStore>, brokers: &Brokers) -> Metrics {
    let (away, lags) = (brokers.away(), brokers.lags());
    Metrics::of(move || {
        let is_away = away.borrow().is_some();
        metrics::page(&transport.figures(), &lags.borrow(), is_away)
    })
}

/// Where other nodes reach this one.
fn advertised(peers: &TcpListener, told: Option<&str>) -> Result<String, Error> {
    let bound = peers.local_addr().map_err(Error::Runtime)?;
    match told {
        Some(told) => Ok(told.to_owned()),
        None if bound.ip().is_unspecified() => Err(Error::Nowhere(bound)),
        None => Ok(bound.to_string()),
    }
}

/// The services that are named, or else the usual ones.
fn services(settings: &ServeSettings) -> Result<Vec<Box<dyn Service + Send + Sync>>, Error> {
    let Some(names) = &settings.cluster.services else {
        return Ok(super::usual_services(settings));
    };
    let mut all = super::services(settings);
    let is_known = |name: &&ServiceName| all.iter().any(|service| service.spec().name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(Error::NoSuchService(*unknown));
    }
    all.retain(|service| names.contains(&service.spec().name));
    Ok(all)
}

/// Waits until it is so.
async fn until(mut is_so: watch::Receiver<bool>) {
    if is_so.wait_for(|is_so| *is_so).await.is_err() {
        // It never will be, which others tell.
        std::future::pending::<()>().await;
    }
}

/// Waits for one of two.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}
