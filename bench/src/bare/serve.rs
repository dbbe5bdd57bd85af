//! The HTTP side of the bare server.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::behind::Pending;
use super::engine::Write;

use super::options::Options;
use super::store::Store;
use super::writer::{Job, Stats};
use crate::host;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct App {
    /// The queue of the writer thread.
    pub queue: Sender<Job>,
    /// The database of the rows.
    pub store: Store,
    /// The database of the log, if it is another.
    pub log: Option<Store>,
    /// Rows that fjall does not have yet.
    pub pending: Pending,
    /// Histograms of the writer thread.
    pub stats: Arc<Mutex<Stats>>,
    /// The flags.
    pub options: Arc<Options>,
    /// How long opening took, in milliseconds.
    pub open_ms: u64,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/databases/{db}", put(|| async { StatusCode::OK }))
        .route(
            "/v1/entities/{db}/{collection}/{zone}/{id}",
            put(create).post(create).get(read).patch(patch),
        )
        .route("/stats", get(stats))
        .route("/stats/reset", post(reset))
        .with_state(app)
}

type Parts = Path<(String, String, String, String)>;

fn name((db, collection, zone, id): (String, String, String, String)) -> String {
    format!("{db}/{collection}/{zone}/{id}")
}

async fn create(State(app): State<App>, Path(parts): Parts, body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(doc) => store(&app, name(parts), &doc, StatusCode::CREATED).await,
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn store(app: &App, id: String, doc: &Value, status: StatusCode) -> Response {
    let Ok(doc) = serde_json::to_vec(doc) else { return failed("print") };
    let (reply, answer) = oneshot::channel();
    let write = Write { id, doc: doc.into() };
    if app.queue.send(Job { write, reply, queued: Instant::now() }).is_err() {
        return failed("the writer stopped");
    }
    match answer.await {
        Ok((offset, doc)) => {
            let etag = format!("\"{offset}\"");
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, &etag)];
            (status, headers, doc).into_response()
        }
        Err(_) => failed("the writer stopped"),
    }
}

fn look_up(app: &App, id: &str) -> crate::Result<Option<Bytes>> {
    if let Some((_, doc)) = app.pending.read().map_err(|_| "poisoned")?.get(id) {
        return Ok(Some(doc.clone()));
    }
    Ok(app.store.entities.get(id)?.map(Bytes::from))
}

async fn read(State(app): State<App>, Path(parts): Parts) -> Response {
    match look_up(&app, &name(parts)) {
        Ok(Some(doc)) => ([(header::CONTENT_TYPE, "application/json")], doc).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error.to_string()),
    }
}

/// Applies a patch to what is stored. Two patches of one entity at a time may lose one: the bare
/// program has no order of requests but the queue's.
async fn patch(State(app): State<App>, Path(parts): Parts, body: Bytes) -> Response {
    let id = name(parts);
    let Ok(ops) = serde_json::from_slice::<json_patch::Patch>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let stored = match look_up(&app, &id) {
        Ok(Some(stored)) => stored,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return failed(&error.to_string()),
    };
    let Ok(mut doc) = serde_json::from_slice::<Value>(&stored) else { return failed("parse") };
    if let Err(error) = json_patch::patch(&mut doc, &ops) {
        return (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response();
    }
    store(&app, id, &doc, StatusCode::OK).await
}

fn failed(text: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, text.to_owned()).into_response()
}

async fn stats(State(app): State<App>) -> Response {
    let Ok(stats) = app.stats.lock().map(|stats| stats.clone()) else { return failed("poisoned") };
    let db = &app.store.db;
    let keyspaces: Vec<Value> = [Some(&app.store), app.log.as_ref()]
        .into_iter()
        .flatten()
        .flat_map(Store::keyspaces)
        .map(|k| {
            json!({
                "name": k.name().to_string(),
                "tables": k.table_count(),
                "l0": k.l0_table_count(),
                "disk_mib": k.disk_space() >> 20,
            })
        })
        .collect();
    let (disk, files) = host::disk_usage(&app.options.data);
    let body = json!({
        "size": stats.size.json_count(),
        "queued": stats.queued.json_ms(),
        "build": stats.build.json_ms(),
        "commit": stats.commit.json_ms(),
        "sync": stats.sync.json_ms(),
        "rotate": stats.rotate.json_ms(),
        "total": stats.total.json_ms(),
        "slow": stats.slow,
        "rss_mib": host::rss_mib(),
        "anon_mib": host::anon_mib(),
        "cpu_s": host::cpu_seconds(),
        "written_mib": host::write_bytes() >> 20,
        "disk_mib": disk >> 20,
        "files": files,
        "journals": db.journal_count(),
        "compactions": db.compactions_completed(),
        "compacting_s": db.time_compacting().as_secs_f64(),
        "memtables_mib": db.write_buffer_size() >> 20,
        "open_ms": app.open_ms,
        "keyspaces": keyspaces,
    });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn reset(State(app): State<App>) -> StatusCode {
    if let Ok(mut stats) = app.stats.lock() {
        *stats = Stats::default();
    }
    StatusCode::NO_CONTENT
}
