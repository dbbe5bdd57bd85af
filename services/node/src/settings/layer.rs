//! One place where settings are given: a file, the environment, or flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use tidelog_core::ServiceName;

use super::{LogFormat, SaslMechanism, parse, parse::of_file, parse_duration};

/// What one place says; what it leaves open, the places below it decide. The keys of the file are
/// the names of the flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Layer {
    /// Where to speak HTTP [default: 127.0.0.1:7070] [env: TIDELOG_LISTEN]
    #[arg(long, value_name = "ADDRESS", value_parser = parse::address)]
    #[serde(deserialize_with = "of_file::address")]
    pub(crate) listen: Option<SocketAddr>,

    /// Folder of the data; made if it is not there [default: ./tidelog-data] [env: TIDELOG_DATA]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// Web origin whose pages may call this node, `*` for all; repeatable [default: none]
    /// [env: TIDELOG_CORS_ORIGIN, separated by commas]
    #[arg(long, value_name = "ORIGIN", value_parser = parse::origin)]
    #[serde(deserialize_with = "of_file::origins")]
    pub(crate) cors_origin: Option<Vec<String>>,

    /// Partitions of each topic; fixed when the data folder, or the topics, are made [default: 8]
    /// [env: TIDELOG_PARTITIONS]
    #[arg(long, value_name = "COUNT", value_parser = parse::partitions)]
    #[serde(deserialize_with = "of_file::partitions")]
    pub(crate) partitions: Option<u32>,

    /// How long a request waits for its answer until it is told that the outcome is unknown
    /// [default: 10s] [env: TIDELOG_ANSWER_TIMEOUT]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(deserialize_with = "of_file::duration")]
    pub(crate) answer_timeout: Option<Duration>,

    /// How long a changed schema that was learned waits at most before it is published, after the one
    /// before it [default: 1s] [env: TIDELOG_SCHEMA_INTERVAL]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(deserialize_with = "of_file::duration")]
    pub(crate) schema_interval: Option<Duration>,

    /// The same where nothing but counts and usage have changed [default: 30s]
    /// [env: TIDELOG_USAGE_INTERVAL]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(deserialize_with = "of_file::duration")]
    pub(crate) usage_interval: Option<Duration>,

    /// Changes of each zone that its feed keeps at least [default: 100000]
    /// [env: TIDELOG_FEED_CHANGES]
    #[arg(long, value_name = "COUNT", value_parser = parse::changes)]
    #[serde(deserialize_with = "of_file::changes")]
    pub(crate) feed_changes: Option<u64>,

    /// Write what changes to the topic `entity-changes` too, as JSON in Debezium's envelope
    /// [env: TIDELOG_CHANGE_STREAM]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    pub(crate) change_stream: Option<bool>,

    /// What to log, as in `info` or `warn,tidelog_gateway=debug` [default: info, without
    /// tidelog_runtime's] [env: TIDELOG_LOG]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// How to write logs [default: text] [env: TIDELOG_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// Be a node of a cluster: brokers of Kafka or Redpanda that hold the log, with commas between
    /// [default: none, the log is in the data folder] [env: TIDELOG_BROKERS]
    #[arg(long, value_name = "HOST:PORT,…", value_parser = parse::brokers, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::brokers")]
    pub(crate) brokers: Option<String>,

    /// What the names of topics, groups and transactions begin with [default: tidelog-]
    /// [env: TIDELOG_PREFIX]
    #[arg(long, value_name = "PREFIX", value_parser = parse::name, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::name")]
    pub(crate) prefix: Option<String>,

    /// Services that this node runs, with commas between, or `none` [default: all]
    /// [env: TIDELOG_SERVICES]
    #[arg(long, value_name = "NAME,…", value_parser = parse::services, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::services")]
    pub(crate) services: Option<std::vec::Vec<ServiceName>>,

    /// Name of this node; no two at work may have the same [default: one that is made once and kept
    /// in the data folder] [env: TIDELOG_NODE]
    #[arg(long, value_name = "NAME", value_parser = parse::name, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::name")]
    pub(crate) node: Option<String>,

    /// Where this node answers other nodes about its tasks; whoever reaches it can read everything
    /// [default: 127.0.0.1:7071] [env: TIDELOG_PEER_LISTEN]
    #[arg(long, value_name = "ADDRESS", value_parser = parse::address, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::address")]
    pub(crate) peer_listen: Option<SocketAddr>,

    /// Where other nodes reach that [default: the address of --peer-listen] [env: TIDELOG_ADVERTISE]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse::host_and_port)]
    #[arg(help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::host_and_port")]
    pub(crate) advertise: Option<String>,

    /// Make the topics that are not there [env: TIDELOG_CREATE_TOPICS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true, help_heading = CLUSTER)]
    pub(crate) create_topics: Option<bool>,

    /// Copies of each partition that topics are made with, and must have [default: 1]
    /// [env: TIDELOG_REPLICATION]
    #[arg(long, value_name = "COUNT", value_parser = parse::replication, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::replication")]
    pub(crate) replication: Option<u16>,

    /// How long what has been done waits for more before it is committed, while there is more to do
    /// [default: 20ms] [env: TIDELOG_COMMIT_INTERVAL]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::duration")]
    pub(crate) commit_interval: Option<Duration>,

    /// Speak TLS with the brokers [env: TIDELOG_TLS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true, help_heading = CLUSTER)]
    pub(crate) tls: Option<bool>,

    /// Certificates that the brokers' are signed by, in PEM [default: the system's]
    /// [env: TIDELOG_TLS_CA]
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    pub(crate) tls_ca: Option<PathBuf>,

    /// How to say to the brokers who we are [default: not at all] [env: TIDELOG_SASL]
    #[arg(long, value_name = "MECHANISM", help_heading = CLUSTER)]
    pub(crate) sasl: Option<SaslMechanism>,

    /// The user's name at the brokers [env: TIDELOG_SASL_USER]
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    pub(crate) sasl_user: Option<String>,

    /// File with the user's password, which TIDELOG_SASL_PASSWORD can hold instead
    /// [env: TIDELOG_SASL_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    pub(crate) sasl_password_file: Option<PathBuf>,

    /// The password itself. No flag, as anybody can read those of a process.
    #[arg(skip)]
    #[serde(skip)]
    pub(crate) sasl_password: Option<String>,

    /// Further setting of librdkafka; repeatable [env: TIDELOG_LIBRDKAFKA, separated by commas]
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::key_and_value)]
    #[arg(help_heading = CLUSTER)]
    #[serde(deserialize_with = "of_file::keys_and_values")]
    pub(crate) librdkafka: Option<Vec<(String, String)>>,
}

