//! A real broker for tests.
//!
//! Apache Kafka comes from Maven Central once, into the `target` folder; its versions and checksums are
//! pinned. Every broker's input is a pipe from the test's process, so that it ends with that one, however
//! that ends, and takes its data with it.
//!
//! Three variables choose what the tests of a process run on:
//!
//! - `TIDELOG_TEST_BROKERS=host:port` is a broker that is there already;
//! - `TIDELOG_TEST_NODES=3` starts three nodes: three copies of everything, two of them in sync;
//! - `TIDELOG_TEST_TRANSACTIONS=0` starts brokers with `transaction.version=0` and classic groups only,
//!   as brokers were before Kafka 4.
//!
//! Where neither a broker nor what it takes to start one is there, [`shared`] says so in one line and the
//! tests pass over; where `CI` is `true` they fail.

mod cluster;
mod guarded;
mod installation;
mod ports;
mod process;

use std::{
    env,
    io::{self, Write},
    sync::{LazyLock, Mutex, MutexGuard},
};

pub use self::{
    cluster::Cluster,
    guarded::{Guarded, Listener, PASSWORD, Right, USER, guarded},
    ports::free_port,
};
use self::{installation::Installation, process::Process};

/// What kind of broker is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flavour {
    /// How many nodes there are: one, or three that copy everything.
    pub nodes: u32,
    /// What they know of transactions and groups.
    pub transactions: Transactions,
}

/// What a broker knows of transactions and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transactions {
    /// What Kafka 4 knows: every transaction has an epoch of its own (KIP-890).
    Newest,
    /// `transaction.version=0`, and classic groups only.
    Oldest,
}

/// Why there is no broker.
#[derive(Debug)]
pub enum Failure {
    /// This machine does not have what it takes.
    Missing(String),
    /// It has, and there is none for all that.
    Broken(String),
}

/// The broker that all tests of this process share.
#[derive(Debug)]
pub struct Shared {
    addresses: String,
    whose: Mutex<Whose>,
}

#[derive(Debug)]
enum Whose {
    Ours(Cluster),
    /// One that was there already, and what takes members out of its groups, once that is asked for: it
    /// needs Java, and nothing else does.
    Others(Option<Process>),
}

impl Flavour {
    /// One node, with what Kafka 4 knows.
    pub const ONE: Self = Self { nodes: 1, transactions: Transactions::Newest };

    /// What the variables ask for.
    ///
    /// # Panics
    ///
    /// If they ask for what there is not.
    #[must_use]
    pub fn from_env() -> Self {
        let nodes = match env::var("TIDELOG_TEST_NODES").as_deref() {
            Err(_) | Ok("1") => 1,
            Ok("3") => 3,
            Ok(other) => panic!("TIDELOG_TEST_NODES is {other}, and can be 1 or 3"),
        };
        let transactions = match env::var("TIDELOG_TEST_TRANSACTIONS").as_deref() {
            Err(_) | Ok("2") => Transactions::Newest,
            Ok("0") => Transactions::Oldest,
            Ok(other) => panic!("TIDELOG_TEST_TRANSACTIONS is {other}, and can be 0 or 2"),
        };
        Self { nodes, transactions }
    }
}

/// The broker of this process; none where what it takes is not there, which is said once.
///
/// # Panics
///
/// If it does not start, or if `CI` is `true` and it cannot be had.
pub fn shared() -> Option<&'static Shared> {
    static SHARED: LazyLock<Option<Shared>> = LazyLock::new(|| or_pass_over(Shared::start()));
    SHARED.as_ref()
}

/// A broker for one test alone, which may kill it; none where what it takes is not there.
///
/// # Panics
///
/// If it does not start, or if `CI` is `true` and it cannot be had.
pub fn own(flavour: Flavour) -> Option<Cluster> {
    or_pass_over(Cluster::start(flavour))
}

fn or_pass_over<T>(started: Result<T, Failure>) -> Option<T> {
    match started {
        Ok(started) => Some(started),
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
    }
}

impl Shared {
    fn start() -> Result<Self, Failure> {
        if let Ok(addresses) = env::var("TIDELOG_TEST_BROKERS") {
            return Ok(Self { addresses, whose: Mutex::new(Whose::Others(None)) });
        }
        let flavour = Flavour::from_env();
        let cluster = match flavour.nodes {
            1 => Cluster::start_one(flavour.transactions)?,
            _ => Cluster::start(flavour)?,
        };
        Ok(Self { addresses: cluster.addresses(), whose: Mutex::new(Whose::Ours(cluster)) })
    }

    /// Where it listens, as `bootstrap.servers` has it.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }

    /// How many copies of everything there can be.
    pub fn copies(&self) -> u16 {
        match &*self.whose() {
            Whose::Ours(cluster) if cluster.nodes() == 3 => 3,
            Whose::Ours(_) | Whose::Others(_) => 1,
        }
    }

    /// Removes all members of a group, as if they had been silent for too long.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn evict(&self, group: &str) {
        match &mut *self.whose() {
            Whose::Ours(cluster) => cluster.evict(group),
            Whose::Others(process) => {
                let process = process.get_or_insert_with(|| self.beside());
                process.ask(&format!("evict {group}")).expect("a broker that takes members out");
            }
        }
    }

    fn beside(&self) -> Process {
        let started = Installation::get()
            .and_then(|it| Process::beside(&it, &self.addresses).map_err(Failure::Broken));
        match started {
            Ok(process) => process,
            Err(Failure::Missing(reason) | Failure::Broken(reason)) => {
                panic!("nothing that takes members out of groups: {reason}")
            }
        }
    }

    /// Where there are three nodes of our own: kills the next one in turn and starts it again, which
    /// takes some seconds during which the others do its work. It returns at once.
    ///
    /// # Panics
    ///
    /// If the one before does not get in sync again.
    pub fn disturb(&self) {
        if let Whose::Ours(cluster) = &mut *self.whose()
            && cluster.nodes() == 3
        {
            cluster.kill_the_next();
        }
    }

    fn whose(&self) -> MutexGuard<'_, Whose> {
        self.whose.lock().expect("no test died while it asked the broker")
    }
}
