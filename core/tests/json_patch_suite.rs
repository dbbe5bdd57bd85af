//! The official test suite of JSON Patch: <https://github.com/json-patch/json-patch-tests>.

use serde_json::{Map, Value};
use tidelog_core::document::{Document, DocumentError};
use tidelog_core::patch::{JsonPatch, PatchParseError};

#[test]
fn every_enabled_case_of_the_suite_comes_out_as_it_should() {
    let tests = run(include_str!("data/json-patch-test-suite/tests.json"));
    let spec_tests = run(include_str!("data/json-patch-test-suite/spec_tests.json"));
    println!("json-patch-test-suite: {tests} cases of tests.json, {spec_tests} of spec_tests.json");
    assert_eq!((tests, spec_tests), (TESTS, SPEC_TESTS));
}

/// The suite switches these off because parsers and implementations may differ there.
#[test]
fn the_disabled_cases_come_out_as_they_should_too() {
    let value = |text: &str| {
        Document::parse(text.as_bytes()).expect("a document").to_value().expect("JSON")
    };
    let scalar = br#"[{"op": "replace", "path": "", "value": "bar"}]"#;
    let patch = JsonPatch::parse(scalar).expect("a patch");
    assert_eq!(patch.apply(value(r#""foo""#)), Ok(value(r#""bar""#)));

    let whole = br#"[{"op": "test", "path": "", "value": {"foo": 1}}]"#;
    let patch = JsonPatch::parse(whole).expect("a patch");
    assert_eq!(patch.apply(value(r#"{ "foo": 1 }"#)), Ok(value(r#"{"foo":1}"#)));

    for twice in [
        r#"[ { "op": "add", "path": "/baz", "value": "qux", "op": "move", "from":"/foo" } ]"#,
        r#"[ { "op": "add", "path": "/baz", "value": "qux", "op": "remove" } ]"#,
    ] {
        let refused = JsonPatch::parse(twice.as_bytes());
        let Err(PatchParseError::Json(DocumentError::DuplicateKey { key, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(key, "op");
    }
}

/// Runs the enabled cases of a file and says how many there were.
fn run(file: &str) -> usize {
    // Lenient, as the cases that are about a key standing twice are disabled.
    let cases: Vec<Map<String, Value>> = serde_json::from_str(file).expect("the suite is JSON");
    let enabled = |case: &&Map<_, _>| {
        case.contains_key("patch") && case.get("disabled") != Some(&Value::Bool(true))
    };
    cases.iter().filter(enabled).map(run_case).count()
}

fn run_case(case: &Map<String, Value>) {
    let name = Value::Object(case.clone());
    let document = Document::parse(case["doc"].to_string().as_bytes()).expect("a document");
    let outcome = JsonPatch::parse(case["patch"].to_string().as_bytes())
        .map_err(|error| error.to_string())
        .and_then(|patch| {
            patch.apply(document.to_value().expect("JSON")).map_err(|error| error.to_string())
        });
    match (case.get("expected"), case.contains_key("error"), outcome) {
        // Objects are equal here whatever the order of their keys, which the suite wants.
        (Some(expected), _, Ok(value)) => assert_eq!(&value, expected, "{name}"),
        (None, true, Err(_)) => {}
        // A case without a result is one of a test that succeeds, which changes nothing.
        (None, false, Ok(value)) => assert_eq!(value, case["doc"], "{name}"),
        (_, _, outcome) => panic!("{name}: {outcome:?}"),
    }
}

const TESTS: usize = 75;
const SPEC_TESTS: usize = 16;
