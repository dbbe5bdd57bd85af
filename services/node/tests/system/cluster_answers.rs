//! What a node of a cluster says of itself, and of what it has not seen.

use std::{path::Path, thread, time::Duration};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::json;
use tidelog_test_broker::shared;

use crate::{
    cluster::{Process, cluster, free_address, prefix, start, wait_until},
    http::Http,
};

/// The services of a node that is told nothing else.
const SERVICES: [&str; 4] =
    ["entity-batch", "entity-storage", "response-accumulator", "schema-storage"];

/// A load balancer that sends requests as soon as `/readyz` says yes sends none too early: every service
/// has its partitions by then, and they are restored.
#[test]
fn a_node_is_not_ready_before_its_services_have_their_partitions() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (brokers, prefix) = (broker.addresses(), prefix());
    let data = folder.path().join("node");
    // Makes the topics.
    assert!(start(brokers, &prefix, &data).stop().success());
    let other = member_of(brokers, &format!("{prefix}entity-storage"), &prefix);
    let (_node, http) = start_unready(brokers, &prefix, &data);
    // The group waits for its member, who does not look.
    let waits = json!([{
        "service": "entity-storage",
        "reason": "it has not heard from its group yet which partitions are this node's",
    }]);
    let tells = || {
        let reply = http.get("/readyz");
        (reply.status == 503).then(|| reply.json()["tasks"].clone())
    };
    wait_until(|| tells().as_ref() == Some(&waits));
    for _ in 0..20 {
        assert_eq!(tells().as_ref(), Some(&waits));
        thread::sleep(Duration::from_millis(50));
    }
    drop(other);
    wait_until(|| http.get("/readyz").status == 200);
    let metrics = http.get("/metrics").text();
    for service in SERVICES {
        let line = format!("tidelog_tasks{{service=\"{service}\"}} 4");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("tidelog_restore_records_total{"), "{metrics}");
}

/// A member of a group that has all of its partitions.
fn member_of(brokers: &str, group: &str, prefix: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "200")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[&format!("{prefix}entity-patches")]).expect("a topic");
    wait_until(|| {
        drop(consumer.poll(Duration::from_millis(50)));
        consumer.assignment().is_ok_and(|all| all.count() == 4)
    });
    consumer
}

/// There may be more nodes than partitions. One that has none is as good as any other: it asks those that
/// have them.
#[test]
fn a_node_that_was_given_no_partition_is_ready() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (brokers, prefix) = (broker.addresses(), prefix());
    let data = |name: &str| folder.path().join(name);
    let nodes = ["a", "b", "c", "d", "e"].map(|name| start(brokers, &prefix, &data(name)));
    for node in &nodes {
        wait_until(|| node.http().get("/readyz").status == 200);
    }
    // There are four partitions.
    let has_none = |node: &&crate::node::Node| {
        !node.http().get("/metrics").text().contains("tidelog_tasks{service=\"entity-storage\"}")
    };
    wait_until(|| nodes.iter().filter(has_none).count() == 1);
    let idle = nodes.iter().find(has_none).expect("one has none");
    wait_until(|| idle.http().get("/readyz").status == 200);
    idle.http().provision("shop");
    assert_eq!(idle.http().put("/v1/entities/shop/orders/eu/1", "1").status, 201);
    assert_eq!(idle.http().get("/v1/entities/shop/orders/eu/1").body, b"1");
}

/// In this home as in the embedded one: no wait brings a record that the log does not have.
#[test]
fn a_position_that_the_log_does_not_have_is_told_at_once() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (brokers, prefix) = (broker.addresses(), prefix());
    let first = start(brokers, &prefix, &folder.path().join("first"));
    let second = start(brokers, &prefix, &folder.path().join("second"));
    first.http().provision("shop");
    let entity = "/v1/entities/shop/orders/eu/1";
    let written = first.http().put(entity, "1");
    let position = written.header("tidelog-position").expect("a position").to_owned();
    let (partition, offset) = position.rsplit_once(':').expect("a position");
    let beyond = offset.parse::<u64>().expect("an offset") + 1_000;
    let beyond = format!("{partition}:{beyond}");
    // Whichever of the two has the task, and asks or is asked.
    for http in [first.http(), second.http()] {
        wait_until(|| http.get("/readyz").status == 200);
        let at =
            |position: &str| http.call("GET", entity).header("tidelog-position", position).send("");
        wait_until(|| at(&position).status == 200);
        let reply = at(&beyond);
        assert_eq!((reply.status, reply.problem().as_str()), (400, "unknown-position"));
        assert_eq!(reply.header("retry-after"), None);
    }
}

/// Starts a node, and waits no longer than until it can be asked.
fn start_unready(brokers: &str, prefix: &str, data: &Path) -> (Process, Http) {
    let listen = free_address();
    let node = Process::spawn(cluster(brokers, prefix, data).args(["--listen", &listen]));
    wait_until(|| std::net::TcpStream::connect(&listen).is_ok());
    (node, Http::new(&format!("http://{listen}")))
}
