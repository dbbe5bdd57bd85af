//! What holds for all patches. That the sizes are accounted for exactly is asserted after each of
//! them, where a patch gives back the value.

use ::json_patch as reference;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn parsing_never_panics(bytes: Vec<u8>, value in strategy::value()) {
        let _ = JsonPatch::parse(&bytes);
        let _ = Operations::parse(&bytes);
        let _ = JsonPatch::parse(value.to_string().as_bytes());
        let _ = Operations::parse(value.to_string().as_bytes());
    }

    #[test]
    fn a_patch_does_the_same_each_time_and_what_the_reference_does(
        value in strategy::value(),
        operations in vec(json_operation(), 0..5),
    ) {
        let patch = json_patch(&json!(operations).to_string());
        let outcome = patch.apply(value.clone());
        prop_assert_eq!(&outcome, &patch.apply(value.clone()));
        if let Ok(patched) = &outcome {
            // Applying asserts the incremental size; this is the document it was for.
            Document::from_value(patched).expect("a patched document keeps the bounds");
        }
        // The reference has other ideas of equal numbers and of moving the whole over itself.
        let differs = |operation: &Value| {
            operation["op"] == "test" || operation["op"] == "move" && operation["from"] == ""
        };
        if !operations.iter().any(differs) {
            let mut expected = value;
            let is_applied = reference::patch_unsafe(&mut expected, patch.operations()).is_ok();
            prop_assert_eq!(outcome.is_ok(), is_applied, "{:?}", outcome);
            if let Ok(patched) = outcome {
                prop_assert_eq!(patched, expected);
            }
        }
    }

    #[test]
    fn removing_a_key_keeps_the_order_of_the_others(
        members in vec(("[a-f]", strategy::scalar()), 1..8),
        index: prop::sample::Index,
    ) {
        let members: Map<String, Value> = members.into_iter().collect();
        let gone = members.keys().nth(index.index(members.len())).expect("one of them").clone();
        let patch = json_patch(&json!([{"op": "remove", "path": format!("/{gone}")}]).to_string());
        let Ok(Value::Object(left)) = patch.apply(Value::Object(members.clone())) else {
            panic!("it was there");
        };
        prop_assert!(left.keys().eq(members.keys().filter(|key| **key != gone)));
    }

    #[test]
    fn operations_do_the_same_each_time(
        value in strategy::value(),
        operations in vec(own_operation(), 0..5),
    ) {
        let operations =
            Operations::parse(json!(operations).to_string().as_bytes()).expect("operations");
        let outcome = operations.apply(value.clone());
        prop_assert_eq!(&outcome, &operations.apply(value));
        if let Ok(changed) = &outcome {
            Document::from_value(changed).expect("a changed document keeps the bounds");
        }
    }

    #[test]
    fn equality_is_symmetric_and_knows_a_value_from_a_changed_one(
        one in strategy::value(),
        other in strategy::value(),
    ) {
        let equal = |a: &Value, b: &Value| equality::equal(a, b, &mut 0);
        prop_assert!(equal(&one, &one));
        prop_assert_eq!(equal(&one, &other), equal(&other, &one));
        // serde_json's own equality is finer only where an integer meets a double, or zeros do.
        prop_assert!(equal(&one, &other) || one != other);
    }
}

fn json_operation() -> impl Strategy<Value = Value> {
    let value = strategy::value().boxed();
    prop_oneof![
        (pointer(), value.clone()).prop_map(|(p, v)| json!({"op": "add", "path": p, "value": v})),
        (pointer(), value.clone())
            .prop_map(|(p, v)| json!({"op": "replace", "path": p, "value": v})),
        (pointer(), value).prop_map(|(p, v)| json!({"op": "test", "path": p, "value": v})),
        pointer()
            .prop_filter("not the whole", |p| !p.is_empty())
            .prop_map(|p| json!({"op": "remove", "path": p})),
        (pointer(), pointer()).prop_map(|(f, p)| json!({"op": "copy", "from": f, "path": p})),
        (pointer(), pointer())
            .prop_filter("not into itself", |(f, p)| !p.starts_with(&format!("{f}/")))
            .prop_map(|(f, p)| json!({"op": "move", "from": f, "path": p})),
    ]
}

fn own_operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        (pointer(), strategy::number())
            .prop_map(|(p, by)| json!({"op": "increment", "path": p, "by": by})),
        (pointer(), strategy::scalar())
            .prop_map(|(p, v)| json!({"op": "add-unique", "path": p, "value": v})),
        (pointer(), strategy::scalar())
            .prop_map(|(p, v)| json!({"op": "remove-value", "path": p, "value": v})),
    ]
}

/// Short, of few tokens, so that many lead somewhere.
fn pointer() -> impl Strategy<Value = String> {
    vec("/([a-d]|[0-2]|-|~0)", 0..3).prop_map(|tokens| tokens.concat())
}
