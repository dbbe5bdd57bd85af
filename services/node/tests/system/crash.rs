//! `kill -9` under writers whose changes are not idempotent.

use std::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{http::Http, node::Node};

const WRITERS: usize = 8;
const CHANGES: usize = 60;
const KILLS: usize = 8;

/// Each writer appends to a list and counts it, with a key for each change, and asks again with the
/// same key until it is answered. A node is killed again and again meanwhile.
#[test]
fn no_acknowledged_change_is_lost_and_none_is_applied_twice() {
    let cluster = Cluster::start();
    cluster.http().0.provision("shop");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let cluster = &cluster;
            scope.spawn(move || write(cluster, writer));
        }
        let every = WRITERS * CHANGES * 2 / (KILLS + 1);
        for kill in 1..=KILLS {
            cluster.kill_after(kill * every);
        }
    });
    let http = cluster.http().0;
    for writer in 0..WRITERS {
        let reply = http.get(&format!("/v1/entities/shop/logs/eu/{writer}"));
        let expected = json!({ "log": (0..CHANGES).collect::<Vec<_>>(), "n": CHANGES });
        assert_eq!(reply.json(), expected);
        let revision = format!("\"{}\"", 2 * CHANGES + 1);
        assert_eq!(reply.header("etag"), Some(revision.as_str()));
    }
}

fn write(cluster: &Cluster, writer: usize) {
    let path = format!("/v1/entities/shop/logs/eu/{writer}");
    let put = ("PUT", "application/json", r#"{"log":[],"n":0}"#.to_owned());
    cluster.until_answered(&path, put, &format!("w{writer}-start"), 201);
    for n in 0..CHANGES {
        let append = format!(r#"[{{"op":"add","path":"/log/-","value":{n}}}]"#);
        let append = ("PATCH", "application/json-patch+json", append);
        cluster.until_answered(&path, append, &format!("w{writer}-append-{n}"), 200);
        let increment = r#"[{"op":"increment","path":"/n","by":1}]"#.to_owned();
        let increment = ("PATCH", "application/vnd.tidelog.operations+json", increment);
        cluster.until_answered(&path, increment, &format!("w{writer}-count-{n}"), 200);
    }
}

/// A node that is killed and started again on its folder.
struct Cluster {
    data: TempDir,
    node: Mutex<(usize, Option<Node>)>,
    started: Condvar,
    answered: AtomicUsize,
    progress: Condvar,
    progress_lock: Mutex<()>,
}

impl Cluster {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let node = Node::start(data.path());
        Self {
            data,
            node: Mutex::new((0, Some(node))),
            started: Condvar::new(),
            answered: AtomicUsize::new(0),
            progress: Condvar::new(),
            progress_lock: Mutex::new(()),
        }
    }

    /// A client of the node that is running, and the how-manieth that is.
    fn http(&self) -> (Http, usize) {
        self.http_after(None)
    }

    /// A client of a node that was started after that one.
    fn http_after(&self, generation: Option<usize>) -> (Http, usize) {
        let mut node = self.node.lock().expect("nobody panics with the node");
        loop {
            match &*node {
                (current, Some(node)) if Some(*current) != generation => {
                    return (node.http(), *current);
                }
                _ => node = self.started.wait(node).expect("nobody panics with the node"),
            }
        }
    }

    /// Asks until there is an answer, with the same key each time.
    fn until_answered(&self, path: &str, request: (&str, &str, String), key: &str, status: u16) {
        let (method, media_type, body) = request;
        let (mut http, mut generation) = self.http();
        loop {
            let call = http
                .call(method, path)
                .header("content-type", media_type)
                .header("idempotency-key", key);
            match call.try_send(body.as_bytes()) {
                Ok(reply) if reply.status == status => break,
                // It is stopping, or starting.
                Ok(reply) if matches!(reply.status, 503 | 504) => {}
                Ok(reply) => panic!("{method} {path} under {key}: {reply:?} {}", reply.text()),
                Err(_) => (http, generation) = self.http_after(Some(generation)),
            }
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        drop(self.progress_lock.lock());
        self.progress.notify_all();
    }

    /// Kills the node once that many requests have been answered, and starts another one.
    fn kill_after(&self, answered: usize) {
        let mut guard = self.progress_lock.lock().expect("nobody panics with it");
        while self.answered.load(Ordering::Relaxed) < answered {
            guard = self.progress.wait(guard).expect("nobody panics with it");
        }
        drop(guard);
        let mut node = self.node.lock().expect("nobody panics with the node");
        node.1.take().expect("a node is running").kill();
        *node = (node.0 + 1, Some(Node::start(self.data.path())));
        self.started.notify_all();
    }
}
