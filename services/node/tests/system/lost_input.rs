//! Input that is gone before a task has read it, and the operator's command to go on without.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use tidelog_core::{
    Headers, Layout, Message, Offset, PartitionId, Topic,
    port::{Append, AppendOutcome, Client},
};
use tidelog_io_local::{LocalLog, Settings};

use crate::node::{Node, tidelog};

const PARTITION: PartitionId = PartitionId(2);
const FLAGS: [&str; 2] = ["--partitions", "4"];

#[test]
fn an_operator_moves_a_task_on_over_what_is_lost_and_nothing_else() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &FLAGS);
    let running = tasks(data.path(), &["tasks"]);
    assert!(running.2.contains("in use by another process"), "{running:?}");
    assert!(node.stop().success());
    let end = lose_input(data.path());

    let node = Node::start_with(data.path(), &FLAGS);
    let stopped = wait_for_readyz(&node, 503);
    assert!(stopped.contains("entity-storage/2") && stopped.contains("operator"), "{stopped}");
    assert!(node.stop().success());

    let (code, out, _) = tasks(data.path(), &["tasks"]);
    let lost = format!(
        "entity-storage/2\tentity-patches\tat 0\tstopped: lost entity-patches from 0 on, before {end}"
    );
    assert!(code == Some(0) && out.contains(&lost), "{out}");
    assert_eq!(out.lines().filter(|line| line.contains("stopped")).count(), 1, "{out}");

    // Without --yes nothing is changed.
    let (code, out, err) = tasks(data.path(), &["tasks", "skip", "entity-storage/2"]);
    assert!(code == Some(2) && out.contains(&lost) && err.contains("--yes"), "{out}{err}");
    let skip =
        |task| tasks(data.path(), &["tasks", "skip", task, "--yes", "--by", "ana", "--json"]);
    assert_eq!(skip("entity-storage/1").0, Some(1));
    assert_eq!(skip("entity-storage/4").0, Some(2));
    let (code, out, err) = skip("entity-storage/2");
    assert_eq!(code, Some(0), "{err}");
    let task: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&task["inputs"][0]["position"], &task["inputs"][0]["lost"]),
        (&end.into(), &Value::Null)
    );
    let (code, _, err) = skip("entity-storage/2");
    assert!(code == Some(1) && err.contains("nothing of the input"), "{err}");

    let node = Node::start_with(data.path(), &FLAGS);
    wait_for_readyz(&node, 200);
    node.http().provision("shop");
    for n in 0..20 {
        assert_eq!(node.http().put(&format!("/v1/entities/shop/orders/eu/{n}"), "1").status, 201);
    }
    assert!(node.stop().success());
    let letters = dead_letters(data.path());
    assert_eq!(letters.len(), 1, "{letters:?}");
    for words in ["entity-patches/2 from 0 on", &format!("goes on at {end}"), "as ana asked"] {
        assert!(letters[0].contains(words), "{letters:?}");
    }
}

#[test]
fn a_folder_without_a_node_is_left_as_it_is() {
    let data = tempfile::tempdir().expect("a folder");
    let nothing = data.path().join("nothing");
    let (code, _, err) = tasks(&nothing, &["tasks"]);
    assert!(code == Some(2) && err.contains("there is no data of a node in"), "{err}");
    assert!(!nothing.exists());
}

/// Runs a command on a data folder.
fn tasks(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = tidelog().args(arguments).arg("--data").arg(data).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn open(data: &Path) -> LocalLog {
    let settings = Settings::new(Layout::new(4).expect("four partitions"));
    LocalLog::open(data, settings).expect("the folder of a node that has stopped")
}

/// Removes records of a task that has not read them. Gives the first offset that is there.
fn lose_input(data: &Path) -> u64 {
    let log = open(data);
    let record = Append {
        topic: Topic::EntityPatches,
        partition: PARTITION,
        key: Bytes::from_static(b"key"),
        payload: Bytes::from_static(b"\x01 of nobody"),
        headers: Headers::default(),
    };
    let outcomes = pollster::block_on(log.client().append(vec![record; 5]));
    assert!(matches!(outcomes[..], [AppendOutcome::Appended(Offset(0)), ..]), "{outcomes:?}");
    log.trim(Topic::EntityPatches, PARTITION, Offset(5)).expect("the disk can be written");
    log.close();
    5
}

/// The reasons of the dead letters of the partition.
fn dead_letters(data: &Path) -> Vec<String> {
    let log = open(data);
    let client = log.client();
    let read = client.read(Topic::DeadLetters, PARTITION, Offset(0), client.now());
    let records = pollster::block_on(read).expect("readable");
    let reason = |payload: &Bytes| match Message::decode(Topic::DeadLetters, payload) {
        Ok(Message::DeadLetter(letter)) => letter.reason.to_string(),
        other => panic!("{other:?}"),
    };
    records.iter().map(|record| reason(&record.payload)).collect()
}

/// Waits until `/readyz` answers so, and not only for the time of a start. Gives what it says.
fn wait_for_readyz(node: &Node, status: u16) -> String {
    for _ in 0..1_000 {
        let reply = node.http().get("/readyz");
        let is_starting = reply.text().contains("it is being");
        if reply.status == status && !is_starting {
            return reply.text();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("/readyz never answered {status}");
}
