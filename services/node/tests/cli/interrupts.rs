//! Ctrl-C.
#![cfg(unix)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scripted::Scripted;
use crate::tool::{command, told};

#[test]
fn an_import_stops_cleanly_and_says_how_to_go_on() {
    let node = Scripted::start(&["shop"]);
    let url = node.url();
    let args = ["import", "-", "--into", "shop/x", "--id", "/n", "--in-flight", "1", "--json"];
    let mut command = command(&[args.as_slice(), &["--url", &url]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it was piped");
    // Two batches and a half; then the pipe stays open, as if more would come.
    for number in 0..250 {
        writeln!(stdin, "{{\"n\":{number}}}").expect("it reads");
    }
    stdin.flush().expect("it reads");
    until(|| node.state().entities.len() == 200);
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().expect("there is a kill");
    assert!(sent.success());
    let run = told(child.wait_with_output().expect("it ends"));
    drop(stdin);

    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(run.err.contains("run the same command again"), "{run:?}");
    let told = run.json();
    assert_eq!(told["created"], 200);
    assert_eq!(told["not_sent"], 50);
    assert_eq!(told["complete"], false);
}

fn until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}
