//! The bounds of what comes in over HTTP.

use std::borrow::Cow;

use tidelog_core::{
    limits::{BATCH_BYTES_MAX, DOCUMENT_BYTES_MAX},
    patch::PATCH_BYTES_MAX,
};

/// Bytes of a body that is a document: twice what its compact form may have, for white space.
pub const DOCUMENT_BODY_BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX;

/// Bytes of the definitions that the schema of a database is made of.
pub const SCHEMA_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a body that is a patch.
pub const PATCH_BODY_BYTES_MAX: usize = PATCH_BYTES_MAX + DOCUMENT_BYTES_MAX;

/// Bytes of a body that is a batch.
pub const BATCH_BODY_BYTES_MAX: usize = BATCH_BYTES_MAX + DOCUMENT_BYTES_MAX;

/// Bytes of a request's target and header fields together.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Header fields of a request.
pub const HEADER_FIELDS_MAX: usize = 96;

/// Bytes that are read in search of the end of a request's header. Beyond, the connection is given
/// up with a bare 431; between the two limits the answer says what is wrong.
pub(crate) const HEADER_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// The longest wait that `Prefer: wait=N` is granted, in seconds.
pub const PREFER_WAIT_SECONDS_MAX: u32 = 60;

/// Bytes of a body that was refused which are read nevertheless, so that its sender gets to see the
/// answer before the connection is closed.
pub(crate) const REFUSED_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the limit of a body is there for, as the end of a sentence.
pub(crate) fn meant_by(body_bytes_max: usize) -> Cow<'static, str> {
    let (what, bytes) = match body_bytes_max {
        DOCUMENT_BODY_BYTES_MAX => ("a document as compact JSON", DOCUMENT_BYTES_MAX),
        PATCH_BODY_BYTES_MAX => ("a patch", PATCH_BYTES_MAX),
        BATCH_BODY_BYTES_MAX => ("a batch", BATCH_BYTES_MAX),
        _ => return Cow::Borrowed(""),
    };
    Cow::Owned(format!("; {what} may have {bytes}"))
}

const _: () = assert!(HEADER_BYTES_MAX < HEADER_BUFFER_BYTES_MAX);
const _: () = assert!(DOCUMENT_BODY_BYTES_MAX <= PATCH_BODY_BYTES_MAX);
// hyper reads at most a hundred fields, and answers more with a bare 431.
const _: () = assert!(HEADER_FIELDS_MAX < 100);