const CLUSTER: &str = "Cluster";

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
    let text = |text: &str| Ok(text.to_owned());
    let path = |text: &str| Ok(PathBuf::from(text));
    Ok(Layer {
        listen: from.read("TIDELOG_LISTEN", parse::address)?,
        data: from.read("TIDELOG_DATA", path)?,
        cors_origin: from.read("TIDELOG_CORS_ORIGIN", |text| each(text, parse::origin))?,
        partitions: from.read("TIDELOG_PARTITIONS", parse::partitions)?,
        answer_timeout: from.read("TIDELOG_ANSWER_TIMEOUT", parse_duration)?,
        schema_interval: from.read("TIDELOG_SCHEMA_INTERVAL", parse_duration)?,
        usage_interval: from.read("TIDELOG_USAGE_INTERVAL", parse_duration)?,
        feed_changes: from.read("TIDELOG_FEED_CHANGES", parse::changes)?,
        change_stream: from.read("TIDELOG_CHANGE_STREAM", parse::switch)?,
        log: from.read("TIDELOG_LOG", text)?,
        log_format: from.read("TIDELOG_LOG_FORMAT", |text| {
            LogFormat::from_str(text, true).map_err(|_| "it is `text` or `json`".to_owned())
        })?,
        brokers: from.read("TIDELOG_BROKERS", parse::brokers)?,
        prefix: from.read("TIDELOG_PREFIX", parse::name)?,
        services: from.read("TIDELOG_SERVICES", parse::services)?,
        node: from.read("TIDELOG_NODE", parse::name)?,
        peer_listen: from.read("TIDELOG_PEER_LISTEN", parse::address)?,
        advertise: from.read("TIDELOG_ADVERTISE", parse::host_and_port)?,
        create_topics: from.read("TIDELOG_CREATE_TOPICS", parse::switch)?,
        replication: from.read("TIDELOG_REPLICATION", parse::replication)?,
        commit_interval: from.read("TIDELOG_COMMIT_INTERVAL", parse_duration)?,
        tls: from.read("TIDELOG_TLS", parse::switch)?,
        tls_ca: from.read("TIDELOG_TLS_CA", path)?,
        sasl: from.read("TIDELOG_SASL", |text| SaslMechanism::from_str(text, true))?,
        sasl_user: from.read("TIDELOG_SASL_USER", text)?,
        sasl_password_file: from.read("TIDELOG_SASL_PASSWORD_FILE", path)?,
        sasl_password: from.read("TIDELOG_SASL_PASSWORD", text)?,
        librdkafka: from.read("TIDELOG_LIBRDKAFKA", |text| each(text, parse::key_and_value))?,
    })
}

/// Reads a list with commas between.
fn each<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(|item| parse(item.trim())).collect()
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
