//! Stores of nodes that are of no use any more.

use std::{fs, path::Path, thread::sleep, time::Duration};

use pollster::block_on;
use rdkafka::{ClientConfig, admin::AdminClient, client::DefaultClientContext};
use tidelog_core::Topic;

use crate::{
    node::Node,
    tool::{new_prefix, tidelog},
};

const FLAGS: [&str; 3] = ["--partitions=2", "--create-topics", "--log=warn"];
const DOCUMENT: &str = "/v1/entities/shop/orders/eu/1";

/// Somebody has deleted the topics, and the node makes them again: what it remembers is of no log that there is.
#[test]
fn a_node_whose_topics_were_made_anew_begins_anew_and_says_so() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let (brokers, prefix) = (broker.addresses(), new_prefix());
    let folder = tempfile::tempdir().expect("a folder");
    let (store, log) = (folder.path().join("node"), folder.path().join("log"));
    let node = Node::start(brokers, &prefix, &store, &FLAGS);
    node.provision("shop");
    for _ in 0..3 {
        assert!(matches!(node.put(DOCUMENT, "1", &[]), 200 | 201));
    }
    node.stop();
    delete_topics(brokers, &prefix);

    let node = Node::start_logging(brokers, &prefix, &store, &FLAGS, &log);
    node.provision("shop");
    assert_eq!(node.get(DOCUMENT), None);
    assert_eq!(node.put(DOCUMENT, "2", &[]), 201);
    let log = read(&log);
    let told = log.lines().find(|line| line.contains("the task's tables are rebuilt"));
    assert!(told.is_some_and(|line| line.contains("they are of another log")), "{log}");
    let metrics = node.text("/metrics");
    let counted = r#"tidelog_tables_rebuilt_total{service="entity-storage",why="of-another-log"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}

/// Deletes everything that an installation has on the broker, and waits until it is gone.
fn delete_topics(brokers: &str, prefix: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let names: Vec<_> = Topic::all().map(|topic| format!("{prefix}{topic}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    block_on(admin.delete_topics(&names, &Default::default())).expect("an answer");
    let differ = |words: &[&str]| tidelog(brokers, prefix, words).json();
    let is_missing = |it: &serde_json::Value| it["differences"][0]["kind"] == "missing";
    while !differ(&["topics", "check", "--partitions=2", "--json"]).iter().all(is_missing) {
        sleep(Duration::from_millis(50));
    }
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).expect("it is there")
}
