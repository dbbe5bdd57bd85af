//! Data folders.

use crate::node::{Node, serve};

#[test]
fn a_second_process_on_a_data_folder_is_refused_with_words() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let second = serve(data.path()).output().expect("the binary runs");
    assert!(!second.status.success());
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains("is in use by another process"), "{words}");
    node.http().provision("shop");
}

#[test]
fn a_node_that_is_told_to_stop_ends_well_and_forgets_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    assert_eq!(http.put("/v1/entities/shop/orders/eu/1", r#"{"n":1}"#).status, 201);
    assert!(node.stop().success());
    let node = Node::start(data.path());
    let reply = node.http().get("/v1/entities/shop/orders/eu/1");
    assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"n":1}"#));
}

#[test]
fn a_folder_of_another_layout_is_refused_with_words() {
    let data = tempfile::tempdir().expect("a folder");
    Node::start_with(data.path(), &["--partitions", "4"]).kill();
    let other = serve(data.path()).args(["--partitions", "5"]).output().expect("the binary runs");
    assert!(!other.status.success());
    let words = String::from_utf8_lossy(&other.stderr);
    assert!(words.contains("has topics of 4 partitions and not of 5"), "{words}");
}

#[test]
fn what_is_printed_when_ready_can_be_pasted() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let commands: Vec<_> =
        node.greeting().lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    assert!(commands.len() >= 3, "{}", node.greeting());
    for command in commands {
        let output = std::process::Command::new("sh").args(["-c", command]).output();
        let output = output.expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {said}");
        assert!(!said.contains("\"type\""), "{command} was answered with a problem: {said}");
    }
}
