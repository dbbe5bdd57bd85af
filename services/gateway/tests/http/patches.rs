//! PATCH in its three media types.

use serde_json::Value;

use crate::system::script;

const PATH: &str = "/v1/entities/shop/orders/eu/42";

#[test]
fn json_patch_merge_patch_and_operations_change_an_entity() {
    script(async |shop| {
        shop.put(PATH, r#"{"n":1,"tags":["x"]}"#).await.is(201);
        let patch = r#"[{"op":"test","path":"/n","value":1},{"op":"add","path":"/a","value":2}]"#;
        let answer = shop.patch(PATH, "json-patch", patch).await.is(200).has("etag", "\"2\"");
        answer.says(r#"{"n":1,"tags":["x"],"a":2}"#);
        let answer = shop.patch(PATH, "merge-patch", r#"{"a":null,"b":{"c":1}}"#).await.is(200);
        answer.has("etag", "\"3\"").says(r#"{"n":1,"tags":["x"],"b":{"c":1}}"#);
        let operations = r#"[{"op":"increment","path":"/n","by":41},
            {"op":"add-unique","path":"/tags","value":"y"},
            {"op":"remove-value","path":"/tags","value":"x"}]"#;
        let answer = shop.patch(PATH, "vnd.tidelog.operations", operations).await.is(200);
        answer.has("etag", "\"4\"").says(r#"{"n":42,"tags":["y"],"b":{"c":1}}"#);
    });
}

#[test]
fn a_patch_to_what_is_not_there_begins_with_an_empty_object() {
    script(async |shop| {
        let answer = shop.patch(PATH, "merge-patch", r#"{"n":1}"#).await.is(201);
        answer.has("etag", "\"1\"").says(r#"{"n":1}"#);
    });
}

#[test]
fn a_patch_that_cannot_be_applied_changes_nothing() {
    script(async |shop| {
        shop.put(PATH, r#"{"n":"one"}"#).await.is(201);
        let patch = r#"[{"op":"add","path":"/a","value":1},{"op":"test","path":"/n","value":1}]"#;
        let answer = shop.patch(PATH, "json-patch", patch).await;
        let answer = answer.fails(409, "test-failed", "operation 1 (test /n)");
        assert_eq!(answer.json()["revision"], 1);
        let patch = r#"[{"op":"add","path":"/a","value":1},{"op":"remove","path":"/b"}]"#;
        let answer = shop.patch(PATH, "json-patch", patch).await;
        answer.fails(409, "path-missing", "operation 1 (remove /b)");
        let operations = r#"[{"op":"increment","path":"/n","by":1}]"#;
        let answer = shop.patch(PATH, "vnd.tidelog.operations", operations).await;
        answer.fails(422, "wrong-type", "is not a number");
        shop.get(PATH).await.has("etag", "\"1\"").says(r#"{"n":"one"}"#);
    });
}

#[test]
fn a_patch_that_would_grow_a_document_without_end_is_too_large() {
    script(async |shop| {
        shop.put(PATH, r#"{"a":["0123456789"]}"#).await.is(201);
        let copy = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        let patch = format!("[{}]", vec![copy; 30].join(","));
        let answer = shop.patch(PATH, "json-patch", patch).await;
        answer.fails(413, "too-large", "1048576 are allowed");
        shop.get(PATH).await.has("etag", "\"1\"");
    });
}

#[test]
fn a_patch_of_another_media_type_is_refused_with_those_that_are_taken() {
    script(async |shop| {
        shop.put(PATH, "{}").await.is(201);
        let taken = "application/json-patch+json, application/merge-patch+json, \
                     application/vnd.tidelog.operations+json";
        let ask = || shop.ask("PATCH", PATH).body("{}");
        let answer = ask().with("content-type", "application/json").await;
        answer
            .fails(415, "unsupported-media-type", "is application/json")
            .has("accept-patch", taken);
        ask().await.fails(415, "unsupported-media-type", "does not say what it is");
        let merge = "Application/Merge-Patch+JSON; charset=utf-8";
        ask().with("content-type", merge).await.is(200);
    });
}

#[test]
fn what_is_no_patch_is_refused_before_it_is_sent() {
    script(async |shop| {
        shop.patch(PATH, "json-patch", "{}").await.fails(400, "bad-request", "array of operations");
        let answer = shop.patch(PATH, "json-patch", r#"[{"op":"fly","path":""}]"#).await;
        answer.fails(400, "bad-request", "\"fly\" is not an operation");
        let answer = shop.patch(PATH, "vnd.tidelog.operations", r#"[{"op":"increment"}]"#).await;
        answer.fails(400, "bad-request", "operation 0 has no");
        let test = r#"{"op":"test","path":"","value":{}}"#;
        let patch = format!("[{}]", vec![test; 1_001].join(","));
        let answer = shop.patch(PATH, "json-patch", patch).await;
        answer.fails(413, "too-large", "1001 operations and 1000 are allowed");
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn the_official_json_patch_suite_passes() {
    let suite = [
        include_str!("../../../../core/tests/data/json-patch-test-suite/tests.json"),
        include_str!("../../../../core/tests/data/json-patch-test-suite/spec_tests.json"),
    ];
    script(async |shop| {
        let mut passed = 0;
        for cases in suite {
            let cases: Vec<Value> = serde_json::from_str(cases).expect("a list of cases");
            for (number, case) in cases.iter().enumerate() {
                if case["disabled"] == true || case.get("patch").is_none() {
                    continue;
                }
                let path = format!("/v1/entities/shop/suite/{}/{number}", cases.len());
                shop.put(&path, case["doc"].to_string()).await.is(201);
                let answer = shop.patch(&path, "json-patch", case["patch"].to_string()).await;
                if let Some(expected) = case.get("expected") {
                    assert_eq!(answer.status, 200, "{case}: {answer:?}");
                    assert_eq!(answer.json(), *expected, "{case}");
                } else if case.get("error").is_some() {
                    assert!([400, 409, 422].contains(&answer.status), "{case}: {answer:?}");
                    assert_eq!(shop.get(&path).await.json(), case["doc"], "{case}");
                } else {
                    assert_eq!(answer.status, 200, "{case}: {answer:?}");
                }
                passed += 1;
            }
        }
        assert!(passed >= 90, "only {passed} cases were there");
    });
}
