//! The words that name brokers, for commands that run nothing. They are those of `tidelog serve`.

use std::path::PathBuf;

use clap::Args;

use super::ServeArgs;
use crate::settings::{Layer, SaslMechanism, parse};

/// Where the brokers are, how to speak with them, and what the installation is called there.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Brokers")]
pub(crate) struct Brokers {
    /// Host and port of some brokers of the cluster, with commas between [env: TIDELOG_BROKERS]
    #[arg(long, global = true, value_name = "HOST:PORT,…", value_parser = parse::brokers)]
    pub(crate) brokers: Option<String>,

    /// What the names of topics, groups and transactions begin with [default: tidelog-]
    /// [env: TIDELOG_PREFIX]
    #[arg(long, global = true, value_name = "PREFIX", value_parser = parse::name)]
    pub(crate) prefix: Option<String>,

    /// TOML file with settings, as for `tidelog serve` [env: TIDELOG_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Speak TLS with the brokers [env: TIDELOG_TLS]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1)]
    #[arg(default_missing_value = "true", require_equals = true)]
    pub(crate) tls: Option<bool>,

    /// Certificates that the brokers' are signed by, in PEM [env: TIDELOG_TLS_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// How to say to the brokers who we are [env: TIDELOG_SASL]
    #[arg(long, global = true, value_name = "MECHANISM")]
    pub(crate) sasl: Option<SaslMechanism>,

    /// The user's name at the brokers [env: TIDELOG_SASL_USER]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) sasl_user: Option<String>,

    /// File with the user's password, which TIDELOG_SASL_PASSWORD can hold instead
    /// [env: TIDELOG_SASL_PASSWORD_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) sasl_password_file: Option<PathBuf>,

    /// Further setting of librdkafka; repeatable [env: TIDELOG_LIBRDKAFKA, separated by commas]
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = parse::key_and_value)]
    pub(crate) librdkafka: Option<Vec<(String, String)>>,
}

impl Brokers {
    /// The same for a node: the file and the environment count for both.
    pub(crate) fn into_serve(self) -> ServeArgs {
        let Self { brokers, prefix, config, tls, tls_ca, .. } = self;
        let Self { sasl, sasl_user, sasl_password_file, librdkafka, .. } = self;
        let flags = Layer {
            brokers,
            prefix,
            tls,
            tls_ca,
            sasl,
            sasl_user,
            sasl_password_file,
            librdkafka,
            ..Layer::default()
        };
        ServeArgs { config, flags }
    }
}
