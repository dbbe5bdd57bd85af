//! What a node can be told, and where it is told: defaults < TOML file < environment < flags.

mod duration;
mod layer;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Which events are logged, as an env filter of `tracing`.
    pub(crate) log: String,
    /// How they are written.
    pub(crate) log_format: LogFormat,
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
            log: "info,tidelog_runtime=warn,fjall=warn,lsm_tree=warn".to_owned(),
            log_format: LogFormat::Text,
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
        let Layer { listen, data, cors_origin, partitions, answer_timeout, log, log_format } =
            layer;
        set(&mut self.listen, listen);
        set(&mut self.data, data);
        set(&mut self.cors_origins, cors_origin);
        set(&mut self.partitions, partitions);
        set(&mut self.answer_timeout, answer_timeout);
        set(&mut self.log, log);
        set(&mut self.log_format, log_format);
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}
