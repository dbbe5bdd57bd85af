//! What the node writes about itself: `tracing` events, to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::{
    failure::Failure,
    settings::{LogFormat, ServeSettings},
};

/// Starts logging as the settings say.
pub(crate) fn start(settings: &ServeSettings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| {
        Failure::WrongCall(format!(
            "the log filter {:?} cannot be used: {error}; examples: `info`, \
             `warn,tidelog_gateway=debug`",
            settings.log
        ))
    })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let started = match settings.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("logging cannot start: {error}")))
}
