//! A node in a process of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::JoinHandle,
};

use serde_json::Value;

use crate::http::Http;

/// The binary under test.
pub(crate) fn tidelog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidelog"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDELOG_")) {
        command.env_remove(name);
    }
    command
}

/// A running node. Killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    url: String,
    greeting: String,
    /// Reads what the node prints, so that it never waits for a reader.
    output: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node on a data folder and waits until it says that it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts a node with further flags.
    pub(crate) fn start_with(data: &Path, flags: &[&str]) -> Self {
        Self::run_as(serve(data).args(flags))
    }

    /// Starts a node at an address.
    pub(crate) fn start_at(data: &Path, listen: &str) -> Self {
        Self::run_as(&mut serve_at(data, listen))
    }

    fn run_as(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut greeting = String::new();
        let url = loop {
            let line = lines.next().expect("the node says that it is ready").expect("text");
            greeting.push_str(&line);
            greeting.push('\n');
            if let Some((_, url)) = line.split_once("ready at ") {
                break url.trim().to_owned();
            }
        };
        let output = std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, greeting, output: Some(output) }
    }

    /// What the node printed up to the line that says that it is ready.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client of it.
    pub(crate) fn http(&self) -> Http {
        Http::new(&self.url)
    }

    /// Runs a client command against it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        tidelog().args(arguments).env("TIDELOG_URL", &self.url).output().expect("the binary runs")
    }

    /// Runs a client command against it that succeeds, and gives what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {words}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(told.success());
        self.child.wait().expect("the node ends")
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(output) = self.output.take() {
            let _ = output.join();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// The command that serves a data folder at a free port.
pub(crate) fn serve(data: &Path) -> Command {
    serve_at(data, "127.0.0.1:0")
}

fn serve_at(data: &Path, listen: &str) -> Command {
    let mut command = tidelog();
    command.args(["serve", "--listen", listen, "--data"]).arg(data);
    command
}

/// A value as a command printed it.
pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
