//! Nodes of a cluster, on a real broker.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tidelog_test_broker::{Cluster, Flavour, free_port, own, shared};

use crate::{
    http::{Http, Reply},
    node::{Node, serve, tidelog},
};

const OPERATIONS: &str = "application/vnd.tidelog.operations+json";

const INCREMENT: &str = r#"[{"op":"increment","path":"/n","by":1}]"#;

/// How long anything may take that will surely come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one node has taken another one tells; a node that joins takes its part, and one that leaves gives
/// it back, while both are written to. Nothing is lost on the way, and nothing done twice.
#[test]
fn nodes_come_and_go_while_all_of_them_are_written_to_and_read() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (prefix, brokers) = (prefix(), broker.addresses());
    let start = |name: &str| start(brokers, &prefix, &folder.path().join(name));
    let first = start("first");
    first.http().provision("shop");
    let entities: Vec<_> = (0..16).map(|n| format!("/v1/entities/shop/orders/eu/{n}")).collect();
    for entity in &entities {
        assert_eq!(first.http().put(entity, r#"{"n":0}"#).status, 201);
    }

    let (is_over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let until = |count| wait_until(|| written.load(Ordering::Relaxed) >= count);
    let write = |http: Http| {
        let mut sure = 0;
        for entity in entities.iter().cycle() {
            if is_over.load(Ordering::Relaxed) {
                return sure;
            }
            increment(&http, entity, sure);
            sure += 1;
            written.fetch_add(1, Ordering::Relaxed);
        }
        sure
    };
    let second = thread::scope(|scope| {
        let _over = Over(&is_over);
        let (write, http) = (&write, first.http());
        let writer = scope.spawn(move || write(http));
        until(50);
        let second = start("second");
        until(100);
        // Each asks the other for what is there.
        wait_until(|| entities.iter().all(|entity| second.http().get(entity).status == 200));
        wait_until(|| entities.iter().all(|entity| first.http().get(entity).status == 200));
        assert_eq!(page(&first.http()), 16);
        assert_eq!(page(&second.http()), 16);
        is_over.store(true, Ordering::Relaxed);
        let by_first = writer.join().expect("every increment was answered");
        assert_eq!(sum(&second.http(), &entities), by_first);

        is_over.store(false, Ordering::Relaxed);
        let http = second.http();
        let writer = scope.spawn(move || write(http));
        until(by_first + 50);
        assert!(first.stop().success());
        until(by_first + 150);
        is_over.store(true, Ordering::Relaxed);
        let by_second = writer.join().expect("every increment was answered");
        assert_eq!(sum(&second.http(), &entities), by_first + by_second);
        second
    });
    let metrics = String::from_utf8(second.http().get("/metrics").body).expect("text");
    assert!(metrics.contains("tidelog_tasks{service=\"entity-storage\"} 4"), "{metrics}");
    assert!(second.stop().success());
}

/// A broker that is away is waited for, at start and later, and whoever writes is told.
#[test]
fn a_node_waits_for_brokers_that_are_away() {
    if shared().is_none() {
        return;
    }
    let mut broker = Cluster::start(Flavour::ONE).expect("a broker of our own");
    let brokers = broker.addresses();
    broker.kill(0);
    let folder = tempfile::tempdir().expect("a folder");
    let listen = free_address();
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut node = cluster(&brokers, &prefix(), &folder.path().join("node"));
    node.args(["--listen", &listen]).stderr(log.reopen().expect("the same file"));
    let mut node = Process::spawn(&mut node);
    let http = Http::new(&format!("http://{listen}"));
    wait_until(|| std::net::TcpStream::connect(&listen).is_ok());
    assert_eq!(http.get("/healthz").status, 200);
    assert_away(&http.get("/readyz"));
    assert_away(&http.put("/v1/databases/shop", ""));

    broker.start_again(0);
    wait_until(|| http.get("/readyz").status == 200);
    http.provision("shop");
    assert_eq!(http.put("/v1/entities/shop/orders/eu/1", "1").status, 201);

    broker.kill(0);
    // A task may say that it cannot commit before it is known why.
    wait_until(|| is_away(&http.get("/readyz")));
    assert_away(&http.get("/readyz"));
    assert_away(&http.put("/v1/entities/shop/orders/eu/1", "2"));
    // Long enough for every connection to fail many times.
    thread::sleep(Duration::from_secs(3));
    let said = std::fs::read_to_string(log.path()).expect("text");
    assert!(said.contains("the brokers cannot be reached"), "{said}");
    let is_complaint = |line: &&str| line.contains(" WARN ") || line.contains("ERROR");
    let complaints = said.lines().filter(is_complaint).count();
    assert!(complaints < 20, "{complaints} complaints:\n{said}");
    broker.start_again(0);
    wait_until(|| http.get("/readyz").status == 200);
    wait_until(|| http.put("/v1/entities/shop/orders/eu/1", "3").status == 200);
    assert_eq!(http.get("/v1/entities/shop/orders/eu/1").body, b"3");
    node.stop();
}

/// A node that is told to stop while its brokers are gone stops all the same, however far its commits are.
#[test]
fn a_node_stops_within_a_minute_though_its_brokers_are_gone() {
    let Some(mut broker) = own(Flavour::ONE) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let listen = free_address();
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut node = cluster(&broker.addresses(), &prefix(), &folder.path().join("node"));
    node.args(["--listen", &listen]).stderr(log.reopen().expect("the same file"));
    let mut node = Process::spawn(&mut node);
    let http = Http::new(&format!("http://{listen}"));
    wait_until(|| std::net::TcpStream::connect(&listen).is_ok());
    wait_until(|| http.get("/readyz").status == 200);
    http.provision("shop");
    let (is_over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let call = http.call("PUT", "/v1/entities/shop/orders/eu/1");
                if call.try_send(b"1").is_ok_and(|reply| matches!(reply.status, 200 | 201)) {
                    written.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        wait_until(|| written.load(Ordering::Relaxed) > 20);
        broker.kill(0);
    });
    let told = Instant::now();
    let status = node.stopped();
    assert!(told.elapsed() < Duration::from_secs(60), "{:?}", told.elapsed());
    let said = std::fs::read_to_string(log.path()).expect("text");
    assert!(status.success() || said.contains("did not stop within"), "{said}");
}

/// Nodes and what makes the topics are started at the same time, where nobody sees to an order.
#[test]
fn a_node_waits_for_its_topics_and_says_how_to_make_them() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (prefix, listen) = (prefix(), free_address());
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut node = tidelog();
    node.arg("serve").arg("--data").arg(folder.path().join("node")).args(["--listen", &listen]);
    node.args(flags(broker.addresses(), &prefix).iter().filter(|flag| *flag != CREATE));
    let mut node = Process::spawn(node.stderr(log.reopen().expect("the same file")));
    let http = Http::new(&format!("http://{listen}"));
    wait_until(|| std::net::TcpStream::connect(&listen).is_ok());
    let is_told = || {
        let said = std::fs::read_to_string(log.path()).expect("text");
        said.contains("topics are not there; the node waits for them")
    };
    wait_until(is_told);
    assert_eq!(http.get("/healthz").status, 200);
    let reply = http.get("/readyz");
    assert_away(&reply);
    let detail = reply.json()["detail"].to_string();
    assert!(detail.contains(&prefix) && detail.contains("tidelog topics create"), "{detail}");
    assert_away(&http.put("/v1/databases/shop", ""));

    let copies = broker.copies().to_string();
    let mut create = tidelog();
    create.args(["topics", "create", "--partitions", "4", "--replication", &copies]);
    create.args(["--brokers", broker.addresses(), "--prefix", &prefix]);
    assert!(create.status().expect("the binary runs").success());
    wait_until(|| http.get("/readyz").status == 200);
    http.provision("shop");
    assert_eq!(http.put("/v1/entities/shop/orders/eu/1", "1").status, 201);
    node.stop();
}

/// What can never be mended is not waited for.
#[test]
fn a_node_whose_topics_have_other_partitions_ends_with_words() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (prefix, copies) = (prefix(), broker.copies().to_string());
    let mut create = tidelog();
    create.args(["topics", "create", "entity-patches", "--partitions", "3", "--brokers"]);
    create.args([broker.addresses(), "--prefix", &prefix, "--replication", &copies]);
    assert!(create.status().expect("the binary runs").success());
    let mut node = cluster(broker.addresses(), &prefix, &folder.path().join("node"));
    let output = node.args(["--listen", "127.0.0.1:0"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    let expected = format!("{prefix}entity-patches has 3 partition(s) instead of 4");
    assert!(words.contains(&expected), "{words}");
}

#[test]
fn a_folder_is_of_one_home_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letter.txt"), "dear").expect("a file");
    let refused = |more: &[&str]| {
        let output = serve(folder.path()).args(more).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = refused(&["--brokers", "127.0.0.1:1", "--peer-listen", "127.0.0.1:0"]);
    assert!(words.contains("something else in it"), "{words}");
    std::fs::write(folder.path().join("node"), "node-1\n").expect("a file");
    let words = refused(&[]);
    assert!(words.contains("of a node of a cluster"), "{words}");
}

#[test]
fn what_no_cluster_can_be_is_refused_with_words() {
    let refused = |arguments: &[&str]| {
        let output = tidelog().arg("serve").args(arguments).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--brokers", "broker"]).contains("broker-0:9092"));
    assert!(refused(&["--services", "entity-store"]).contains("entity-storage"));
    assert!(refused(&["--prefix", "a b"]).contains("A-Z"));
    assert!(refused(&["--services", "entity-storage"]).contains("--brokers"));
}

/// Tells writers that it is over, also where a test has failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Starts a node, and waits until it is ready.
pub(crate) fn start(brokers: &str, prefix: &str, data: &Path) -> Node {
    let flags = flags(brokers, prefix);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Node::start_with(data, &flags)
}

pub(crate) fn cluster(brokers: &str, prefix: &str, data: &Path) -> Command {
    let mut command = tidelog();
    command.arg("serve").arg("--data").arg(data).args(flags(brokers, prefix));
    command
}

fn flags(brokers: &str, prefix: &str) -> Vec<String> {
    let flags = ["--peer-listen", "127.0.0.1:0", CREATE, "--partitions", "4"];
    let own = ["--brokers", brokers, "--prefix", prefix];
    let services = ["--services", SERVICES];
    own.into_iter().chain(flags).chain(services).map(str::to_owned).collect()
}

const CREATE: &str = "--create-topics";

/// What the tests look at. Each of the others would have its share of the time in which a group is joined.
const SERVICES: &str = "entity-batch,entity-storage,response-accumulator,schema-storage,\
                        schema-learning-partitioner,schema-learning";

/// Increments an entity, and again until it is known to have been done once: whoever asks again under the
/// same key gets the first answer.
fn increment(http: &Http, entity: &str, number: u64) {
    static WRITERS: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static WRITER: u32 = WRITERS.fetch_add(1, Ordering::Relaxed);
    }
    let key = WRITER.with(|writer| format!("\"{writer}-{number}\""));
    wait_until(|| {
        let call = http.call("PATCH", entity).header("content-type", OPERATIONS);
        let reply = call.header("idempotency-key", &key).send(INCREMENT);
        assert!(matches!(reply.status, 200 | 409 | 503 | 504), "{}", reply.status);
        reply.status == 200
    });
}

/// How many entities a list has.
fn page(http: &Http) -> usize {
    let mut count = 0;
    wait_until(|| {
        let reply = http.get("/v1/zones/shop/orders/eu/entities");
        if reply.status == 200 {
            count = reply.json()["entities"].as_array().map_or(0, Vec::len);
        }
        reply.status == 200
    });
    count
}

fn sum(http: &Http, entities: &[String]) -> u64 {
    let value = |entity: &String| {
        let mut n = None;
        wait_until(|| {
            let reply = http.get(entity);
            if reply.status == 200 {
                n = reply.json()["n"].as_u64();
            }
            n.is_some()
        });
        n.expect("it was waited for")
    };
    entities.iter().map(value).sum()
}

fn is_away(reply: &Reply) -> bool {
    reply.status == 503 && reply.problem() == "log-unreachable"
}

fn assert_away(reply: &Reply) {
    assert_eq!((reply.status, reply.problem().as_str()), (503, "log-unreachable"));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    static PREFIXES: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
    format!("node-{now:x}-{}-", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", free_port().expect("a free port"))
}

/// A node that need not be ready.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).spawn().expect("the binary starts"))
    }

    fn stop(&mut self) {
        assert!(self.stopped().success());
    }

    /// Asks it to stop, and waits until it has.
    fn stopped(&mut self) -> ExitStatus {
        let pid = self.0.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(told.success());
        self.0.wait().expect("the node ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
