//! The change stream, and `tidelog cat`, in the folder of a node that has stopped.

use std::path::Path;

use serde_json::{Value, json};

use crate::node::{Node, tidelog};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// How often a node is started again at most until its stream has caught up.
const STARTS: u32 = 20;

#[test]
fn a_change_stream_that_is_switched_on_late_has_every_change_once() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    let path = "/v1/entities/shop/orders/eu/1";
    let put = http.call("PUT", path).header("content-type", "application/json");
    assert_eq!(put.header("traceparent", TRACE).send(r#"{"n":1}"#).status, 201);
    assert_eq!(http.patch(path, "application/merge-patch+json", r#"{"m":[2]}"#).status, 200);
    node.stop();
    assert_eq!(cat(data.path(), &["entity-changes"]), [] as [Value; 0]);

    let node = Node::start_with(data.path(), &["--change-stream"]);
    assert_eq!(node.http().delete(path).status, 204);
    node.stop();
    let events = caught_up(data.path(), 3);
    let payloads: Vec<_> = events.iter().map(|event| &event["payload"]).collect();
    let told: Vec<_> =
        payloads.iter().map(|it| json!([it["op"], it["before"], it["after"]])).collect();
    let expected = [
        json!(["c", null, {"n":1}]),
        json!(["u", {"n":1}, {"n":1,"m":[2]}]),
        json!(["d", {"n":1,"m":[2]}, null]),
    ];
    assert_eq!(told, expected);
    assert!(payloads.iter().all(|it| it["ts_ms"].is_u64()), "{payloads:?}");
    assert_eq!(payloads[1]["source"]["entity"], "shop/orders/eu/1");
    assert_eq!(payloads[1]["source"]["revision"], 2);
    assert_eq!(events[0]["key"], "shop/orders/eu/1");
    assert_eq!(events[0]["headers"]["content-type"], "application/json");
    assert_eq!(events[0]["headers"]["traceparent"], TRACE);
    assert_eq!(events[1]["headers"]["traceparent"], Value::Null);

    // It goes on from where it was: nothing comes a second time.
    Node::start_with(data.path(), &["--change-stream"]).stop();
    assert_eq!(cat(data.path(), &["entity-changes"]), events);
}

#[test]
fn the_records_of_a_stopped_node_are_printed_from_anywhere() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &["--partitions", "1"]);
    let http = node.http();
    http.provision("shop");
    for n in 0..5 {
        let path = format!("/v1/entities/shop/orders/eu/{n}");
        assert_eq!(http.put(&path, &format!("{{\"n\":{n}}}")).status, 201);
    }
    node.stop();
    let all = cat(data.path(), &["entity-updates"]);
    assert_eq!(all.len(), 5);
    assert_eq!(all[3]["payload"]["after"], json!({"n":3}));
    assert_eq!(all[3]["payload"]["entity"], "shop/orders/eu/3");
    assert_eq!(all[3]["headers"]["content-type"], "application/vnd.tidelog+postcard");
    let request = all[3]["headers"]["request-id"].as_str().expect("a request");
    let patches = cat(data.path(), &["entity-patches"]);
    assert!(patches.iter().any(|it| it["headers"]["request-id"] == request), "{patches:?}");
    let offset = all[2]["offset"].to_string();
    let some = cat(data.path(), &["entity-updates", "--from", &offset, "--count", "2"]);
    assert_eq!(some, all[2..4]);
    assert_eq!(cat(data.path(), &["entity-updates", "--from", "end"]), [] as [Value; 0]);

    for (words, says) in [
        (&["entity-updates", "--partition", "7"][..], "no partition 7"),
        (&["entity-updates", "--follow"], "leave out --follow"),
        (&["entity-storage-changelog"], "the embedded log has no entity-storage-changelog"),
        (&["nothing"], "there is no topic"),
    ] {
        let output = run(data.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(says), "{words:?}: {told}");
    }
}

/// The records of the change stream, once there are so many.
fn caught_up(data: &Path, count: usize) -> Vec<Value> {
    for _ in 0..STARTS {
        let events = cat(data, &["entity-changes"]);
        if events.len() >= count {
            assert_eq!(events.len(), count);
            return events;
        }
        Node::start_with(data, &["--change-stream"]).stop();
    }
    panic!("the stream did not catch up");
}

fn cat(data: &Path, words: &[&str]) -> Vec<Value> {
    let output = run(data, words);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn run(data: &Path, words: &[&str]) -> std::process::Output {
    tidelog().arg("cat").args(words).arg("--data").arg(data).output().expect("the binary runs")
}
