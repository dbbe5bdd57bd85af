//! Zones and devices on a broker: what changed is told once and without gaps, also after a crash.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{node::Node, tool::new_prefix};

const FLAGS: [&str; 3] = ["--partitions=2", "--create-topics", "--log=error"];
const FEED: &str = "/v1/zones/shop/orders/eu/changes";
const SUBSCRIPTION: &str = "/v1/entities/shop/$zoneSubscription/phone/1";
const NOTIFICATIONS: &str = "/v1/devices/phone/notifications";

#[test]
fn readers_and_devices_miss_nothing_whatever_crashes() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let (brokers, prefix) = (broker.addresses(), new_prefix());
    let store = tempfile::tempdir().expect("a folder");
    let node = Node::start(brokers, &prefix, store.path(), &FLAGS);
    node.provision("shop");
    let connect = || node.put("/v1/users/ann/devices/phone", r#"{"databases":["shop"]}"#, &[]);
    assert_eq!(patiently(connect), 201);
    let subscription = r#"{"collection":"shop/orders"}"#;
    assert_eq!(patiently(|| node.put(SUBSCRIPTION, subscription, &[])), 201);
    let mut writes = 0;
    eventually("the subscription begins", || {
        write(&node, 0);
        writes += 1;
        get(&node, NOTIFICATIONS)["last"].as_u64() > Some(0)
    });
    let half = get(&node, &format!("{FEED}?wait=30"));
    let mut seen = sequences(&half);
    for n in 1..=30 {
        write(&node, n);
        writes += 1;
    }
    drop(node);

    // As `kill -9` does, and on a machine that has nothing of what was there.
    let another = tempfile::tempdir().expect("a folder");
    let node = Node::start(brokers, &prefix, another.path(), &FLAGS);
    node.provision("shop");
    let mut token = half["next"].as_str().expect("a token").to_owned();
    while seen.len() < writes {
        let page = get(&node, &format!("{FEED}?since={token}&limit=7&wait=30"));
        seen.extend(sequences(&page));
        token = page["next"].as_str().expect("a token").to_owned();
    }
    assert_eq!(seen, (1..=writes as u64).collect::<Vec<_>>());
    let mut told = Value::Null;
    eventually("all of it is told", || {
        told = get(&node, NOTIFICATIONS);
        told["zones"][0]["last"] == writes
    });
    let first = told["zones"][0]["first"].as_u64().expect("a number");
    assert_eq!(told["last"], writes as u64 + 1 - first, "each is told once");
    let devices = get(&node, "/v1/users/ann/devices");
    assert_eq!(devices["devices"][0]["device"], "phone");
    assert_eq!(patiently(|| node.delete("/v1/users/ann/devices/phone")), 204);
    eventually("its subscription goes", || node.get(SUBSCRIPTION).is_none());
    eventually("what it has not read goes", || get(&node, NOTIFICATIONS)["zones"] == json!([]));
}

fn write(node: &Node, n: u32) {
    let path = format!("/v1/entities/shop/orders/eu/{n}");
    assert!(matches!(patiently(|| node.put(&path, "1", &[])), 200 | 201));
}

/// Reads JSON, as soon as the node can answer.
fn get(node: &Node, path: &str) -> Value {
    let mut found = None;
    eventually(path, || {
        found = node.get(path);
        found.is_some()
    });
    found.expect("it was found")
}

fn sequences(page: &Value) -> Vec<u64> {
    let changes = page["changes"].as_array().expect("a list").iter();
    changes.map(|change| change["sequence"].as_u64().expect("a number")).collect()
}

/// Asks until the node has what it takes for an answer.
fn patiently(ask: impl Fn() -> u16) -> u16 {
    let mut status = 503;
    eventually("an answer", || {
        status = ask();
        !matches!(status, 503 | 504)
    });
    status
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        sleep(Duration::from_millis(50));
    }
}
