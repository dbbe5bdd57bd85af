//! The broker of the tests, and settings that fit it.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::{ClientConfig, admin::AdminClient, client::DefaultClientContext};
use tidelog_core::Layout;
use tidelog_io_kafka::Settings;
use tidelog_test_broker::{Cluster, Flavour, Shared};

/// Whether there is a broker.
pub(crate) fn is_there() -> bool {
    tidelog_test_broker::shared().is_some()
}

/// The broker of this process.
pub(crate) fn broker() -> &'static Shared {
    tidelog_test_broker::shared().expect("the test has asked whether there is a broker")
}

/// A broker for one test alone, which may kill it.
pub(crate) fn own_broker() -> Cluster {
    Cluster::start(Flavour::from_env()).expect("a broker that starts")
}

/// A client that may change anything.
pub(crate) fn admin() -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().addresses());
    config.create().expect("a client")
}

/// Settings for one test, with a prefix of its own.
pub(crate) fn settings(layout: Layout) -> Settings {
    settings_at(broker().addresses(), broker().copies(), layout)
}

/// The same at a broker of the test's own.
pub(crate) fn settings_of(cluster: &Cluster, layout: Layout) -> Settings {
    let copies = u16::try_from(cluster.nodes()).expect("a few nodes");
    settings_at(&cluster.addresses(), copies, layout)
}

fn settings_at(brokers: &str, copies: u16, layout: Layout) -> Settings {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    // A broker that outlives this process has the topics of others, too.
    static RUN: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis())
    });
    let prefix = format!("test-{:x}-{number}-", *RUN);
    Settings {
        heartbeat_interval: Duration::from_millis(100),
        session_timeout: session_timeout(),
        transaction_timeout: Duration::from_secs(3),
        replication: copies,
        ..Settings::new(brokers, prefix, layout)
    }
}

/// Brokers of others allow sessions of six seconds at least, unless they were told otherwise.
fn session_timeout() -> Duration {
    let is_of_others = std::env::var_os("TIDELOG_TEST_BROKERS").is_some();
    Duration::from_secs(if is_of_others { 6 } else { 4 })
}
