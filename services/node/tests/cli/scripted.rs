//! A scripted node: a few lines of hyper that keep entities in memory, remember idempotency keys,
//! and fail as they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A node that runs until it is dropped.
pub(crate) struct Scripted {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the node holds, has seen, and will do.
#[derive(Default)]
pub(crate) struct State {
    /// The databases.
    pub(crate) databases: BTreeSet<String>,
    /// Revision and document of each entity.
    pub(crate) entities: BTreeMap<String, (u64, Value)>,
    /// Every request, in order.
    pub(crate) seen: Vec<Seen>,
    /// What goes wrong with the next batches, one after the other.
    pub(crate) faults: VecDeque<Fault>,
    /// Once this many batches were answered, everything fails.
    pub(crate) batches_until_death: Option<usize>,
    /// Most entities on a page.
    pub(crate) page_max: Option<usize>,
    /// What was answered under each idempotency key.
    pub(crate) answers: BTreeMap<String, Value>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /v1/databases/shop`.
    pub(crate) line: String,
    /// Its header fields.
    pub(crate) headers: BTreeMap<String, String>,
    /// Its body.
    pub(crate) body: String,
}

/// What can go wrong with a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is not taken: 503.
    Refused,
    /// It is carried out, and answered by 504.
    Unknown,
    /// It is carried out, and the connection breaks.
    Lost,
    /// It is carried out, but the answer of its last part is not known.
    Incomplete,
}

impl Scripted {
    /// Starts one with these databases.
    pub(crate) fn start(databases: &[&str]) -> Self {
        let mut state = State::default();
        state.databases.extend(databases.iter().map(ToString::to_string));
        let state = Arc::new(Mutex::new(state));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("an address")).expect("somebody waits");
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, shared) => {}
                }
            });
        });
        let address = told.recv().expect("the node starts");
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked with it")
    }

    /// The batches that came, each with its key.
    pub(crate) fn batches(&self) -> Vec<(String, Value)> {
        let is_batch = |seen: &&Seen| seen.line.ends_with("/batch");
        let told = |seen: &Seen| {
            let key = seen.headers.get("idempotency-key").cloned().unwrap_or_default();
            (key, serde_json::from_str(&seen.body).expect("a batch is JSON"))
        };
        self.state().seen.iter().filter(is_batch).map(told).collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let answer = |request| answer(request, Arc::clone(&state));
            let service = hyper::service::service_fn(answer);
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// No answer makes hyper close the connection.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers: BTreeMap<String, String> =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let path: Vec<&str> = head.uri.path().trim_start_matches("/v1/").splitn(2, '/').collect();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let mut state = state.lock().expect("no request panicked");
    state.seen.push(seen.clone());
    match (head.method, path.as_slice()) {
        (Method::GET, ["databases"]) => {
            let all: Vec<_> = state.databases.iter().map(|name| json!({ "id": name })).collect();
            Ok(reply(StatusCode::OK, &json!({ "databases": all, "next": null })))
        }
        (Method::PUT, ["databases", name]) => {
            let is_new = state.databases.insert((*name).to_owned());
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok(reply(status, &json!({ "id": name })))
        }
        (Method::POST, ["databases", _]) => state.batch(&seen),
        (method, ["entities", id]) => Ok(state.entity(&method, id, &seen)),
        (Method::GET, ["zones" | "collections", place]) => {
            Ok(state.list(place.trim_end_matches("entities"), &query))
        }
        _ => Ok(problem(StatusCode::NOT_FOUND, "unknown-route", "no such route")),
    }
}

pub(crate) fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(body.to_string()));
    *reply.status_mut() = status;
    reply
}

pub(crate) fn problem(status: StatusCode, name: &str, detail: &str) -> Response<Full<Bytes>> {
    let kind = format!("/problems/{name}");
    let title = format!("the title of {name}");
    let retryable = matches!(status.as_u16(), 503 | 504);
    let code = status.as_u16();
    reply(
        status,
        &json!({ "type": kind, "title": title, "status": code, "detail": detail,
                 "request_id": "r1", "retryable": retryable }),
    )
}
