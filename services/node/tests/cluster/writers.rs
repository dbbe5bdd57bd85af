//! Writers of changes that must not be done twice.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::http::Http;

/// What the writers share.
pub(crate) struct Writers {
    urls: [String; 2],
    is_over: AtomicBool,
    /// How many changes each has been answered.
    answered: [AtomicU64; WRITERS],
    acknowledged: Mutex<Vec<Acknowledged>>,
}

/// A change that was answered with success.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) entity: String,
    pub(crate) revision: u64,
    pub(crate) change: Change,
}

/// What was changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Created,
    /// This was appended to the list.
    Appended(u64),
    Counted,
}

pub(crate) const WRITERS: usize = 6;

/// Appends to an entity. Then comes the next one, so that documents do not get large.
const APPENDS: u64 = 100;

/// How long a node may be silent: one that stands still does not say so.
const ANSWER: Duration = Duration::from_secs(7);

/// How long anything may take that is to be done, before it counts as never. It is no measure: on a machine that has
/// ten times as much to do as it can, a broker alone takes a minute to start.
const PATIENCE: Duration = Duration::from_secs(300);

impl Writers {
    pub(crate) fn new(urls: [String; 2]) -> Self {
        Self {
            urls,
            is_over: AtomicBool::new(false),
            answered: Default::default(),
            acknowledged: Mutex::default(),
        }
    }

    /// Writes until it is over.
    pub(crate) fn write(&self, writer: usize) {
        let mut client = Client::new(self, writer);
        for entity in 0.. {
            let entity = format!("{writer}-{entity}");
            let path = format!("/v1/entities/shop/logs/eu/{entity}");
            let told = |revision, change| {
                let entity = entity.clone();
                self.told(writer, Acknowledged { entity, revision, change });
            };
            let put = ("PUT", "application/json", r#"{"log":[],"n":0}"#.to_owned());
            let Some(revision) = client.change(&path, put, "create") else { return };
            told(revision, Change::Created);
            for n in 0..APPENDS {
                let append = format!(r#"[{{"op":"add","path":"/log/-","value":{n}}}]"#);
                let append = ("PATCH", "application/json-patch+json", append);
                let key = format!("append-{n}");
                let Some(revision) = client.change(&path, append, &key) else { return };
                told(revision, Change::Appended(n));
                let count = r#"[{"op":"increment","path":"/n","by":1}]"#.to_owned();
                let count = ("PATCH", "application/vnd.tidelog.operations+json", count);
                let key = format!("count-{n}");
                let Some(revision) = client.change(&path, count, &key) else { return };
                told(revision, Change::Counted);
            }
        }
    }

    fn told(&self, writer: usize, acknowledged: Acknowledged) {
        self.acknowledged.lock().expect("no writer died").push(acknowledged);
        self.answered[writer].fetch_add(1, Ordering::Relaxed);
    }

    /// How far each is.
    pub(crate) fn progress(&self) -> [u64; WRITERS] {
        std::array::from_fn(|writer| self.answered[writer].load(Ordering::Relaxed))
    }

    /// Waits until each has been answered that often since then. Tells how long that took; nothing if
    /// it took too long.
    pub(crate) fn until(&self, since: [u64; WRITERS], more: u64) -> Option<Duration> {
        let begin = Instant::now();
        while self.progress().iter().zip(since).any(|(now, then)| *now < then + more) {
            if begin.elapsed() > PATIENCE || self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Some(begin.elapsed())
    }

    /// Has the writers leave what is not answered yet.
    pub(crate) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().expect("no writer died").clone()
    }
}

struct Client<'a> {
    writers: &'a Writers,
    https: [Http; 2],
    /// Which node is asked.
    at: usize,
}

impl<'a> Client<'a> {
    fn new(writers: &'a Writers, writer: usize) -> Self {
        let https = [0, 1].map(|at| Http::with_patience(&writers.urls[at], ANSWER));
        Self { writers, https, at: writer % 2 }
    }

    /// Asks one node and the other, with the same key each time, until there is an answer: the
    /// revision. None when it is over.
    fn change(&mut self, path: &str, request: (&str, &str, String), key: &str) -> Option<u64> {
        let (method, media_type, body) = request;
        while !self.writers.is_over.load(Ordering::Relaxed) {
            let call = self.https[self.at]
                .call(method, path)
                .header("content-type", media_type)
                .header("idempotency-key", key);
            match call.try_send(body.as_bytes()) {
                Ok(reply) if matches!(reply.status, 200 | 201) => {
                    let tag = reply.header("etag").expect("the revision of what was changed");
                    return Some(tag.trim_matches('"').parse().expect("a revision"));
                }
                // Not yet, or not known.
                Ok(reply) if matches!(reply.status, 409 | 503 | 504) => {}
                Ok(reply) => {
                    self.writers.stop();
                    panic!("{method} {path} under {key}: {reply:?} {}", reply.text());
                }
                // It is dead, or has died.
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
            self.at = 1 - self.at;
        }
        None
    }
}
