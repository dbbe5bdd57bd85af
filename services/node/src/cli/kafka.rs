//! The words that name a broker, for commands that speak to one.

use std::path::PathBuf;

use clap::Args;

/// Where the brokers are, and what the installation is called there.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Brokers")]
pub(crate) struct Brokers {
    /// Host and port of some brokers of the cluster, with commas between
    #[arg(long, global = true, env = "TIDELOG_BROKERS", value_name = "HOST:PORT,…")]
    pub(crate) brokers: Option<String>,

    /// What the names of all topics, groups and transactions of the installation begin with
    #[arg(long, global = true, env = "TIDELOG_PREFIX", value_name = "TEXT")]
    #[arg(default_value = PREFIX_DEFAULT, value_parser = parse_prefix)]
    pub(crate) prefix: String,

    /// File with settings of librdkafka, a line `key=value` each, as `kcat -F` reads them: TLS, SASL,
    /// user and password
    #[arg(long, global = true, env = "TIDELOG_KAFKA_CONFIG", value_name = "FILE")]
    pub(crate) kafka_config: Option<PathBuf>,
}

/// What names begin with where nothing else is said.
pub(crate) const PREFIX_DEFAULT: &str = "tidelog-";

/// Topics' names have at most 249 bytes.
const PREFIX_BYTES_MAX: usize = 128;

/// Reads what names on a broker may begin with.
pub(crate) fn parse_prefix(text: &str) -> Result<String, String> {
    let is_good =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if is_good && text.len() <= PREFIX_BYTES_MAX {
        return Ok(text.to_owned());
    }
    Err(format!("a prefix has at most {PREFIX_BYTES_MAX} of `A-Z a-z 0-9 . _ -`"))
}
