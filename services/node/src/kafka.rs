//! The settings of a connection to brokers, for commands.

use std::time::Duration;

use tidelog_core::Layout;
use tidelog_io_kafka::Settings;

use crate::failure::Failure;
use crate::settings::ServeSettings;

/// The settings of a command that waits so long for answers.
pub(crate) fn settings(settings: &ServeSettings, timeout: Duration) -> Result<Settings, Failure> {
    let Some(brokers) = &settings.brokers else {
        return Err(Failure::WrongCall(
            "no brokers are named: name some with --brokers host:9092 or TIDELOG_BROKERS"
                .to_owned(),
        ));
    };
    let layout =
        Layout::new(settings.partitions).expect("the number was checked where it was read");
    let kafka = settings.cluster.kafka(brokers, layout);
    let kafka = kafka.map_err(|error| Failure::WrongCall(error.to_string()))?;
    let node = format!("command-{}", std::process::id());
    Ok(Settings { node, request_timeout: timeout, ..kafka })
}
