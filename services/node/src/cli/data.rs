//! The words of the commands about many entities.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::entity::Json;
use crate::place::Place;
use crate::settings::parse_duration;

/// `tidelog list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The collection or zone, as in shop/orders or shop/orders/eu
    #[arg(value_name = "COLLECTION|ZONE", value_parser = Place::parse)]
    pub(crate) place: Place,

    /// How many entities
    #[arg(long, value_name = "COUNT", default_value = "100", conflicts_with = "all")]
    pub(crate) limit: NonZeroUsize,

    /// All of them
    #[arg(long)]
    pub(crate) all: bool,

    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file, or - for standard input
    pub(crate) file: PathBuf,

    /// Where to: a collection (zone `default`) or a zone, as in shop/movies or shop/movies/eu
    #[arg(long, value_name = "DB/COLLECTION[/ZONE]", value_parser = Place::parse)]
    pub(crate) into: Place,

    /// Where in each document its name is, a string or an integer, as in /order/number
    #[arg(long, value_name = "POINTER", value_parser = parse_pointer)]
    pub(crate) id: Option<String>,

    /// The file was exported: each document is {"id","revision","value"}. The name comes from the
    /// id, and the zone too unless --into has one; entities that are there are replaced
    #[arg(long, conflicts_with = "id")]
    pub(crate) entities: bool,

    /// What the file is [default: an array if it begins with `[`, else NDJSON]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// Batches under way at a time
    #[arg(long, value_name = "COUNT", default_value = "8")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) in_flight: u8,

    /// How long to try again while the node does not answer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) give_up_after: Duration,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// How a file holds its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON array of documents.
    Array,
    /// One document a line.
    Ndjson,
}

/// `tidelog export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The collection or zone, as in shop/orders or shop/orders/eu
    #[arg(value_name = "DB/COLLECTION[/ZONE]", value_parser = Place::parse)]
    pub(crate) place: Place,

    /// File to write; replaced only once all is written [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// How long to try again while the node does not answer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) give_up_after: Duration,
}

fn parse_pointer(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!("a JSON Pointer (RFC 6901) begins with a slash: /{text}"))
    }
}
