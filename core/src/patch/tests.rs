//! Tests of patches: JSON Patch first, then our own operations, merging, and properties of all.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX, Document, DocumentError, strategy};
use crate::limits::PROBLEM_DETAIL_BYTES_MAX;

mod merging;
mod operations;
mod properties;

#[test]
fn removing_and_moving_keep_the_order_of_the_other_keys() {
    let text = r#"{"a":1,"b":2,"c":3,"d":4}"#;
    assert_eq!(patched(text, r#"[{"op":"remove","path":"/b"}]"#), r#"{"a":1,"c":3,"d":4}"#);
    let patch = r#"[{"op":"move","from":"/a","path":"/e"}]"#;
    assert_eq!(patched(text, patch), r#"{"b":2,"c":3,"d":4,"e":1}"#);
    let patch = r#"[{"op":"move","from":"/d","path":"/b"}]"#;
    assert_eq!(patched(text, patch), r#"{"a":1,"b":4,"c":3}"#);
    let patch = r#"[{"op":"move","from":"/b","path":"/b"}]"#;
    assert_eq!(patched(text, patch), text);
    let patch = r#"[{"op":"replace","path":"/b","value":0},{"op":"add","path":"/a","value":0}]"#;
    assert_eq!(patched(text, patch), r#"{"a":0,"b":0,"c":3,"d":4}"#);
}

#[test]
fn numbers_are_equal_if_they_are_worth_the_same() {
    for (there, given, is_equal) in [
        ("1", "1.0", true),
        ("1.0", "1", true),
        ("1e2", "100", true),
        ("0", "-0", true),
        ("-0.0", "0.0", true),
        ("18446744073709551615", "18446744073709551615", true),
        ("9007199254740993", "9007199254740992.0", false),
        ("9223372036854775807", "9223372036854776000.0", false),
        ("18446744073709551615", "1.8446744073709552e19", false),
        ("[1,{\"a\":2}]", "[1.0,{\"a\":2.0}]", true),
        ("1", "\"1\"", false),
        ("1", "true", false),
        ("0", "null", false),
    ] {
        let patch = format!(r#"[{{"op":"test","path":"/0","value":{given}}}]"#);
        let outcome = apply(&format!("[{there}]"), &patch);
        assert_eq!(outcome.is_ok(), is_equal, "{there} and {given}");
    }
}

#[test]
fn the_whole_document_can_be_tested_replaced_copied_and_moved_to() {
    assert_eq!(patched("1", r#"[{"op":"test","path":"","value":1}]"#), "1");
    assert_eq!(patched("1", r#"[{"op":"replace","path":"","value":[]}]"#), "[]");
    assert_eq!(patched("1", r#"[{"op":"add","path":"","value":{}}]"#), "{}");
    assert_eq!(patched(r#"{"a":[1]}"#, r#"[{"op":"move","from":"/a","path":""}]"#), "[1]");
    assert_eq!(patched("[1]", r#"[{"op":"copy","from":"","path":"/-"}]"#), "[1,[1]]");
}

#[test]
fn a_place_that_is_not_there_is_named_in_the_error() {
    for (text, patch, named) in [
        ("{}", r#"{"op":"remove","path":"/a"}"#, "remove /a"),
        ("{}", r#"{"op":"replace","path":"/a","value":1}"#, "replace /a"),
        ("{}", r#"{"op":"test","path":"/a","value":null}"#, "test /a"),
        (r#"{"b":1}"#, r#"{"op":"copy","from":"/a","path":"/b"}"#, "copy /a"),
        (r#"{"b":1}"#, r#"{"op":"move","from":"/a","path":"/a"}"#, "move /a"),
        ("[1]", r#"{"op":"remove","path":"/-"}"#, "remove /-"),
        ("[1]", r#"{"op":"remove","path":"/00"}"#, "remove /00"),
        ("[1]", r#"{"op":"remove","path":"/+0"}"#, "remove /+0"),
        ("[1]", r#"{"op":"replace","path":"/-","value":1}"#, "replace /-"),
        ("[1]", r#"{"op":"test","path":"/-","value":1}"#, "test /-"),
        ("[1]", r#"{"op":"copy","from":"/-","path":"/0"}"#, "copy /-"),
        ("[1]", r#"{"op":"add","path":"/2","value":1}"#, "add /2"),
        (
            "[1]",
            r#"{"op":"remove","path":"/99999999999999999999999"}"#,
            "remove /99999999999999999999999",
        ),
    ] {
        let error = apply(text, &format!("[{patch}]")).expect_err(patch);
        assert!(matches!(error, PatchError::PathMissing { .. }), "{error}");
        let expected = format!("operation 0 ({named}): the document has no such place");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_missing_on_the_way_to_a_place_is_named() {
    for (text, patch, message) in [
        ("{}", r#"{"op":"add","path":"/a/b","value":1}"#, "(add /a/b): /a is not there"),
        ("{}", r#"{"op":"test","path":"/~1/ü/c","value":1}"#, "(test /~1/ü/c): /~1 is not there"),
        (
            r#"{"a":{}}"#,
            r#"{"op":"replace","path":"/a/ü/c/d","value":1}"#,
            "(replace /a/ü/c/d): /a/ü is not there",
        ),
        ("[1]", r#"{"op":"add","path":"/-/a","value":1}"#, "(add /-/a): /- is not there"),
        (
            r#"{"b":1}"#,
            r#"{"op":"move","from":"/b","path":"/c/d"}"#,
            "(move /c/d): /c is not there",
        ),
        (
            r#"{"b":1}"#,
            r#"{"op":"copy","from":"/a/b","path":"/b"}"#,
            "(copy /a/b): /a is not there",
        ),
        (
            r#"{"a":1}"#,
            r#"{"op":"add","path":"/a/b","value":1}"#,
            "(add /a/b): the value at /a is not an object or array",
        ),
        (
            r#"{"a":["x"]}"#,
            r#"{"op":"remove","path":"/a/0/b/c"}"#,
            "(remove /a/0/b/c): the value at /a/0 is not an object or array",
        ),
        (
            "null",
            r#"{"op":"add","path":"/a","value":1}"#,
            "(add /a): the whole document is not an object or array",
        ),
    ] {
        let error = apply(text, &format!("[{patch}]")).expect_err(patch);
        assert!(matches!(error, PatchError::PathMissing { .. }), "{error}");
        assert_eq!(error.to_string(), format!("operation 0 {message}"));
    }
    let path = "/a".repeat(DEPTH_MAX);
    let error = apply("{}", &json!([{"op": "remove", "path": path}]).to_string());
    assert!(error.expect_err("nothing there").to_string().ends_with("): /a is not there"));
    let path = format!("/{}/b", "a".repeat(300));
    let error = apply("{}", &json!([{"op": "remove", "path": path}]).to_string());
    let message = error.expect_err("nothing there").to_string();
    assert!(message.ends_with("aa… is not there"), "{message}");
    assert!(message.len() <= PROBLEM_DETAIL_BYTES_MAX, "{message}");
}

#[test]
fn a_failed_test_is_named_with_its_operation() {
    let patch = r#"[{"op":"add","path":"/a","value":1},{"op":"test","path":"/a","value":2}]"#;
    let error = apply("{}", patch).expect_err("1 is not 2");
    let step = PatchStep::Operation { index: 1, op: "test", pointer: "/a".into() };
    assert_eq!(error, PatchError::TestFailed { step, found: "1".into() });
    let text = "operation 1 (test /a): the value there is not equal to the one given; it is 1";
    assert_eq!(error.to_string(), text);
    let long = "ü".repeat(300);
    let patch = format!(r#"[{{"op":"remove","path":"/{long}"}}]"#);
    let error = apply("{}", &patch).expect_err("it is not there");
    let expected =
        format!("operation 0 (remove /{}…): the document has no such place", "ü".repeat(99));
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_failed_test_shows_what_is_there_and_not_too_much_of_it() {
    let found = |there: &Value| {
        let error = apply(&there.to_string(), r#"[{"op":"test","path":"","value":[0]}]"#);
        let Err(PatchError::TestFailed { found, .. }) = error else {
            panic!("{error:?}");
        };
        found
    };
    assert_eq!(found(&json!({"z": [1, null], "a": "ü"})), r#"{"z":[1,null],"a":"ü"}"#);
    assert_eq!(found(&json!("x".repeat(58))), format!("\"{}\"", "x".repeat(58)));
    assert_eq!(found(&json!("x".repeat(59))), format!("\"{}…", "x".repeat(59)));
    for padding in 0..4 {
        let text = "x".repeat(padding) + &"😀".repeat(200_000);
        let expected: String = text.chars().take(59).collect();
        assert_eq!(found(&json!(text)), format!("\"{expected}…"));
    }
    assert_eq!(found(&json!(vec![1; 400_000])), format!("[{}1…", "1,".repeat(29)));

    let path = format!("/{}", "a".repeat(300));
    let there = json!({"a".repeat(300): "😀".repeat(100)}).to_string();
    let error = apply(&there, &json!([{"op": "test", "path": path, "value": 1}]).to_string());
    let message = error.expect_err("not equal").to_string();
    assert!(message.ends_with("😀…"), "{message}");
    assert!(message.chars().count() <= 300, "{message}");
}

#[test]
fn what_is_no_patch_is_refused_with_the_operation() {
    for (patch, message) in [
        ("{}", "a patch is an array of operations"),
        ("[1]", "operation 0 is not an object"),
        (r#"[{"op":"test","path":"","value":0},{}]"#, r#"operation 1 has no "op""#),
        (r#"[{"op":1}]"#, r#"operation 0: "op" has to be a string"#),
        (
            r#"[{"op":"Add","path":"","value":0}]"#,
            "operation 0: \"Add\" is not an operation; there are add, remove, replace, move, copy \
             and test",
        ),
        (r#"[{"op":"add","path":""}]"#, r#"operation 0 has no "value""#),
        (r#"[{"op":"copy","path":""}]"#, r#"operation 0 has no "from""#),
        (r#"[{"op":"remove"}]"#, r#"operation 0 has no "path""#),
        (r#"[{"op":"remove","path":null}]"#, r#"operation 0: "path" has to be a string"#),
        (
            r#"[{"op":"remove","path":"a"}]"#,
            "operation 0: \"path\" is \"a\", which is no JSON Pointer: it has to be empty or \
             begin with '/'",
        ),
        (
            r#"[{"op":"move","path":"/a","from":"/~2"}]"#,
            "operation 0: \"from\" is \"/~2\", which is no JSON Pointer: a '~' has to be followed \
             by '0' or '1'",
        ),
        (
            r#"[{"op":"move","from":"/a","path":"/a/b"}]"#,
            "operation 0: a value cannot be moved into itself",
        ),
        (
            r#"[{"op":"move","from":"","path":"/b"}]"#,
            "operation 0: a value cannot be moved into itself",
        ),
        (
            r#"[{"op":"remove","path":""}]"#,
            "operation 0: a patch cannot remove the whole document; delete the entity or replace \
             its value",
        ),
    ] {
        let error = JsonPatch::parse(patch.as_bytes()).expect_err(patch);
        assert_eq!(error.to_string(), message);
    }
    let error = JsonPatch::parse(br#"[{"op":"add","op":"remove","path":"/a"}]"#);
    assert!(matches!(error, Err(PatchParseError::Json(DocumentError::DuplicateKey { .. }))));
}

#[test]
fn a_patch_that_breaks_a_limit_is_refused() {
    let operations = |count| {
        Value::Array(vec![json!({"op": "test", "path": "", "value": 1}); count]).to_string()
    };
    assert!(JsonPatch::parse(operations(PATCH_OPERATIONS_MAX).as_bytes()).is_ok());
    let (count, limit) = (PATCH_OPERATIONS_MAX + 1, PATCH_OPERATIONS_MAX);
    let refused = JsonPatch::parse(operations(count).as_bytes());
    assert_eq!(refused, Err(PatchParseError::TooManyOperations { count, limit }));

    let remove = |depth| json!([{"op": "remove", "path": "/a".repeat(depth)}]).to_string();
    assert!(JsonPatch::parse(remove(DEPTH_MAX).as_bytes()).is_ok());
    let refused = JsonPatch::parse(remove(DEPTH_MAX + 1).as_bytes());
    let limit = DEPTH_MAX;
    let deep = PatchParseError::PointerTooDeep { index: 0, member: "path", limit };
    assert_eq!(refused, Err(deep));

    let add = |depth| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        format!(r#"[{{"op":"add","path":"","value":{value}}}]"#)
    };
    assert!(JsonPatch::parse(add(DEPTH_MAX).as_bytes()).is_ok());
    let refused = JsonPatch::parse(add(DEPTH_MAX + 1).as_bytes());
    assert_eq!(refused, Err(DocumentError::TooDeep { limit }.into()));

    let text = "x".repeat(PATCH_BYTES_MAX);
    let large = json!([{"op": "add", "path": "", "value": text}]).to_string();
    let (bytes, limit) = (large.len(), PATCH_BYTES_MAX);
    let refused = JsonPatch::parse(large.as_bytes());
    assert_eq!(refused, Err(PatchParseError::TooLarge { bytes, limit }));
}

#[test]
fn a_patch_travels_as_its_text_without_what_means_nothing() {
    let patch = json_patch(
        r#"[ {"path":"/a", "op":"add", "value":{"z":1,"a":1.50}, "why":"?"},
             {"op":"move", "path":"/b", "from":"/a"} ]"#,
    );
    let text = concat!(
        r#"[{"op":"add","path":"/a","value":{"z":1,"a":1.5}},"#,
        r#"{"op":"move","from":"/a","path":"/b"}]"#
    );
    assert_eq!(patch.as_str(), text);
    let bytes = postcard::to_allocvec(&patch).expect("serializes");
    assert_eq!(bytes, postcard::to_allocvec(text).expect("serializes"));
    assert_eq!(postcard::from_bytes(&bytes), Ok(patch.clone()));
    let made = ::json_patch::Patch(patch.operations().to_vec());
    assert_eq!(JsonPatch::try_from(made), Ok(patch));
    let bytes = postcard::to_allocvec("[{}]").expect("serializes");
    assert!(postcard::from_bytes::<JsonPatch>(&bytes).is_err());
}

#[test]
fn copying_cannot_double_a_document_thirty_times() {
    let double = |n| json!({"op": "copy", "from": "", "path": format!("/{n}")});
    let operations: Vec<_> = (0..30).map(double).collect();
    let text = json!({"a": "x".repeat(100)}).to_string();
    let error = apply(&text, &json!(operations).to_string()).expect_err("2^30 times as large");
    let PatchError::TooLarge { step: PatchStep::Operation { index: 13, .. }, bytes, limit } = error
    else {
        panic!("{error}");
    };
    assert!(bytes > limit && limit == DOCUMENT_BYTES_MAX);
}

#[test]
fn a_document_can_grow_to_the_limit_and_not_by_a_byte_more() {
    let value = "x".repeat(DOCUMENT_BYTES_MAX - r#"{"a":"","b":}"#.len() - 1);
    let text = json!({"a": value}).to_string();
    let add = |value| json!([{"op": "add", "path": "/b", "value": value}]).to_string();
    assert_eq!(patched(&text, &add(1)).len(), DOCUMENT_BYTES_MAX);
    let error = apply(&text, &add(10)).expect_err("a byte too many");
    let text = "operation 0 (add /b): the document would have 1048577 bytes and 1048576 are \
                allowed";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_document_cannot_be_nested_too_deep_step_by_step() {
    let depth = DEPTH_MAX / 2;
    let nested = "[".repeat(depth) + &"]".repeat(depth);
    let path = "/0".repeat(depth - 1) + "/-";
    let copy = json!([{"op": "copy", "from": "", "path": path}]).to_string();
    assert_eq!(patched(&nested, &copy).len(), 2 * DEPTH_MAX);
    let path = "/0".repeat(depth) + "/-";
    let twice = json!([{"op": "add", "path": path.replacen("/0", "", 1), "value": []},
        {"op": "copy", "from": "", "path": path}]);
    let error = apply(&nested, &twice.to_string()).expect_err("one level too deep");
    assert!(matches!(error, PatchError::TooDeep { .. }), "{error}");
    assert!(error.to_string().ends_with("the document would nest deeper than 100 levels"));
}

#[test]
fn a_thousand_cheap_operations_are_allowed_and_a_thousand_dear_ones_are_not() {
    let elements = json!(vec![0; 400_000]).to_string();
    let at_the_end =
        json!([{"op": "remove", "path": "/399999"}, {"op": "add", "path": "/-", "value": 1}]);
    let cheap: Vec<_> =
        (0..500).flat_map(|_| at_the_end.as_array().expect("two").clone()).collect();
    assert!(apply(&elements, &json!(cheap).to_string()).is_ok());
    let dear = vec![json!({"op": "remove", "path": "/0"}); 1000];
    let error = apply(&elements, &json!(dear).to_string()).expect_err("too much to move");
    assert!(matches!(error, PatchError::TooMuchWork { .. }), "{error}");

    let members: Map<_, _> = (0..60_000).map(|n| (n.to_string(), json!(n))).collect();
    let dear: Vec<_> =
        (0..1000).map(|n| json!({"op": "remove", "path": format!("/{n}")})).collect();
    let error = apply(&json!(members).to_string(), &json!(dear).to_string());
    assert!(matches!(error, Err(PatchError::TooMuchWork { .. })));
}

pub(super) fn json_patch(text: &str) -> JsonPatch {
    JsonPatch::parse(text.as_bytes()).expect("a patch")
}

fn apply(text: &str, patch: &str) -> Result<Document, PatchError> {
    let document = Document::parse(text.as_bytes()).expect("a document");
    let value = json_patch(patch).apply(document.to_value().expect("JSON"))?;
    Ok(Document::from_value(&value).expect("a patched document keeps the bounds"))
}

fn patched(text: &str, patch: &str) -> String {
    apply(text, patch).expect("applies").to_string()
}
