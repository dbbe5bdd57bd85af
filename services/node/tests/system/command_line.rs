//! The client commands against a running node.

use std::process::Stdio;

use serde_json::json;

use crate::node::{Node, json_of, tidelog};

#[test]
fn entities_are_put_read_patched_listed_and_deleted_from_the_command_line() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let refused = node.run(&["put", "shop/orders/eu/42", r#"{"n":1}"#]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("tidelog provision shop"), "{words}");

    node.ok(&["provision", "shop"]);
    node.ok(&["put", "shop/orders/eu/42", r#"{"n":1}"#]);
    assert_eq!(json_of(&node.ok(&["get", "shop/orders/eu/42"])), json!({"n":1}));
    node.ok(&["patch", "shop/orders/eu/42", r#"{"m":2}"#]);
    node.ok(&["put", "shop/orders/7", "[7]"]);
    assert_eq!(json_of(&node.ok(&["get", "shop/orders/default/7"])), json!([7]));
    let list = node.ok(&["list", "shop/orders", "--json"]);
    assert!(list.contains("shop/orders/eu/42") && list.contains("shop/orders/default/7"), "{list}");
    node.ok(&["delete", "shop/orders/eu/42"]);
    assert_eq!(node.run(&["get", "shop/orders/eu/42"]).status.code(), Some(1));
    assert_eq!(node.run(&["get", "not an id"]).status.code(), Some(2));
}

#[test]
fn a_document_comes_from_a_file_or_from_standard_input() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    node.ok(&["provision", "shop"]);
    let file = data.path().join("document.json");
    std::fs::write(&file, r#"{"from":"file"}"#).expect("a file can be written");
    node.ok(&["put", "shop/orders/eu/1", &format!("@{}", file.display())]);
    assert_eq!(json_of(&node.ok(&["get", "shop/orders/eu/1"])), json!({"from":"file"}));
    let put = tidelog()
        .args(["put", "shop/orders/eu/2", "-"])
        .env("TIDELOG_URL", node.url())
        .stdin(std::fs::File::open(&file).expect("the file is there"))
        .stdout(Stdio::null())
        .status();
    assert!(put.expect("the binary runs").success());
    assert_eq!(json_of(&node.ok(&["get", "shop/orders/eu/2"])), json!({"from":"file"}));
}
