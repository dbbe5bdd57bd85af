//! `kafka-tidelog`: Tidelog as a contestant of `bench/scripts/kafka.sh`, and what only Tidelog is
//! measured by.

mod latency;
mod restore;
mod serve;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tidelog_bench_kafka::{Result, broker::Place};
use tidelog_core::Layout;
use tidelog_io_kafka::{KafkaTransport, Settings};
use tidelog_io_local::FjallStore;
use tracing_subscriber::EnvFilter;

/// As Tidelog's node has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes of the store's cache, as the bare loop has them.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Tidelog's services on a broker, without a node around them.
#[derive(Debug, Parser)]
struct Command {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Run entity-storage until it is killed.
    Serve(Common),
    /// Rebuild the tables of entity-storage, all partitions in turn, and tell how fast that was.
    Restore(Common),
    /// Run the services of a node, write one entity after the other, and tell how long that takes.
    Latency(latency::Options),
}

/// What all commands need.
#[derive(Clone, Debug, Args)]
struct Common {
    #[command(flatten)]
    place: Place,
    /// The folder of the store, which must be new.
    #[arg(long)]
    state: PathBuf,
    /// How long a commit takes records while there are more, in milliseconds.
    #[arg(long, default_value_t = 100)]
    commit_ms: u64,
}

impl Common {
    fn settings(&self) -> Result<Settings> {
        let layout = u32::try_from(self.place.partitions).ok().and_then(Layout::new);
        let layout = layout.ok_or("no layout has so many partitions")?;
        Ok(Settings::new(&self.place.brokers, &self.place.prefix, layout))
    }

    fn transport(&self) -> Result<KafkaTransport<FjallStore>> {
        let store = FjallStore::open(&self.state, CACHE_BYTES)?;
        Ok(KafkaTransport::new(self.settings()?, store))
    }
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let outcome = match Command::parse().kind {
        Kind::Serve(common) => serve::run(&common),
        Kind::Restore(common) => restore::run(&common),
        Kind::Latency(options) => latency::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kafka-tidelog: {error}");
            ExitCode::FAILURE
        }
    }
}
