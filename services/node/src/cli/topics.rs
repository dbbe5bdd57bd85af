//! The words of `tidelog topics`.

use clap::{Args, Subcommand};
use tidelog_core::Topic;

use super::{Json, ServeArgs, kafka::Brokers};
use crate::settings::{Layer, parse};

/// `tidelog topics`.
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) brokers: Brokers,

    /// Partitions of each topic, fixed for the life of the installation [default: 8]
    /// [env: TIDELOG_PARTITIONS]
    #[arg(long, global = true, value_name = "COUNT", value_parser = parse::partitions)]
    pub(crate) partitions: Option<u32>,

    /// Copies of each partition [default: 1] [env: TIDELOG_REPLICATION]
    #[arg(long, global = true, value_name = "COUNT", value_parser = parse::replication)]
    pub(crate) replication: Option<u16>,

    /// Count the topics of the change stream too, as for `tidelog serve` [env: TIDELOG_CHANGE_STREAM]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1)]
    #[arg(default_missing_value = "true", require_equals = true)]
    pub(crate) change_stream: Option<bool>,

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
    /// Names of topics, without prefix [default: all, those of the change stream where it is on]
    #[arg(value_name = "TOPIC")]
    pub(crate) topics: Vec<Topic>,
}

impl TopicsArgs {
    /// How results are printed.
    pub(crate) fn output(&self) -> Json {
        Json { json: self.json }
    }

    /// The same for a node.
    pub(crate) fn to_serve(&self) -> ServeArgs {
        let ServeArgs { config, flags } = self.brokers.clone().into_serve();
        let Self { partitions, replication, change_stream, .. } = *self;
        ServeArgs { config, flags: Layer { partitions, replication, change_stream, ..flags } }
    }
}
