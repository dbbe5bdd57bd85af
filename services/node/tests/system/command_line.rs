//! The client commands against a running node.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::node::{Node, tidelog};

#[test]
fn entities_are_put_read_patched_listed_and_deleted_from_the_command_line() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let refused = node.run(&["put", "shop/orders/eu/42", r#"{"n":1}"#]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("tidelog provision shop"), "{words}");

    ok(&node, &["provision", "shop"]);
    ok(&node, &["put", "shop/orders/eu/42", r#"{"n":1}"#]);
    assert_eq!(json_of(&ok(&node, &["get", "shop/orders/eu/42"])), json!({"n":1}));
    ok(&node, &["patch", "shop/orders/eu/42", r#"{"m":2}"#]);
    ok(&node, &["put", "shop/orders/7", "[7]"]);
    assert_eq!(json_of(&ok(&node, &["get", "shop/orders/default/7"])), json!([7]));
    let list = ok(&node, &["list", "shop/orders", "--json"]);
    assert!(list.contains("shop/orders/eu/42") && list.contains("shop/orders/default/7"), "{list}");
    ok(&node, &["delete", "shop/orders/eu/42"]);
    assert_eq!(node.run(&["get", "shop/orders/eu/42"]).status.code(), Some(1));
    assert_eq!(node.run(&["get", "not an id"]).status.code(), Some(2));
}

#[test]
fn a_document_comes_from_a_file_or_from_standard_input() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    ok(&node, &["provision", "shop"]);
    let file = data.path().join("document.json");
    std::fs::write(&file, r#"{"from":"file"}"#).expect("a file can be written");
    ok(&node, &["put", "shop/orders/eu/1", &format!("@{}", file.display())]);
    assert_eq!(json_of(&ok(&node, &["get", "shop/orders/eu/1"])), json!({"from":"file"}));
    let put = tidelog()
        .args(["put", "shop/orders/eu/2", "-"])
        .env("TIDELOG_URL", node.url())
        .stdin(std::fs::File::open(&file).expect("the file is there"))
        .stdout(Stdio::null())
        .status();
    assert!(put.expect("the binary runs").success());
    assert_eq!(json_of(&ok(&node, &["get", "shop/orders/eu/2"])), json!({"from":"file"}));
}

fn ok(node: &Node, arguments: &[&str]) -> String {
    let output = node.run(arguments);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {words}");
    String::from_utf8(output.stdout).expect("text")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
