//! Every limit of the system in one place, with the relations between them checked by the compiler.

use std::time::Duration;

pub use crate::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX};
pub use crate::patch::{PATCH_OPERATIONS_MAX, PATCH_WORK_MAX};

/// Bytes of one segment of an id.
pub const SEGMENT_BYTES_MAX: usize = 128;

/// Bytes of an entity's id: four segments and three slashes, and the `$` of a system collection.
pub const ENTITY_ID_BYTES_MAX: usize = 4 * SEGMENT_BYTES_MAX + 3 + 1;

/// Bytes of a record's payload that any backend must take. An update holds two documents.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a batch request as it goes into the log.
pub const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Parts of one batch.
pub const BATCH_PARTS_MAX: usize = 1_000;

/// Bytes of the document that the answer to a part of a batch may always carry. A larger one is
/// carried while all parts of the batch could have one of its size: see [`part_value_bytes_max`].
pub const PART_VALUE_BYTES: usize = 64 * 1024;

/// Bytes of an idempotency key that a caller brings.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Revisions that one precondition may list.
pub const PRECONDITION_REVISIONS_MAX: usize = 16;

/// Bytes of the explanation in a problem.
pub const PROBLEM_DETAIL_BYTES_MAX: usize = 400;

/// How far a request's number may be ahead of its client's first incomplete one.
pub const REQUESTS_AHEAD_MAX: u64 = 16_384;

/// Items on a page of a list.
pub const PAGE_ITEMS_MAX: usize = 1_000;

/// Items on a page of a list where the caller names no number.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Rows that one query may look at before it answers with a shorter page and a cursor.
pub const QUERY_ROWS_MAX: usize = 10_000;

/// Bytes of documents on a page; a page ends after the document that reaches it.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Effects (sends) of one call of a service.
pub const EFFECTS_MAX: usize = 4_096;

/// Changes of a zone that its feed keeps at least, where nothing else is said.
pub const FEED_CHANGES_DEFAULT: u64 = 100_000;

/// Zones with something unread that are kept for a device. Beyond that it is told that there are more.
pub const UNREAD_ZONES_MAX: u64 = 1_000;

/// Subscriptions of one device to one database in one partition.
pub const SUBSCRIPTIONS_MAX: u64 = 1_000;

/// Databases that a device names when it connects, and that are kept of it.
pub const DEVICE_DATABASES_MAX: usize = 100;

/// Devices of a user.
pub const USER_DEVICES_MAX: usize = 1_000;

/// Bytes of the version of an app.
pub const APP_VERSION_BYTES_MAX: usize = 128;

/// After how long without a sign of life a device is forgotten, where nothing else is said.
pub const DEVICE_LEASE_DEFAULT: Duration = hours(60 * 24);

/// Partitions of a topic.
pub const PARTITIONS_MAX: u32 = 1_024;

/// Task time after a part's first sending from which on it is refused as expired.
pub const REQUEST_EXPIRES_AFTER: Duration = hours(12);

/// Task time after its making and its first sending from which on a completion record is forgotten.
pub const COMPLETION_KEPT_FOR: Duration = hours(24);

/// How long the outcome of a request is remembered for its idempotency key.
pub const IDEMPOTENCY_KEY_KEPT_FOR: Duration = hours(24);

/// How long after its first sending a request of which nothing is known is said to be pending.
pub const REQUEST_PENDING_FOR: Duration = hours(13);

/// How long the aggregate of a batch, or of a request answered later, is remembered.
pub const AGGREGATE_KEPT_FOR: Duration = hours(24);

/// How long the accumulator waits for the parts of a request before it answers it as incomplete.
pub const AGGREGATE_WAITS_FOR: Duration = Duration::from_secs(30);

/// How long a driver sends a request again.
pub const DRIVER_RESENDS_FOR: Duration = hours(1);

/// How long records of topics with short retention are kept.
pub const RETENTION_SHORT: Duration = hours(7 * 24);

/// How long records of topics with medium retention are kept.
pub const RETENTION_MEDIUM: Duration = hours(30 * 24);

/// Bytes of the document that the answer to one of `parts` parts may carry.
///
/// A whole answer holds at most [`RECORD_BYTES_MAX`]. Without this bound the answers to the parts
/// would carry what it must leave out: a thousand reads of 1 MiB each would put a gigabyte into the log.
#[must_use]
pub const fn part_value_bytes_max(parts: u32) -> usize {
    let share = RECORD_BYTES_MAX / (if parts == 0 { 1 } else { parts as usize });
    if share > PART_VALUE_BYTES { share } else { PART_VALUE_BYTES }
}

// What an answer, an update and a batch may hold must fit into a record.
const _: () = assert!(2 * DOCUMENT_BYTES_MAX + 64 * 1024 <= RECORD_BYTES_MAX);
const _: () = assert!(BATCH_BYTES_MAX + 64 * 1024 <= RECORD_BYTES_MAX);
const _: () = assert!(BATCH_PARTS_MAX < EFFECTS_MAX);
const _: () = assert!((SUBSCRIPTIONS_MAX as usize) < EFFECTS_MAX);
// A single request's document always comes back, and a batch puts at most 64 MiB into the log.
const _: () = assert!(part_value_bytes_max(1) >= DOCUMENT_BYTES_MAX);
const _: () = assert!(BATCH_PARTS_MAX * PART_VALUE_BYTES <= 64 * 1024 * 1024);
// A complete response without values, every detail at its longest, fits too.
const _: () = assert!(
    BATCH_PARTS_MAX * (ENTITY_ID_BYTES_MAX + PROBLEM_DETAIL_BYTES_MAX + 64) <= RECORD_BYTES_MAX
);
// A part that could find its completion record gone is refused before that.
const _: () = assert!(REQUEST_EXPIRES_AFTER.as_secs() < COMPLETION_KEPT_FOR.as_secs());
const _: () = assert!(DRIVER_RESENDS_FOR.as_secs() < REQUEST_EXPIRES_AFTER.as_secs());
const _: () = assert!(REQUEST_EXPIRES_AFTER.as_secs() < REQUEST_PENDING_FOR.as_secs());
const _: () = assert!(REQUEST_PENDING_FOR.as_secs() < AGGREGATE_KEPT_FOR.as_secs());
const _: () = assert!(PAGE_ITEMS_DEFAULT <= PAGE_ITEMS_MAX && PAGE_ITEMS_MAX <= QUERY_ROWS_MAX);

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}
