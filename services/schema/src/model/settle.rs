//! How the size of a model is bounded, whatever comes, and in whatever order.
//!
//! Each depth has a number of shapes that one there may *weigh*. A shape weighs one, and what its
//! fields and elements weigh, but never more than its depth allows. One that would weigh more, has
//! too many fields, or one whose name is none, becomes a *map*, and weighs all that it may.
//!
//! So what becomes of a shape depends only on which fields were ever seen below it: the weight only
//! grows with them, and giving up fields does not make it smaller. Had a map the weight of what is
//! left of it, a shape that is given up late would have made others give up that need not; then the
//! order would matter. And a map's values, all in one shape, are settled by the same rule.

use super::{Members, Shape};
use crate::limits::{FIELD_NAME_BYTES_MAX, FIELDS_MAX, shapes_max};

/// Gives up what is too much.
pub(super) fn settle(root: &mut Shape) {
    settle_at(root, 0);
}

/// Whether a key names a field, as far as a key can tell.
fn is_field_name(key: &str) -> bool {
    key.len() <= FIELD_NAME_BYTES_MAX && !key.contains(|c: char| c.is_control())
}

/// Settles a shape, and gives what it weighs.
fn settle_at(shape: &mut Shape, depth: usize) -> usize {
    let weight_max = shapes_max(depth);
    let elements = shape.elements.as_deref_mut().map_or(0, |shape| settle_at(shape, depth + 1));
    if let Members::Fields(fields) = &mut shape.members {
        let is_record = fields.len() <= FIELDS_MAX && fields.keys().all(|key| is_field_name(key));
        let fields: usize = fields.values_mut().map(|shape| settle_at(shape, depth + 1)).sum();
        let weight = 1 + elements + fields;
        if is_record && weight <= weight_max {
            return weight;
        }
        shape.members.make_map();
    }
    if let Members::Map(values) = &mut shape.members {
        settle_at(values, depth + 1);
    }
    weight_max
}
