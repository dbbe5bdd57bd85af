//! The composition of a node: log, services, driver, gateway.
//!
//! The log is in the data folder ([`embedded`]) or on brokers ([`cluster`]); the rest is the same.

mod cluster;
mod embedded;
mod error;
mod greeting;
mod health;
mod http;
mod page;
mod workers;

pub(crate) use error::Error;

use tidelog_core::{Layout, Service, ServiceName, Spec, Topic};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::settings::ServeSettings;

/// Runs a node until it is told to stop (SIGINT or SIGTERM), or cannot go on.
pub(crate) fn serve(settings: &ServeSettings) -> Result<(), Error> {
    match &settings.brokers {
        None => embedded::serve(settings),
        Some(brokers) => cluster::serve(settings, brokers),
    }
}

/// The services of a node that is told nothing else.
pub(crate) fn usual_services(settings: &ServeSettings) -> Vec<Box<dyn Service + Send + Sync>> {
    let mut services = services(settings);
    let is_wanted = |name| name != ServiceName::ChangeStream || settings.change_stream;
    services.retain(|service| is_wanted(service.spec().name));
    services
}

/// Whether a topic is of use to the change stream alone.
pub(crate) fn is_of_change_stream(topic: Topic) -> bool {
    matches!(topic, Topic::EntityChanges | Topic::Changelog(ServiceName::ChangeStream))
}

/// The services that there are.
pub(crate) fn services(settings: &ServeSettings) -> Vec<Box<dyn Service + Send + Sync>> {
    use tidelog_machines::{
        ChangeStream, ChangesInZone, Coalescing, DeviceKeeper, EntityBatch, EntityStorage, Pace,
        ResponseAccumulator, SchemaLearning, SchemaLearningPartitioner, SchemaStorage, ZoneWatch,
    };
    let pace = Pace { definition: settings.schema_interval, counts: settings.usage_interval };
    vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
        Box::new(SchemaLearningPartitioner),
        Box::new(SchemaLearning { pace }),
        Box::new(ChangesInZone),
        Box::new(ZoneWatch { feed_changes: settings.feed_changes, ..ZoneWatch::default() }),
        Box::new(Coalescing::default()),
        Box::new(DeviceKeeper::default()),
        Box::new(ChangeStream),
    ]
}

/// What the services that there are read, write and keep.
pub(crate) fn specs() -> impl Iterator<Item = &'static Spec> {
    services(&ServeSettings::default()).into_iter().map(|service| service.spec())
}

/// The number of partitions that is asked for.
fn layout(settings: &ServeSettings) -> Result<Layout, Error> {
    Layout::new(settings.partitions).ok_or(Error::Partitions(settings.partitions))
}

/// The executor of everything that waits for clients.
fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tidelog-http")
        .build()
        .map_err(Error::Runtime)
}

/// The address at which HTTP is spoken.
fn listen(settings: &ServeSettings, runtime: &Runtime) -> Result<TcpListener, Error> {
    let listen = settings.listen;
    runtime.block_on(TcpListener::bind(listen)).map_err(|source| Error::Listen { listen, source })
}
