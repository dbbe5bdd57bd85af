//! How long writes stand still when a partition goes from one node to another: in good order, and when
//! its node is killed and stays away.
//!
//! ```console
//! $ cargo build --release -p tidelog
//! $ cargo run --release -p tidelog --example handover
//! ```
//!
//! It starts a broker, or uses the one that `TIDELOG_TEST_BROKERS` names, and nodes on this machine. All
//! entities are in one partition, which goes each time to a node that has nothing of it in its store.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ureq::{Agent, Body, http::Response};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Entities of the partition.
const ENTITIES: usize = 50_000;

/// Entities of one batch.
const BATCH: usize = 500;

/// How often each is measured.
const ROUNDS: usize = 3;

/// For how long writes go on before anything happens: connections and stores are warm, and the groups
/// have settled.
const BEFORE: Duration = Duration::from_secs(3);

/// For how long they go on afterwards, at least.
const AFTER: Duration = Duration::from_secs(5);

/// How long writes may stand still before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let Some(broker) = tidelog_test_broker::shared() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let cluster = Cluster {
        binary: binary()?,
        brokers: broker.addresses().to_owned(),
        prefix: format!("handover-{}-", std::process::id()),
        folder: folder.path().to_owned(),
    };
    let mut owner = cluster.start("node-0")?;
    owner.fill()?;
    println!("{ENTITIES} entities in one partition");
    let (mut planned, mut killed) = (Vec::new(), Vec::new());
    for round in 1..=2 * ROUNDS {
        let next = cluster.start(&format!("node-{round}"))?;
        next.write_for(BEFORE)?;
        let (signal, words, pauses) = if round % 2 == 1 {
            ("-TERM", "handed over in good order", &mut planned)
        } else {
            ("-KILL", "killed, and away for good", &mut killed)
        };
        owner.signal(signal)?;
        let pause = next.write_for(AFTER)?;
        println!("{words}: writes stood still for {:>6} ms", pause.as_millis());
        pauses.push(pause);
        owner = next;
    }
    tell("handed over", planned, "1 s");
    tell("killed", killed, "15 s");
    owner.signal("-TERM")
}

fn tell(words: &str, mut pauses: Vec<Duration>, bound: &str) {
    pauses.sort();
    let (median, most) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    println!(
        "{words}: median {} ms, longest {} ms; bound {bound}",
        median.as_millis(),
        most.as_millis()
    );
}

/// The node's program, which is beside this one.
fn binary() -> Result<PathBuf> {
    let folder = env::current_exe()?.parent().and_then(Path::parent).map(Path::to_owned);
    let binary = folder.ok_or("this program is in no folder")?.join("tidelog");
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("{} is not there: cargo build --release -p tidelog", binary.display()).into())
}

/// Where the nodes are.
struct Cluster {
    binary: PathBuf,
    brokers: String,
    prefix: String,
    folder: PathBuf,
}

impl Cluster {
    /// Starts a node with an empty store, and waits until it is ready.
    fn start(&self, name: &str) -> Result<Node> {
        let mut child = Command::new(&self.binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"])
            .args(["--brokers", &self.brokers, "--prefix", &self.prefix, "--node", name])
            .args(["--create-topics", "--partitions", "1", "--log", "warn,librdkafka=error"])
            .arg("--data")
            .arg(self.folder.join(name))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let url = loop {
            let line = lines.next().ok_or("the node ended before it was ready")??;
            if let Some((_, url)) = line.split_once("ready at ") {
                break url.trim().to_owned();
            }
        };
        let output = Some(thread::spawn(move || lines.for_each(drop)));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Ok(Node { child, output, url, agent: config.into() })
    }
}

/// A node at work. Killed when it is dropped.
struct Node {
    child: Child,
    output: Option<JoinHandle<()>>,
    url: String,
    agent: Agent,
}

impl Node {
    /// Makes the entities.
    fn fill(&self) -> Result<()> {
        self.send("PUT", "/v1/databases/shop", "")?;
        for batch in 0..ENTITIES / BATCH {
            let mut parts = String::new();
            for entity in (0..BATCH).map(|n| batch * BATCH + n) {
                let comma = if parts.is_empty() { "" } else { "," };
                write!(
                    parts,
                    r#"{comma}{{"entity":"shop/orders/eu/{entity}","op":"create","value":{{"n":{entity},"text":"{:x<200}"}}}}"#,
                    ""
                )?;
            }
            let mut response = self.send(
                "POST",
                "/v1/databases/shop/batch",
                &format!(r#"{{"parts":[{parts}]}}"#),
            )?;
            if response.status() != 200 {
                return Err(response.body_mut().read_to_string()?.into());
            }
        }
        Ok(())
    }

    /// Writes one thing after another for that long, and says for how long at most there was no answer.
    fn write_for(&self, time: Duration) -> Result<Duration> {
        let began = Instant::now();
        let (mut last, mut longest, mut written) = (began, Duration::ZERO, 0);
        while began.elapsed() < time || written < 10 {
            let answer = self.send("PUT", "/v1/entities/shop/orders/eu/0", r#"{"n":0}"#);
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                longest = longest.max(last.elapsed());
                (last, written) = (Instant::now(), written + 1);
            }
            if last.elapsed() > PATIENCE {
                return Err(format!("no write was answered for {PATIENCE:?}").into());
            }
        }
        Ok(longest)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Result<Response<Body>> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_owned())?;
        Ok(self.agent.run(request)?)
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        if told.success() { Ok(()) } else { Err("the node is gone already".into()) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // What was told to stop has the time for it.
        for _ in 0..100 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(output) = self.output.take() {
            let _ = output.join();
        }
    }
}
