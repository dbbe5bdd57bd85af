//! The bounds of documents.

/// How deep arrays and objects may nest in a document: `1` has depth 0, `[]` and `{}` have 1.
pub const DEPTH_MAX: usize = 100;

/// How many bytes a document's compact JSON text may have.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// How deep a request's body may nest: patches and batches wrap documents in arrays and objects of
/// their own.
pub const BODY_DEPTH_MAX: usize = 120;

const _: () = assert!(DEPTH_MAX < BODY_DEPTH_MAX);
// serde_json gives up at 128 by itself, and would do so with a less helpful error.
const _: () = assert!(BODY_DEPTH_MAX < 127);
