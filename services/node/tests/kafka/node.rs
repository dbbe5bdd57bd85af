//! A node on a broker, in a process of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use serde_json::Value;
use ureq::Agent;

/// How long a node may take until it has its partitions.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a node waits for an answer, so that nobody has to ask a second time, which the log would show.
const ANSWER_TIMEOUT: &str = "--answer-timeout=60s";

/// A running node. Killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    url: String,
    agent: Agent,
    /// Reads what the node prints, so that it never waits for a reader.
    output: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node with its store in a folder, and waits until it says where it listens.
    pub(crate) fn start(brokers: &str, prefix: &str, store: &Path, flags: &[&str]) -> Self {
        Self::start_with(brokers, prefix, store, flags, Stdio::inherit())
    }

    /// The same, with its log in a file.
    pub(crate) fn start_logging(
        brokers: &str,
        prefix: &str,
        store: &Path,
        flags: &[&str],
        log: &Path,
    ) -> Self {
        let log = File::create(log).expect("a file of our own");
        Self::start_with(brokers, prefix, store, flags, log.into())
    }

    fn start_with(brokers: &str, prefix: &str, store: &Path, flags: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidelog"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--peer-listen",
                "127.0.0.1:0",
                "--node",
                "one",
                ANSWER_TIMEOUT,
            ])
            .arg("--data")
            .arg(store)
            .args(["--brokers", brokers, "--prefix", prefix])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let url = loop {
            let line = lines.next().expect("the node says that it is ready").expect("text");
            if let Some((_, url)) = line.split_once("ready at ") {
                break url.trim().to_owned();
            }
        };
        let output = Some(std::thread::spawn(move || lines.for_each(drop)));
        let config = Agent::config_builder().http_status_as_error(false).build();
        Self { child, url, agent: config.into(), output }
    }

    /// Makes a database, as soon as the node has what it takes: until then it answers 503.
    pub(crate) fn provision(&self, database: &str) {
        let begun = Instant::now();
        loop {
            match self.put(&format!("/v1/databases/{database}"), "", &[]) {
                200 | 201 => return,
                503 | 504 if begun.elapsed() < READY_WITHIN => sleep(Duration::from_millis(50)),
                status => panic!("{database} is answered {status}"),
            }
        }
    }

    /// Puts a document, and gives the status of the answer.
    pub(crate) fn put(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> u16 {
        patiently(|| {
            let mut put = self.agent.put(format!("{}{path}", self.url));
            for (name, value) in [("content-type", "application/json")].iter().chain(headers) {
                put = put.header(*name, *value);
            }
            put.send(body).expect("the node answers").status().as_u16()
        })
    }

    /// Reads JSON, if there is any.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let reply = self.agent.get(format!("{}{path}", self.url)).call();
        let mut reply = reply.expect("the node answers");
        let is_there = reply.status().as_u16() == 200;
        let body = reply.body_mut().read_to_string().expect("text");
        is_there.then(|| serde_json::from_str(&body).expect("JSON"))
    }

    /// Reads text.
    pub(crate) fn text(&self, path: &str) -> String {
        let reply = self.agent.get(format!("{}{path}", self.url)).call();
        reply.expect("the node answers").body_mut().read_to_string().expect("text")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(told.success());
        let ended = self.child.wait().expect("the node ends");
        assert!(ended.success(), "{ended}");
    }

    /// Deletes an entity, and gives the status of the answer.
    pub(crate) fn delete(&self, path: &str) -> u16 {
        patiently(|| {
            let delete = self.agent.delete(format!("{}{path}", self.url));
            delete.call().expect("the node answers").status().as_u16()
        })
    }
}

/// Asks again while the brokers are busy: what is answered 503 has not been done.
fn patiently(ask: impl Fn() -> u16) -> u16 {
    let begun = Instant::now();
    loop {
        match ask() {
            503 if begun.elapsed() < READY_WITHIN => sleep(Duration::from_millis(50)),
            status => return status,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(output) = self.output.take() {
            let _ = output.join();
        }
    }
}
