//! JSON Merge Patch (RFC 7396).

use serde_json::{Map, Value};

use crate::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX, measure, within_depth};
use crate::patch::error::Fault;
use crate::patch::{PatchError, PatchStep};

/// Merges a patch into a document's value: an object's members are set, nulls remove, anything
/// else takes the whole place. Members keep their order, new ones come last.
///
/// The work is in proportion to the sizes of both, so it needs no bound of its own.
pub fn merge(target: Value, patch: &Value) -> Result<Value, PatchError> {
    merge_bounded(target, patch).map_err(|fault| fault.at(PatchStep::Merge))
}

fn merge_bounded(mut target: Value, patch: &Value) -> Result<Value, Fault> {
    if !within_depth(patch, DEPTH_MAX) {
        return Err(Fault::TooDeep);
    }
    merge_into(&mut target, patch);
    let bytes = measure(&target, DEPTH_MAX).ok_or(Fault::TooDeep)?;
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(Fault::TooLarge { bytes });
    }
    Ok(target)
}

fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    // One sweep, as removing keys one by one would move the others each time.
    if patch.values().any(Value::is_null) {
        members.retain(|key, _| !patch.get(key).is_some_and(Value::is_null));
    }
    for (key, value) in patch.iter().filter(|(_, value)| !value.is_null()) {
        merge_into(members.entry(key.as_str()).or_insert(Value::Null), value);
    }
}
