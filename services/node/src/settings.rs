//! What a node can be told, and where it is told: defaults < TOML file < environment < flags.

mod cluster;
mod duration;
mod layer;
pub(crate) mod parse;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use cluster::{ClusterError, ClusterSettings, Password, SaslMechanism};
pub(crate) use duration::parse_duration;
pub(crate) use layer::{Layer, SettingsError, environment_says, file_says};

/// How a node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeSettings {
    /// Where HTTP is spoken.
    pub(crate) listen: SocketAddr,
    /// The folder of the data.
    pub(crate) data: PathBuf,
    /// The web origins that may call the node from a browser; `*` for all. None: CORS is off.
    pub(crate) cors_origins: Vec<String>,
    /// Partitions of each topic of a new data folder.
    pub(crate) partitions: u32,
    /// How long a request waits for its answer before it is told that the outcome is unknown.
    pub(crate) answer_timeout: Duration,
    /// How often at most the learned schema of a collection is published.
    pub(crate) schema_interval: Duration,
    /// The same if only its counts have changed.
    pub(crate) usage_interval: Duration,
    /// How many changes of each zone are kept at least.
    pub(crate) feed_changes: u64,
    /// Whether what changes is written for connectors, too.
    pub(crate) change_stream: bool,
    /// Which events are logged, as an env filter of `tracing`.
    pub(crate) log: String,
    /// How they are written.
    pub(crate) log_format: LogFormat,
    /// The brokers that hold the log. None: it is in the folder of the data.
    pub(crate) brokers: Option<String>,
    /// How the node runs if there are brokers.
    pub(crate) cluster: ClusterSettings,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            data: PathBuf::from("./tidelog-data"),
            cors_origins: Vec::new(),
            partitions: 8,
            answer_timeout: Duration::from_secs(10),
            schema_interval: Duration::from_secs(1),
            usage_interval: Duration::from_secs(30),
            feed_changes: tidelog_core::limits::FEED_CHANGES_DEFAULT,
            change_stream: false,
            log: "info,tidelog_runtime=warn,fjall=warn,lsm_tree=warn,librdkafka=error".to_owned(),
            log_format: LogFormat::Text,
            brokers: None,
            cluster: ClusterSettings::default(),
        }
    }
}

impl ServeSettings {
    /// The defaults under the layers, of which later ones win.
    pub(crate) fn layered(layers: impl IntoIterator<Item = Layer>) -> Self {
        let mut settings = Self::default();
        for layer in layers {
            settings.put(layer);
        }
        settings
    }

    fn put(&mut self, layer: Layer) {
        set(&mut self.listen, layer.listen);
        set(&mut self.data, layer.data);
        set(&mut self.cors_origins, layer.cors_origin);
        set(&mut self.partitions, layer.partitions);
        set(&mut self.answer_timeout, layer.answer_timeout);
        set(&mut self.schema_interval, layer.schema_interval);
        set(&mut self.usage_interval, layer.usage_interval);
        set(&mut self.feed_changes, layer.feed_changes);
        set(&mut self.change_stream, layer.change_stream);
        set(&mut self.log, layer.log);
        set(&mut self.log_format, layer.log_format);
        set_some(&mut self.brokers, layer.brokers);
        let cluster = &mut self.cluster;
        set(&mut cluster.prefix, layer.prefix);
        set_some(&mut cluster.services, layer.services);
        set_some(&mut cluster.node, layer.node);
        set(&mut cluster.peer_listen, layer.peer_listen);
        set_some(&mut cluster.advertise, layer.advertise);
        set(&mut cluster.create_topics, layer.create_topics);
        set(&mut cluster.replication, layer.replication);
        set(&mut cluster.commit_interval, layer.commit_interval);
        set(&mut cluster.librdkafka, layer.librdkafka);
        let security = &mut cluster.security;
        set(&mut security.tls, layer.tls);
        set_some(&mut security.tls_ca, layer.tls_ca);
        set_some(&mut security.sasl, layer.sasl);
        set_some(&mut security.user, layer.sasl_user);
        set(&mut security.password, layer.sasl_password_file.map(Password::File));
        set(&mut security.password, layer.sasl_password.map(Password::Is));
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn set_some<T>(setting: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *setting = given;
    }
}
