//! Patches, interpreted as the standards have them, and without a thought for speed or bounds.

use serde_json::{Map, Value};

use super::Refusal;

/// Applies a JSON Patch (RFC 6902).
pub(super) fn patch(mut value: Value, operations: &Value) -> Result<Value, Refusal> {
    for operation in list(operations) {
        let path = tokens(&operation["path"]);
        match operation["op"].as_str() {
            Some("add") => add(&mut value, &path, operation["value"].clone())?,
            Some("remove") => drop(remove(&mut value, &path)?),
            Some("replace") => {
                *find(&mut value, &path).ok_or(Refusal::Path)? = operation["value"].clone();
            }
            Some("move") => {
                let moved = remove(&mut value, &tokens(&operation["from"]))?;
                add(&mut value, &path, moved)?;
            }
            Some("copy") => {
                let from = find(&mut value, &tokens(&operation["from"])).ok_or(Refusal::Path)?;
                let copied = from.clone();
                add(&mut value, &path, copied)?;
            }
            Some("test") => {
                let found = find(&mut value, &path).ok_or(Refusal::Path)?;
                if *found != operation["value"] {
                    return Err(Refusal::Test);
                }
            }
            other => panic!("no workload has the operation {other:?}"),
        }
    }
    Ok(value)
}

/// Applies increments and changes of sets.
pub(super) fn operate(mut value: Value, operations: &Value) -> Result<Value, Refusal> {
    for operation in list(operations) {
        let path = tokens(&operation["path"]);
        let is_there = find(&mut value, &path).is_some();
        match operation["op"].as_str() {
            Some("increment") => {
                if !is_there {
                    add(&mut value, &path, Value::from(0))?;
                }
                increment(find(&mut value, &path).ok_or(Refusal::Path)?, &operation["by"])?;
            }
            Some("add-unique") => {
                if !is_there {
                    add(&mut value, &path, Value::Array(Vec::new()))?;
                }
                let elements = array(&mut value, &path)?;
                if !elements.contains(&operation["value"]) {
                    elements.push(operation["value"].clone());
                }
            }
            Some("remove-value") => {
                if is_there {
                    array(&mut value, &path)?.retain(|element| *element != operation["value"]);
                } else if let Some((_, parent)) = path.split_last() {
                    find(&mut value, parent).filter(|it| it.is_object()).ok_or(Refusal::Path)?;
                }
            }
            other => panic!("no workload has the operation {other:?}"),
        }
    }
    Ok(value)
}

/// Applies a JSON Merge Patch (RFC 7396).
pub(super) fn merge(target: Value, change: &Value) -> Value {
    let Value::Object(change) = change else { return change.clone() };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (key, change) in change {
        match (change, members.get(key).cloned()) {
            (Value::Null, _) => drop(members.shift_remove(key)),
            (change, before) => {
                members.insert(key.clone(), merge(before.unwrap_or(Value::Null), change));
            }
        }
    }
    Value::Object(members)
}

fn list(operations: &Value) -> &[Value] {
    operations.as_array().map_or(&[], Vec::as_slice)
}

fn tokens(pointer: &Value) -> Vec<String> {
    let text = pointer.as_str().unwrap_or_default();
    text.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn find<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, token| match value {
        Value::Object(members) => members.get_mut(token),
        Value::Array(elements) => elements.get_mut(index(token)?),
        _ => None,
    })
}

fn add(value: &mut Value, path: &[String], new: Value) -> Result<(), Refusal> {
    let Some((last, parent)) = path.split_last() else {
        *value = new;
        return Ok(());
    };
    match find(value, parent).ok_or(Refusal::Path)? {
        Value::Object(members) => {
            members.insert(last.clone(), new);
            Ok(())
        }
        Value::Array(elements) if last == "-" => {
            elements.push(new);
            Ok(())
        }
        Value::Array(elements) => {
            let at = index(last).filter(|at| *at <= elements.len()).ok_or(Refusal::Path)?;
            elements.insert(at, new);
            Ok(())
        }
        _ => Err(Refusal::Path),
    }
}

