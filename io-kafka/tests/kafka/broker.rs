//! A real broker for the tests of this process.
//!
//! Apache Kafka comes from Maven Central once, into `target/`; its versions and checksums are pinned.
//! `TIDELOG_TEST_BROKERS` names another broker to be used instead. Where neither can be had, the tests
//! say so in one line and pass over, or fail where `CI` is `true`.

mod install;
mod process;

use std::{
    env,
    io::{self, Write},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::{ClientConfig, admin::AdminClient, client::DefaultClientContext};
use tidelog_core::Layout;
use tidelog_io_kafka::Settings;

use self::{
    install::Installation,
    process::{Home, Process},
};

/// How often a broker is started whose port somebody else was quicker to take.
const STARTS: u32 = 3;

/// A broker, and what can be done to it.
pub(crate) struct Broker {
    brokers: String,
    process: Mutex<Process>,
    _home: Option<Home>,
}

/// A broker for one test alone, which may kill it.
pub(crate) struct OwnBroker {
    home: Home,
    process: Option<Process>,
}

/// The broker of this process; none where what it takes is not there, which is said once.
static BROKER: LazyLock<Option<Broker>> = LazyLock::new(|| match Broker::start() {
    Ok(broker) => Some(broker),
    Err(Failure::Broken(reason)) => panic!("no broker: {reason}"),
    Err(Failure::Missing(reason)) => {
        assert!(env::var("CI").as_deref() != Ok("true"), "no broker: {reason}");
        let line = format!(
            "passed over: {reason}, or set TIDELOG_TEST_BROKERS to the address of a broker\n"
        );
        // Not by a macro, whose output nobody sees of a test that passes.
        drop(io::stderr().write_all(line.as_bytes()));
        None
    }
});

/// Why there is no broker.
pub(crate) enum Failure {
    /// This machine does not have what it takes.
    Missing(String),
    /// It has, and there is none for all that.
    Broken(String),
}

/// Whether there is a broker.
pub(crate) fn is_there() -> bool {
    BROKER.is_some()
}

/// The broker of this process.
pub(crate) fn broker() -> &'static Broker {
    BROKER.as_ref().expect("the test has asked whether there is a broker")
}

/// Settings for one test, with a prefix of its own.
pub(crate) fn settings(layout: Layout) -> Settings {
    settings_at(&broker().brokers, layout)
}

fn settings_at(brokers: &str, layout: Layout) -> Settings {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    // A broker that outlives this process has the topics of others, too.
    static RUN: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis())
    });
    let prefix = format!("test-{:x}-{number}-", *RUN);
    Settings {
        heartbeat_interval: Duration::from_millis(100),
        session_timeout: Duration::from_secs(4),
        transaction_timeout: Duration::from_secs(3),
        ..Settings::new(brokers, prefix, layout)
    }
}

impl Broker {
    fn start() -> Result<Self, Failure> {
        let installation = Installation::get()?;
        if let Ok(brokers) = env::var("TIDELOG_TEST_BROKERS") {
            let process = Process::beside(&installation, &brokers).map_err(Failure::Broken)?;
            return Ok(Self { brokers, process: Mutex::new(process), _home: None });
        }
        let (home, process) = start(&installation).map_err(Failure::Broken)?;
        Ok(Self { brokers: home.address(), process: Mutex::new(process), _home: Some(home) })
    }

    /// Removes all members of a group.
    pub(crate) fn evict(&self, group: &str) {
        let mut process = self.process.lock().expect("no test died while it asked the broker");
        process.ask(&format!("evict {group}")).expect("a broker that takes members out of groups");
    }

    /// A client that may change anything.
    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config.create().expect("a client")
    }
}

impl OwnBroker {
    pub(crate) fn start() -> Self {
        let installation = Installation::get().ok().expect("the test has asked for a broker");
        let (home, process) = start(&installation).expect("a broker that starts");
        Self { home, process: Some(process) }
    }

    pub(crate) fn settings(&self, layout: Layout) -> Settings {
        settings_at(&self.home.address(), layout)
    }

    /// Kills the broker at once.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, with the data that it had.
    pub(crate) fn start_again(&mut self) {
        self.process = Some(self.home.start().expect("a broker that starts again"));
    }
}

fn start(installation: &Installation) -> Result<(Home, Process), String> {
    let mut failure = String::new();
    for _ in 0..STARTS {
        let home = Home::new(installation)?;
        match home.start() {
            Ok(process) => return Ok((home, process)),
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}
