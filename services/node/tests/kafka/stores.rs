//! Stores of nodes that are of no use any more.

use std::{
    fs,
    io::Write,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use pollster::block_on;
use rdkafka::{ClientConfig, admin::AdminClient, client::DefaultClientContext};
use tidelog_core::Topic;

use crate::{
    node::{Node, READY_WITHIN},
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

/// While it runs, and before it starts: the node goes on with what the log has.
#[test]
fn a_node_whose_store_is_damaged_rebuilds_it_and_says_so() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let (brokers, prefix) = (broker.addresses(), new_prefix());
    let folder = tempfile::tempdir().expect("a folder");
    let (data, log) = (folder.path().join("node"), folder.path().join("log"));
    let node = Node::start_logging(brokers, &prefix, &data, &FLAGS, &log);
    node.provision("shop");
    let document = |n: usize| format!("/v1/entities/shop/orders/eu/{n}");
    let content = format!("{:?}", "x".repeat(100_000));
    let database = data.join("store/keyspaces/1");
    let mut documents = 0;
    // Its manifest is written when the table is.
    while !database.join("v1").is_file() {
        documents += 1;
        assert!(matches!(node.put(&document(documents), &content, &[]), 200 | 201));
        assert!(documents < 1_000, "the database makes no table");
    }
    wipe(&database.join("tables/0"));
    for n in 1..=documents {
        read_again(&node, &document(n));
    }
    assert!(matches!(node.put(&document(1), "1", &[]), 200 | 201));
    assert_told(&node, &log);
    assert!(data.join("store.damaged").is_dir());
    node.stop();

    fs::write(data.join("store/version"), "torn").expect("a good disk");
    let node = Node::start_logging(brokers, &prefix, &data, &FLAGS, &log);
    assert_eq!(read_again(&node, &document(1)), 1);
    assert_eq!(fs::read(data.join("store.damaged/version")).expect("it was kept"), b"torn");
    assert_told(&node, &log);

    // It is in use, and not damaged: whoever comes second has to go.
    let data = data.to_str().expect("a path of text");
    let second = tidelog(brokers, &prefix, &["serve", "--listen=127.0.0.1:0", "--data", data]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains("is in use by another process"), "{}", second.err);
    assert_eq!(read_again(&node, &document(1)), 1);
}

fn assert_told(node: &Node, log: &Path) {
    let log = read(log);
    assert!(log.contains("the store is damaged: it was set aside"), "{log}");
    let metrics = node.text("/metrics");
    let counted = r#"tidelog_tables_rebuilt_total{service="entity-storage",why="damaged"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}

/// Reads a document that is there, as soon as the node can.
fn read_again(node: &Node, document: &str) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        match node.get(document) {
            Some(found) => return found,
            None if begun.elapsed() < READY_WITHIN => sleep(Duration::from_millis(50)),
            None => panic!("{document} is gone"),
        }
    }
}

/// Wipes out most blocks of a table, while somebody has it open.
fn wipe(table: &Path) {
    let mut file = fs::OpenOptions::new().write(true).open(table).expect("it is there");
    let written = file.metadata().expect("a file").len();
    let zeros = vec![0; usize::try_from(written * 3 / 4).expect("a small file")];
    file.write_all(&zeros).expect("a good disk");
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
