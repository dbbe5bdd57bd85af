//! The words of `tidelog cat`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tidelog_core::{Offset, PartitionId, Topic};

use super::kafka::Brokers;

/// `tidelog cat`.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// Name of the topic, without prefix, as in entity-updates
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Topic,

    #[command(flatten)]
    pub(crate) brokers: Brokers,

    /// Folder of the data, of a node with an embedded log that does not run; taken where no brokers are
    /// named [default: ./tidelog-data] [env: TIDELOG_DATA]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// This partition alone
    #[arg(long, value_name = "NUMBER", value_parser = parse_partition)]
    pub(crate) partition: Option<PartitionId>,

    /// Where to begin: `beginning`, `end`, or an offset
    #[arg(long, value_name = "WHERE", default_value = "beginning")]
    pub(crate) from: From,

    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,

    /// Stop after so many records
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// With the first record that is there.
    Beginning,
    /// With what is yet to come.
    End,
    /// With the record at this offset.
    Offset(Offset),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            number => match number.parse() {
                Ok(offset) => Ok(Self::Offset(Offset(offset))),
                Err(_) => Err("it is `beginning`, `end`, or an offset, as in 1042".to_owned()),
            },
        }
    }
}

fn parse_partition(text: &str) -> Result<PartitionId, String> {
    let number = text.parse().map_err(|_| "a partition is a number, from 0".to_owned());
    number.map(PartitionId)
}
