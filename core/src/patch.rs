//! Changes to a document as data: JSON Patch (RFC 6902), Tidelog's own operations, and JSON Merge
//! Patch (RFC 7396).
//!
//! All of them are pure functions of a value, and whole or nothing: they take the value and give
//! back the changed one or an error, never something half-changed. Bounds hold while they run, not
//! only at the end: thirty `copy` operations could double a document thirty times, and a thousand
//! removals from the front of a long array could keep a partition busy for seconds.

mod equality;
mod error;
mod json;
mod limits;
mod members;
mod merge;
mod operations;
mod target;
#[cfg(test)]
mod tests;

pub use error::{PatchError, PatchParseError, PatchStep};
pub use json::JsonPatch;
pub use limits::{PATCH_BYTES_MAX, PATCH_OPERATIONS_MAX, PATCH_WORK_MAX};
pub use merge::merge;
pub use operations::{Operation, Operations};
