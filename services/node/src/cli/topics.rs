//! The words of `tidelog topics`.

use clap::{Args, Subcommand};
use tidelog_core::{Topic, limits::PARTITIONS_MAX};

use super::{Json, kafka::Brokers};

/// `tidelog topics`.
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) brokers: Brokers,

    /// Partitions of each topic, fixed for the life of the installation
    #[arg(long, global = true, env = "TIDELOG_PARTITIONS", value_name = "COUNT")]
    #[arg(default_value = "8", value_parser = clap::value_parser!(u32).range(1..=PARTITIONS_MAX as i64))]
    pub(crate) partitions: u32,

    /// Copies of each partition [default: 3 where there are as many brokers, else 1]
    #[arg(long, global = true, env = "TIDELOG_REPLICATION", value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=REPLICATION_MAX))]
    pub(crate) replication: Option<u16>,

    /// Print each topic as a line of JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) action: TopicsAction,
}

/// What can be done about the topics.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicsAction {
    /// Create those that are not there, and check the others
    Create(Named),
    /// Say what of the topics is not as it should be; the exit code is 1 if anything is
    Check(Named),
    /// Print the topics as the brokers have them
    Describe(Named),
}

/// Which topics.
#[derive(Clone, Debug, Args)]
pub(crate) struct Named {
    /// Names of topics, without prefix [default: all]
    #[arg(value_name = "TOPIC")]
    pub(crate) topics: Vec<Topic>,
}

impl TopicsArgs {
    /// How results are printed.
    pub(crate) fn output(&self) -> Json {
        Json { json: self.json }
    }
}

/// More copies than there are brokers in any cluster.
const REPLICATION_MAX: i64 = 1_000;
