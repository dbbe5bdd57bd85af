//! entity-storage on one thread, as a node runs it.

use std::{future::pending, time::Duration};

use pollster::block_on;
use tidelog_bench_kafka::Result;
use tidelog_machines::EntityStorage;
use tidelog_runtime::Settings;

use super::Common;

/// Runs until the process is ended.
pub(super) fn run(common: &Common) -> Result<()> {
    let transport = common.transport()?;
    let commit_interval = Duration::from_millis(common.commit_ms);
    let settings = Settings { commit_interval, ..Settings::default() };
    block_on(tidelog_runtime::run(&transport, &EntityStorage, &settings, pending()))?;
    Ok(())
}
