//! The bounds of patches.

use crate::document::DOCUMENT_BYTES_MAX;

/// How many operations a patch may have.
pub const PATCH_OPERATIONS_MAX: usize = 1_000;

/// How many bytes a patch's compact JSON text may have: one may replace a whole document, and test
/// it before.
pub const PATCH_BYTES_MAX: usize = 2 << 20;

/// How much work one patch may be. A unit is a byte of compact JSON that is measured, copied or
/// compared; moving what stands behind an inserted or removed element counts too.
pub const PATCH_WORK_MAX: usize = 32 << 20;

/// Work for a byte of a value that `copy` makes again, beside that of measuring it: many small
/// arrays and objects are dear to make.
pub(super) const BYTE_COPY_WORK: usize = 2;

/// Work for an element that moves because another was inserted or removed in its array.
pub(super) const ELEMENT_SHIFT_WORK: usize = 4;

/// Work for a member that moves because another was removed from its object: more than for an
/// element, as its place in the index changes with it.
pub(super) const MEMBER_SHIFT_WORK: usize = 8;

const _: () = assert!(PATCH_BYTES_MAX >= DOCUMENT_BYTES_MAX);
// Any patch of one operation is possible on any document.
const _: () = assert!(PATCH_WORK_MAX >= 4 * (DOCUMENT_BYTES_MAX + PATCH_BYTES_MAX));
