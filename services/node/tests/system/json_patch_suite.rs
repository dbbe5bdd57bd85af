//! The official JSON Patch suite over HTTP.

use serde_json::Value;

use crate::node::{Node, repository};

#[test]
fn every_case_of_the_json_patch_suite_passes_over_http() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("suite");
    let mut ran = 0;
    for file in ["tests.json", "spec_tests.json"] {
        let path = repository("core/tests/data/json-patch-test-suite").join(file);
        let text = std::fs::read_to_string(path).expect("the suite is in the repository");
        let cases: Vec<Value> = serde_json::from_str(&text).expect("the suite is JSON");
        for (number, case) in cases.iter().enumerate() {
            if case.get("patch").is_none() || case["disabled"] == true {
                continue;
            }
            ran += 1;
            let path = format!("/v1/entities/suite/{file}/cases/{number}");
            let put = http.put(&path, &case["doc"].to_string());
            assert_eq!(put.status, 201, "{case}");
            let patch = case["patch"].to_string();
            let reply = http.patch(&path, "application/json-patch+json", &patch);
            let after = http.get(&path);
            if let Some(expected) = case.get("expected") {
                assert_eq!(reply.status, 200, "{case}: {}", reply.text());
                assert_eq!(&reply.json(), expected, "{case}");
                assert_eq!(&after.json(), expected, "{case}");
                assert_eq!(after.header("etag"), Some("\"2\""), "{case}");
            } else if case.get("error").is_some() {
                assert!(matches!(reply.status, 400 | 409 | 422), "{case}: {}", reply.text());
                assert_eq!(after.json(), case["doc"], "{case}");
                assert_eq!(after.header("etag"), Some("\"1\""), "{case}");
            } else {
                assert_eq!(reply.status, 200, "{case}: {}", reply.text());
            }
        }
    }
    assert!(ran >= 91, "only {ran} cases ran");
}
