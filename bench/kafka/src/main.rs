//! `kafka-bench`: what `bench/scripts/kafka.sh` is made of.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Parser, Subcommand};
use tidelog_bench_kafka::{Result, bare, broker::Place, input::Input, measure, preload, table};

/// As Tidelog's node has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures exactly-once patches on a broker.
#[derive(Debug, Parser)]
enum Command {
    /// Create or delete the topics of a run.
    #[command(subcommand)]
    Topics(Topics),
    /// Write the input into its topic.
    Preload(Preload),
    /// Run the bare loop until it is killed.
    Bare(bare::Options),
    /// Start a contestant on a preloaded topic, measure it, check what it wrote, and stop it.
    Measure(measure::Options),
    /// Print results as tables.
    Table {
        /// The file that `measure` has written.
        results: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Topics {
    /// Create those that are not there.
    Create(Place),
    /// Delete all whose names begin with the prefix.
    Delete(Place),
}

#[derive(Debug, Args)]
struct Preload {
    #[command(flatten)]
    place: Place,
    /// How many patches.
    #[arg(long)]
    patches: u64,
    /// How many entities they are about, each drawn at random.
    #[arg(long, default_value_t = 100_000)]
    entities: u64,
    /// Bytes of each merge patch.
    #[arg(long)]
    bytes: usize,
    /// Other patches for another seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When they were sent, in milliseconds since the Unix epoch; now if left out. Tidelog refuses
    /// what is over 12 hours old.
    #[arg(long)]
    sent: Option<u64>,
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kafka-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Topics(Topics::Create(place)) => place.create_topics(),
        Command::Topics(Topics::Delete(place)) => place.delete_topics(),
        Command::Preload(Preload { place, patches, entities, bytes, seed, sent }) => {
            let sent = match sent {
                Some(sent) => sent,
                None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?,
            };
            preload::preload(&place, &Input { patches, entities, bytes, seed, sent })
        }
        Command::Bare(options) => bare::run(&options),
        Command::Measure(options) => {
            let outcome = measure::measure(&options)?;
            eprintln!(
                "{}: {:.0}/s, second half {:.0}/s, {:.1} CPU s per million, {:.0} MiB",
                outcome.name, outcome.rate, outcome.rate_second_half, outcome.cpu, outcome.rss_mib
            );
            Ok(())
        }
        Command::Table { results } => {
            print!("{}", table::print(&results)?);
            Ok(())
        }
    }
}
