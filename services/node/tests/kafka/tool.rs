//! Running the binary.

use std::{
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

/// What a command has done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The lines that it printed for a program.
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        self.out.lines().map(parse).collect()
    }

    /// What it did, which must have been right.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// Runs the binary with these words, on brokers.
pub(crate) fn tidelog(brokers: &str, prefix: &str, words: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_tidelog"))
        .args(words)
        .args(["--brokers", brokers, "--prefix", prefix])
        .env_remove("TIDELOG_BROKERS")
        // A broker that has just begun, on a machine with other things to do, takes its time.
        .env("TIDELOG_TIMEOUT", "120s")
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A prefix that no other test has, on a broker that may outlive this process.
pub(crate) fn new_prefix() -> String {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    static RUN: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis())
    });
    format!("test-{:x}-{}-", *RUN, TESTS.fetch_add(1, Ordering::Relaxed))
}
