//! A node of the cluster in a process of its own.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use tidelog_test_broker::free_port;

use crate::http::Http;

/// A node of the cluster, which can be dead.
pub(crate) struct Member {
    name: String,
    folder: PathBuf,
    brokers: String,
    port: u16,
    copies: usize,
    process: Option<Process>,
}

/// A process that ends with the test, however that ends.
struct Process {
    child: Child,
    /// Kills the child when its input ends, which this process holds open.
    guard: Child,
}

/// How long a node may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PREFIX: &str = "crash-";

/// What the tests look at. The others would have their share of each of a hundred restarts.
const SERVICES: &str = "entity-batch,entity-storage,response-accumulator,schema-storage,\
                        schema-learning-partitioner,schema-learning";

/// Partitions of each topic.
pub(crate) const PARTITIONS: u32 = 4;

impl Member {
    /// A node that does not run yet.
    pub(crate) fn new(folder: &Path, name: &str, brokers: &str, copies: usize) -> Self {
        let port = free_port().expect("a port");
        let (name, brokers) = (name.to_owned(), brokers.to_owned());
        let folder = folder.join(&name);
        Self { name, folder, brokers, port, copies, process: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// What it has logged, in all of its lives.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    /// Starts it, and does not wait.
    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none(), "{} runs", self.name);
        let log = OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.expect("a file for the log");
        self.process = Some(Process::spawn(&mut self.command(), log));
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidelog"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDELOG_")) {
            command.env_remove(name);
        }
        command
            .args(["serve", "--brokers", &self.brokers, "--prefix", PREFIX, "--node", &self.name])
            .args(["--create-topics", "--replication", &self.copies.to_string()])
            .args(["--partitions", &PARTITIONS.to_string(), "--answer-timeout", "5s"])
            .args(["--services", SERVICES])
            .args(["--peer-listen", "127.0.0.1:0"])
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--data"])
            .arg(&self.folder);
        command
    }

    /// Waits until it says that all it has is well.
    pub(crate) fn until_ready(&self) {
        let (http, begin) = (Http::new(&self.url()), Instant::now());
        loop {
            let reply = http.call("GET", "/readyz").try_send(b"");
            if reply.as_ref().is_ok_and(|reply| reply.status == 200) {
                return;
            }
            let told = reply.map(|reply| reply.text());
            assert!(begin.elapsed() < PATIENCE, "{} is not ready: {told:?}", self.name);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Has it stand still.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub(crate) fn wake(&self) {
        self.signal("-CONT");
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let mut process = self.process.take().expect("it runs");
        process.child.wait().expect("it ends")
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs");
        let pid = process.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(told.success(), "kill {signal} {pid}");
    }
}

impl Process {
    fn spawn(command: &mut Command, log: File) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the binary starts");
        let guard = Command::new("sh")
            .args(["-c", r#"read -r _; kill -9 "$1" 2>/dev/null"#, "guard"])
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self { child, guard: guard.expect("a shell") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already. The guard goes first: the number may be another's afterwards.
        drop(self.guard.kill());
        drop(self.guard.wait());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