fn remove(value: &mut Value, path: &[String]) -> Result<Value, Refusal> {
    let (last, parent) = path.split_last().ok_or(Refusal::Path)?;
    match find(value, parent).ok_or(Refusal::Path)? {
        Value::Object(members) => members.shift_remove(last).ok_or(Refusal::Path),
        Value::Array(elements) => {
            let at = index(last).filter(|at| *at < elements.len()).ok_or(Refusal::Path)?;
            Ok(elements.remove(at))
        }
        _ => Err(Refusal::Path),
    }
}

fn increment(value: &mut Value, by: &Value) -> Result<(), Refusal> {
    if !value.is_number() {
        return Err(Refusal::Type);
    }
    // The workload adds integers only, and small ones.
    let sum = value.as_i64().zip(by.as_i64()).and_then(|(a, b)| a.checked_add(b));
    *value = Value::from(sum.ok_or(Refusal::Number)?);
    Ok(())
}

fn array<'v>(value: &'v mut Value, path: &[String]) -> Result<&'v mut Vec<Value>, Refusal> {
    let found = find(value, path).ok_or(Refusal::Path)?;
    found.as_array_mut().ok_or(Refusal::Type)
}

fn index(token: &str) -> Option<usize> {
    let is_plain = token == "0" || !token.starts_with(['0', '+', '-']);
    token.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::patch::{JsonPatch, Operations};

    use super::*;

    #[test]
    fn a_patch_that_appends_twice_appends_twice() {
        let append = json!([{"op": "add", "path": "/log/-", "value": "a"}]);
        let once = patch(json!({"log": []}), &append).expect("there is a log");
        assert_eq!(patch(once, &append), Ok(json!({"log": ["a", "a"]})));
        assert_eq!(patch(json!({}), &append), Err(Refusal::Path));
    }

    #[test]
    fn increments_and_sets_make_what_is_missing() {
        let operations = json!([
            {"op": "increment", "path": "/n", "by": 2},
            {"op": "add-unique", "path": "/set", "value": 1},
            {"op": "add-unique", "path": "/set", "value": 1},
            {"op": "remove-value", "path": "/none", "value": 1},
        ]);
        assert_eq!(operate(json!({"n": 3}), &operations), Ok(json!({"n": 5, "set": [1]})));
        assert_eq!(operate(json!({"n": "x"}), &operations), Err(Refusal::Type));
    }

    #[test]
    fn merging_is_that_of_the_standard() {
        let merged =
            merge(json!({"a": {"b": 1, "c": 2}, "d": 3}), &json!({"a": {"b": null}, "e": 4}));
        assert_eq!(merged, json!({"a": {"c": 2}, "d": 3, "e": 4}));
        assert_eq!(merge(json!([1]), &json!({"a": {"x": null}})), json!({"a": {}}));
    }

    /// The model and the product are written apart from each other; where they differ on what the
    /// workload does, one of them is wrong.
    #[test]
    fn the_product_comes_to_the_same() {
        let values =
            [json!({}), json!({"log": ["a"], "n": 1}), json!({"log": 1, "n": "x"}), json!([])];
        let patches = [
            json!([{"op": "add", "path": "/log/-", "value": "z"}]),
            json!([{"op": "test", "path": "/n", "value": 1}, {"op": "replace", "path": "/n", "value": 2}]),
            json!([{"op": "remove", "path": "/n"}, {"op": "copy", "from": "/log", "path": "/m"}]),
            json!([{"op": "move", "from": "/log/0", "path": "/k"}]),
        ];
        for value in &values {
            for operations in &patches {
                let text = operations.to_string();
                let theirs =
                    JsonPatch::parse(text.as_bytes()).expect("a patch").apply(value.clone());
                assert_eq!(patch(value.clone(), operations).ok(), theirs.ok(), "{value} {text}");
            }
            for operations in [
                json!([{"op": "increment", "path": "/n", "by": 3}]),
                json!([{"op": "add-unique", "path": "/log", "value": "a"}]),
                json!([{"op": "remove-value", "path": "/log", "value": "a"}]),
            ] {
                let text = operations.to_string();
                let theirs =
                    Operations::parse(text.as_bytes()).expect("operations").apply(value.clone());
                assert_eq!(operate(value.clone(), &operations).ok(), theirs.ok(), "{value} {text}");
            }
        }
    }
}
