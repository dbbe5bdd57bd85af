//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use tidelog_core::Timestamp;

pub(crate) fn now() -> Timestamp {
    Timestamp::ZERO.plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
