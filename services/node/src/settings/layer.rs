//! One place where settings are given: a file, the environment, or flags.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, de};
use tidelog_core::limits::PARTITIONS_MAX;
use tidelog_gateway::{Origin, OriginError};

use super::{LogFormat, parse_duration};

/// What one place says; what it leaves open, the places below it decide. The keys of the file are
/// the names of the flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Layer {
    /// Where to speak HTTP [default: 127.0.0.1:7070] [env: TIDELOG_LISTEN]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    #[serde(deserialize_with = "text_of_address")]
    pub(crate) listen: Option<SocketAddr>,

    /// Folder of the data; made if it is not there [default: ./tidelog-data] [env: TIDELOG_DATA]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// Web origin whose pages may call this node, `*` for all; repeatable [default: none]
    /// [env: TIDELOG_CORS_ORIGIN, separated by commas]
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    #[serde(deserialize_with = "checked_origins")]
    pub(crate) cors_origin: Option<Vec<String>>,

    /// Partitions of each topic; fixed when the data folder is made [default: 8]
    /// [env: TIDELOG_PARTITIONS]
    #[arg(long, value_name = "COUNT", value_parser = parse_partitions)]
    #[serde(deserialize_with = "checked_partitions")]
    pub(crate) partitions: Option<u32>,

    /// How long a request waits for its answer until it is told that the outcome is unknown
    /// [default: 10s] [env: TIDELOG_ANSWER_TIMEOUT]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(deserialize_with = "text_of_duration")]
    pub(crate) answer_timeout: Option<Duration>,

    /// What to log, as in `info` or `warn,tidelog_gateway=debug` [default: info, without
    /// tidelog_runtime's] [env: TIDELOG_LOG]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// How to write logs [default: text] [env: TIDELOG_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has keys or values that no setting has.
    #[error("the settings in {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// A variable has a value that its setting cannot have.
    #[error("the environment variable {name} is {value:?}: {why}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a TOML file says.
pub(crate) fn file_says(path: &Path) -> Result<Layer, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| SettingsError::File { path: path.to_owned(), source: Box::new(source) })
}

/// What the environment says, which `lookup` reads; an empty variable says nothing.
pub(crate) fn environment_says(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Layer, SettingsError> {
    let from = Environment { lookup };
    Ok(Layer {
        listen: from.read("TIDELOG_LISTEN", parse_address)?,
        data: from.read("TIDELOG_DATA", |text| Ok(PathBuf::from(text)))?,
        cors_origin: from.read("TIDELOG_CORS_ORIGIN", |text| {
            text.split(',').map(|origin| parse_origin(origin.trim())).collect()
        })?,
        partitions: from.read("TIDELOG_PARTITIONS", parse_partitions)?,
        answer_timeout: from.read("TIDELOG_ANSWER_TIMEOUT", parse_duration)?,
        log: from.read("TIDELOG_LOG", |text| Ok(text.to_owned()))?,
        log_format: from.read("TIDELOG_LOG_FORMAT", |text| {
            LogFormat::from_str(text, true).map_err(|_| "it is `text` or `json`".to_owned())
        })?,
    })
}

struct Environment<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn read<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let Some(value) = (self.lookup)(name).filter(|value| !value.trim().is_empty()) else {
            return Ok(None);
        };
        let parsed = parse(value.trim());
        parsed.map(Some).map_err(|why| SettingsError::Variable { name, value, why })
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved.ok_or_else(|| {
        "an address to listen at has a host and a port, as in 127.0.0.1:7070 or 0.0.0.0:7070"
            .to_owned()
    })
}

fn parse_partitions(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(is_partitions).ok_or_else(partitions_expected)
}

fn is_partitions(count: &u32) -> bool {
    (1..=PARTITIONS_MAX).contains(count)
}

fn partitions_expected() -> String {
    format!("there are 1 to {PARTITIONS_MAX} partitions")
}

fn parse_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let origin: Origin = text.parse().map_err(|error: OriginError| format!("{error}, or `*`"))?;
    Ok(origin.to_string())
}

fn text_of_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    parse_address(&String::deserialize(from)?).map(Some).map_err(de::Error::custom)
}

fn text_of_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parse_duration(&String::deserialize(from)?).map(Some).map_err(de::Error::custom)
}

fn checked_partitions<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let count = u32::deserialize(from)?;
    if is_partitions(&count) {
        Ok(Some(count))
    } else {
        Err(de::Error::custom(partitions_expected()))
    }
}

fn checked_origins<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let origins = Vec::<String>::deserialize(from)?;
    let origins: Result<_, _> = origins.iter().map(|origin| parse_origin(origin)).collect();
    origins.map(Some).map_err(de::Error::custom)
}
