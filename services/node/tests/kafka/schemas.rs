//! Schemas on a broker: learned, stated, and all there after a crash.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{node::Node, tool::new_prefix};

const FLAGS: [&str; 5] = [
    "--partitions=2",
    "--create-topics",
    "--schema-interval=50ms",
    "--usage-interval=100ms",
    "--log=error",
];
const SCHEMA: &str = "/v1/collections/shop/orders/schema";

#[test]
fn schemas_are_learned_from_each_document_once_whatever_crashes() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let (brokers, prefix) = (broker.addresses(), new_prefix());
    let store = tempfile::tempdir().expect("a folder");
    let node = Node::start(brokers, &prefix, store.path(), &FLAGS);
    node.provision("shop");
    let path = |n: u32| format!("/v1/entities/shop/orders/eu/{n}");
    for n in 0..40 {
        let document = if n % 4 == 0 { json!({"n":n,"vip":true}) } else { json!({"n":n}) };
        assert_eq!(node.put(&path(n), &document.to_string(), &[]), 201);
    }
    let pin = json!({"properties":{"n":{"maximum":1000}}});
    assert!(matches!(node.put(SCHEMA, &pin.to_string(), &[]), 200 | 201));
    let schema = learned(&node, 40);
    assert_eq!(schema["properties"]["n"]["type"], "integer");
    assert_eq!(schema["properties"]["n"]["maximum"], 1000, "what users state wins");
    assert_eq!(schema["properties"]["vip"]["x-tidelog"]["usage"], 0.25);
    assert_eq!(schema["required"], json!(["n"]));
    // As `kill -9` does: what was under way is taken up again, and nothing is counted twice.
    for n in 40..60 {
        assert_eq!(node.put(&path(n), r#"{"n":0}"#, &[]), 201);
    }
    drop(node);
    let another = tempfile::tempdir().expect("a folder");
    let node = Node::start(brokers, &prefix, another.path(), &FLAGS);
    node.provision("shop");
    learned(&node, 60);
    assert!(matches!(patiently(|| node.delete(&path(0))), 204 | 404));
    let schema = learned(&node, 59);
    assert_eq!(schema["properties"]["vip"]["x-tidelog"]["count"], 9);
    assert_eq!(schema["properties"]["n"]["maximum"], 1000);
    let switch = format!("{SCHEMA}/learning");
    assert_eq!(patiently(|| node.put(&switch, r#"{"learning":false}"#, &[])), 200);
    assert!(matches!(patiently(|| node.put(&path(100), "{}", &[])), 200 | 201));
    assert_eq!(patiently(|| node.put(&switch, r#"{"learning":true}"#, &[])), 200);
    let schema = learned(&node, 60);
    assert_eq!(schema.get("required"), None);
}

/// Asks until the node has what it takes for an answer.
fn patiently(ask: impl Fn() -> u16) -> u16 {
    let begun = Instant::now();
    loop {
        match ask() {
            503 | 504 if begun.elapsed() < Duration::from_secs(60) => {
                sleep(Duration::from_millis(50));
            }
            status => return status,
        }
    }
}

/// The schema, once so many documents are counted in it.
fn learned(node: &Node, documents: u64) -> Value {
    let begun = Instant::now();
    loop {
        let schema = node.get(SCHEMA);
        match &schema {
            Some(schema) if schema["x-tidelog"]["count"] == documents => return schema.clone(),
            _ if begun.elapsed() > Duration::from_secs(60) => panic!("not {documents}: {schema:?}"),
            _ => sleep(Duration::from_millis(50)),
        }
    }
}
