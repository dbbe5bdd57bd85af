//! Clients that others wrote read a zone's feed while the node is killed three times.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::node::{Node, repository};

const CHANGES: u32 = 200;
const KILLED_AT: [u32; 3] = [50, 100, 150];

/// The clients, in the releases that are known to work.
const NPM: [&str; 1] = ["eventsource@4.1.1"];
const PYPI: [&str; 2] = ["httpx-sse==0.4.3", "httpx==0.28.1"];

#[test]
fn clients_of_others_miss_nothing_and_see_nothing_twice_whatever_is_killed() {
    let (eventsource, httpx_sse) = (node_package(), python_package());
    let data = tempfile::tempdir().expect("a folder");
    let listen = free_address();
    let mut node = Node::start_at(data.path(), &listen);
    node.http().provision("shop");
    let feed = format!("http://{listen}/v1/zones/shop/orders/eu/changes");
    let clients = [eventsource, httpx_sse].into_iter().flatten();
    let reading: Vec<_> = clients.map(|client| client.read(&feed)).collect();
    for n in 0..CHANGES {
        if KILLED_AT.contains(&n) {
            node.kill();
            node = Node::start_at(data.path(), &listen);
        }
        let reply = node.http().put(&format!("/v1/entities/shop/orders/eu/{n}"), "1");
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
    }
    for mut client in reading {
        let ended = client.process.wait().expect("it was started");
        assert!(ended.success(), "{} says above what was wrong", client.name);
    }
}

/// A client: a program, and the script that it runs.
struct Client {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
}

impl Client {
    fn read(self, feed: &str) -> Reading {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(feed).arg(CHANGES.to_string());
        Reading { name: self.name, process: command.spawn().expect("it ran a moment ago") }
    }
}

/// A client that reads. It would go on for ever without a node.
struct Reading {
    name: &'static str,
    process: Child,
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It has ended, unless something else has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn node_package() -> Option<Client> {
    let folder = packages("npm");
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]);
    install.args(["--fetch-timeout=20000", "--prefix"]).arg(&folder).args(NPM);
    is_there("eventsource", [Command::new("node").arg("--version"), &mut install])?;
    // Where npm has put its package is where Node looks for it.
    let script = folder.join("eventsource.mjs");
    fs::copy(ours("eventsource.mjs"), &script).expect("a script of ours");
    Some(Client { name: "eventsource", program: "node".into(), script })
}

fn python_package() -> Option<Client> {
    let folder = packages("pypi");
    let program = folder.join("bin/python");
    let mut install = Command::new(&program);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install.args(["--retries=1", "--timeout=20"]).args(PYPI);
    let mut begin = Command::new("python3");
    is_there("httpx-sse", [begin.args(["-m", "venv"]).arg(&folder), &mut install])?;
    Some(Client { name: "httpx-sse", program, script: ours("httpx_sse_reader.py") })
}

/// Whether a client can be had here. One line says so where it cannot: what is tested is tidelog, which
/// other tests read with a client of their own.
fn is_there(name: &str, steps: [&mut Command; 2]) -> Option<()> {
    for step in steps {
        let output = step.stdin(Stdio::null()).output();
        let failure = match output {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let program = step.get_program().display();
        println!("{name} is passed over: {program} failed: {failure}");
        return None;
    }
    Some(())
}

fn packages(registry: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sse-clients").join(registry);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn ours(script: &str) -> PathBuf {
    repository("services/node/tests/system/sse").join(script)
}

/// An address that a node that was killed can have again.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}
