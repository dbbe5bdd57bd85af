//! How much of a collection is learned.

use tidelog_core::limits::{DOCUMENT_BYTES_MAX, RECORD_BYTES_MAX};

/// Fields of one object that are told apart. One with more is a map: its keys are data.
pub const FIELDS_MAX: usize = 256;

/// Bytes of a field's name. A longer key is data, and makes its object a map.
pub const FIELD_NAME_BYTES_MAX: usize = 128;

/// Distinct integers and strings that are listed.
pub const VALUES_MAX: usize = 16;

/// Bytes of a string that is listed.
pub const VALUE_BYTES_MAX: usize = 32;

/// How deep objects and arrays are looked into. Below that, anything goes.
pub const DEPTH_MAX: usize = 9;

/// Shapes that one at this depth may consist of, itself included.
///
/// One that has an object's and an array's side, both at their largest, is just as large.
#[must_use]
pub const fn shapes_max(depth: usize) -> usize {
    if depth > DEPTH_MAX { 0 } else { (1 << (DEPTH_MAX + 1 - depth)) - 1 }
}

/// Bytes of what a user states about a collection.
pub const STATEMENT_BYTES_MAX: usize = 256 * 1024;

/// States that a pattern may have, counted repetitions written out.
pub const PATTERN_STATES_MAX: usize = 10_000;

/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 1_024;

/// Bytes of all patterns of a statement together: judging them takes time.
pub const PATTERNS_BYTES_MAX: usize = 16 * 1_024;

/// Bytes that a shape takes in a row beside its name and its values, at most.
const SHAPE_ROW_BYTES_MAX: usize = 250;

/// Bytes of a shape's definition beside its name, without values and notes, at most.
const SHAPE_TEXT_BYTES_MAX: usize = 400;

const _: () = assert!(shapes_max(0) == 1_023 && shapes_max(DEPTH_MAX) == 1);
// One with both sides at their largest keeps within its own.
const _: () = assert!(1 + 2 * shapes_max(1) == shapes_max(0));
// A whole model is one row.
const _: () = assert!(
    shapes_max(0)
        * (SHAPE_ROW_BYTES_MAX + FIELD_NAME_BYTES_MAX + VALUES_MAX * (VALUE_BYTES_MAX + 1))
        < RECORD_BYTES_MAX
);
// Its definition, without what can be left out, is one document. A name stands in it twice.
const _: () = assert!(
    shapes_max(0) * (SHAPE_TEXT_BYTES_MAX + 2 * (FIELD_NAME_BYTES_MAX + 3)) < DOCUMENT_BYTES_MAX
);
