//! Records that were set aside.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{service::ServiceName, time::Timestamp, topic::Position};

/// A record that a service could not take: set aside with its reason, so that its partition goes on
/// and nothing is skipped silently.
///
/// Records that are gone before they were read, and over which an operator moved a task, have one
/// too: of the first of them, without a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The service that set it aside.
    pub service: ServiceName,
    /// Where the record stands.
    pub source: Position,
    /// When the record was appended; of records that are gone, when they were given up.
    pub time: Timestamp,
    /// Why.
    pub reason: Box<str>,
    /// The record's key, as far as it is text.
    pub key: Box<str>,
    /// The record's payload, cut where it would not fit into a dead letter.
    pub payload: Bytes,
    /// How many bytes the payload had.
    pub payload_bytes: u64,
}
