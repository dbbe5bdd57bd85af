//! Whether a node says that it is ready.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tidelog_core::{
    Headers, Layout, PartitionId, Topic,
    port::{Append, AppendOutcome, Client},
};
use tidelog_io_local::{LocalLog, Settings};

use crate::{http::Http, node::Node};

/// A record of a newer release stops its task, so the node is not what it looks like: no load
/// balancer is to send anybody there.
#[test]
fn a_node_with_a_stopped_task_is_not_ready_and_says_why() {
    let data = tempfile::tempdir().expect("a folder");
    append(data.path(), PartitionId(2), b"\xfa of the future");
    let node = Node::start_with(data.path(), &["--partitions", "4"]);
    let tasks = tasks_that_do_not_run(&node.http());
    let [task] = &tasks[..] else { panic!("{tasks:?}") };
    assert_eq!(task["task"], "entity-storage/2");
    let reason = task["reason"].as_str().expect("a reason");
    assert!(reason.contains("it has stopped"), "{reason}");
    assert!(reason.contains("entity-patches:2:0") && reason.contains("250"), "{reason}");
    assert_eq!(node.http().get("/healthz").status, 200);
    let metrics = node.http().get("/metrics");
    assert_eq!(metrics.status, 200);
    let metrics = metrics.text();
    for line in [
        r#"tidelog_tasks{service="entity-storage"} 3"#,
        r#"tidelog_tasks{service="entity-batch"} 4"#,
        r#"tidelog_task_lag_records{service="entity-storage",partition="2",topic="entity-patches"} 1"#,
        r#"tidelog_task_lag_records{service="entity-storage",partition="1",topic="entity-patches"} 0"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

/// What `/readyz` says once no task is still on its way.
fn tasks_that_do_not_run(http: &Http) -> Vec<Value> {
    for _ in 0..1_000 {
        let reply = http.get("/readyz");
        if reply.status == 503 && reply.problem() == "tasks-not-running" {
            let tasks = reply.json()["tasks"].as_array().expect("a list").clone();
            let is_stopped = |task: &Value| task["reason"].to_string().contains("has stopped");
            if tasks.iter().all(is_stopped) {
                return tasks;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the node never said that a task has stopped");
}

fn append(data: &Path, partition: PartitionId, payload: &'static [u8]) {
    let settings = Settings::new(Layout::new(4).expect("four partitions"));
    let log = LocalLog::open(data, settings).expect("a folder of our own");
    let (topic, key) = (Topic::EntityPatches, Bytes::from_static(b"key"));
    let record = Append {
        topic,
        partition,
        key,
        payload: Bytes::from_static(payload),
        headers: Headers::default(),
    };
    let outcomes = pollster::block_on(log.client().append(vec![record]));
    assert!(matches!(outcomes[..], [AppendOutcome::Appended(_)]), "{outcomes:?}");
    log.close();
}
