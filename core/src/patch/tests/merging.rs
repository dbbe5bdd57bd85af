//! Merge patches.

use super::*;

#[test]
fn the_examples_of_rfc_7396_come_out_as_there() {
    for (target, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        assert_eq!(merged(target, patch), result, "{target} with {patch}");
    }
}

#[test]
fn merging_keeps_the_order_of_keys() {
    let target = r#"{"a":1,"b":2,"c":{"x":1,"y":2,"z":3},"d":4}"#;
    let patch = r#"{"e":5,"a":null,"c":{"x":null,"w":0},"b":0}"#;
    assert_eq!(merged(target, patch), r#"{"b":0,"c":{"y":2,"z":3,"w":0},"d":4,"e":5}"#);
}

#[test]
fn nulls_in_arrays_are_values() {
    assert_eq!(merged("{}", r#"{"a":[null,{"b":null}]}"#), r#"{"a":[null,{"b":null}]}"#);
}

#[test]
fn merging_keeps_the_bounds() {
    let half = "x".repeat(DOCUMENT_BYTES_MAX / 2);
    let error = merge(json!({"a": half}), &json!({"b": half})).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "merge patch: the document would have 1048591 bytes and 1048576 are allowed"
    );
    let deep = (0..DEPTH_MAX + 1).fold(json!(1), |inner, _| json!({"a": inner}));
    let error = merge(json!({}), &deep).expect_err("too deep");
    assert_eq!(error, PatchError::TooDeep { step: PatchStep::Merge, limit: DEPTH_MAX });
    assert_eq!(error.step().to_string(), "merge patch");
}

proptest! {
    #[test]
    fn merging_follows_the_pseudocode_of_the_rfc(
        target in strategy::value(),
        patch in strategy::value(),
    ) {
        let merged = merge(target.clone(), &patch).expect("small values");
        prop_assert_eq!(&merged, &reference(Some(&target), &patch));
        if let (Value::Object(before), Value::Object(patch), Value::Object(after)) =
            (&target, &patch, &merged)
        {
            let kept = before.keys().filter(|key| !patch.get(*key).is_some_and(Value::is_null));
            let new = patch
                .iter()
                .filter(|(key, value)| !value.is_null() && !before.contains_key(*key))
                .map(|(key, _)| key);
            prop_assert!(after.keys().eq(kept.chain(new)));
        }
    }
}

/// RFC 7396, section 2, word for word.
fn reference(target: Option<&Value>, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut result = match target {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            result.shift_remove(name);
        } else {
            let merged = reference(result.get(name), value);
            result.insert(name.clone(), merged);
        }
    }
    Value::Object(result)
}

fn merged(target: &str, patch: &str) -> String {
    let value = |text: &str| {
        Document::parse(text.as_bytes()).expect("a document").to_value().expect("JSON")
    };
    let merged = merge(value(target), &value(patch)).expect("merges");
    Document::from_value(&merged).expect("a merged document keeps the bounds").to_string()
}
