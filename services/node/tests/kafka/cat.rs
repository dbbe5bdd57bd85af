//! `tidelog cat` and the change stream on a broker.

use serde_json::{Value, json};

use crate::{
    node::Node,
    tool::{new_prefix, tidelog},
};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const FLAGS: [&str; 5] = ["--partitions", "1", "--create-topics", "--change-stream", "--log=error"];

#[test]
fn outsiders_read_keys_headers_and_changes_of_which_none_is_lost_or_doubled_by_a_crash() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let (brokers, prefix) = (broker.addresses(), new_prefix());
    let store = tempfile::tempdir().expect("a folder");
    let cat = |words: &[&str]| tidelog(brokers, &prefix, &[&["cat"], words].concat());

    let node = Node::start(brokers, &prefix, store.path(), &FLAGS);
    node.provision("shop");
    let path = |n: u32| format!("/v1/entities/shop/orders/eu/{n}");
    assert_eq!(node.put(&path(0), r#"{"n":0}"#, &[("traceparent", TRACE)]), 201);
    for n in 1..20 {
        assert_eq!(node.put(&path(n), "{}", &[]), 201);
    }
    // As `kill -9` does: whatever was under way is taken up again.
    drop(node);
    let node = Node::start(brokers, &prefix, store.path(), &FLAGS);
    assert_eq!(node.delete(&path(0)), 204);

    let events = cat(&["entity-changes", "--follow", "--count", "21"]).well().json();
    drop(node);
    let all = cat(&["entity-changes"]).well().json();
    assert_eq!(all.len(), 21, "each change has one event");
    assert_eq!(events, all);
    let told = |event: &Value| {
        let event = &event["payload"];
        json!([event["op"], event["before"], event["after"], event["source"]["revision"]])
    };
    assert_eq!(told(&all[0]), json!(["c", null, {"n":0}, 1]));
    assert_eq!(told(&all[20]), json!(["d", {"n":0}, null, 2]));
    assert_eq!(all[0]["headers"]["content-type"], "application/json");

    let mut requests = Vec::new();
    for topic in ["entity-patches", "entity-updates", "partial-responses", "entity-changes"] {
        let records = cat(&[topic]).well().json();
        let is_first = |it: &&Value| it["headers"]["traceparent"] == TRACE;
        let first: Vec<_> = records.iter().filter(is_first).collect();
        let [first] = first[..] else { panic!("{topic}: {records:?}") };
        requests.push(first["headers"]["request-id"].as_str().expect("a request").to_owned());
        if topic != "partial-responses" {
            assert_eq!(first["key"], "shop/orders/eu/0", "{topic}");
        }
        if topic != "entity-changes" {
            assert_eq!(first["headers"]["content-type"], "application/vnd.tidelog+postcard");
        }
    }
    requests.dedup();
    assert_eq!(requests.len(), 1, "all of it belongs to one request: {requests:?}");

    let changelog = cat(&["entity-storage-changelog"]).well().json();
    let row = json!({ "revision": 1, "document": {} });
    let is_row = |it: &&Value| it["table"] == "Entities" && it["key"] == "shop/orders/eu/1";
    let found = changelog.iter().find(is_row).expect("the row of an entity");
    assert_eq!(found["payload"], row, "{found}");
    assert!(changelog.iter().all(|it| it["reason"].is_null()), "{changelog:?}");
    assert!(changelog.iter().any(|it| it["payload"]["positions"]["entity-patches"].is_u64()));
    let some = cat(&["entity-updates", "--from", "3", "--count", "2"]).well().json();
    assert_eq!(some.len(), 2);
    assert!(some.iter().all(|it| it["offset"].as_u64().is_some_and(|offset| offset >= 3)));
    assert_eq!(cat(&["entity-updates", "--partition", "7"]).code, Some(2));
}
