//! An HTTP client of a node: keeps connections, gives up after a time, and turns answers that are
//! problems into [`Problem`]s.

mod problem;
mod retry;
mod url;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub(crate) use problem::Problem;
pub(crate) use retry::{Backoff, Patience, ask, nonce, waiting};
pub(crate) use url::BaseUrl;

/// A client of one node.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: BaseUrl,
    timeout: Duration,
}

/// One call of the node.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What the node answered, whatever it says.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody listens there: nothing was sent.
    #[error("cannot reach a node at {url}: {why}")]
    Connect {
        /// Where.
        url: String,
        /// The cause of the causes.
        why: String,
    },
    /// The connection broke; the call may have been carried out.
    #[error("the connection to the node at {url} was lost: {why}")]
    Lost {
        /// Where.
        url: String,
        /// The cause of the causes.
        why: String,
    },
    /// No answer came in time; the call may have been carried out.
    #[error("the node at {url} did not answer within {seconds} s")]
    TimedOut {
        /// Where.
        url: String,
        /// How long was waited.
        seconds: f64,
    },
}

impl Client {
    /// A client of the node at `base`, which waits for an answer at most `timeout`.
    pub(crate) fn new(base: BaseUrl, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let pool =
            Pool::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { pool, base, timeout }
    }

    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes one call, once.
    pub(crate) async fn send(&self, call: &Call) -> Result<Reply, CallError> {
        let answered = tokio::time::timeout(self.timeout, self.exchange(call)).await;
        answered.unwrap_or_else(|_| {
            let seconds = self.timeout.as_secs_f64();
            Err(CallError::TimedOut { url: self.base.to_string(), seconds })
        })
    }

    async fn exchange(&self, call: &Call) -> Result<Reply, CallError> {
        let lost = |why: String| CallError::Lost { url: self.base.to_string(), why };
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = self.base.join(&call.path).map_err(lost)?;
        *request.headers_mut() = call.headers.clone();
        let answer = self.pool.request(request).await.map_err(|error| {
            let (url, why) = (self.base.to_string(), root_cause(&error));
            if error.is_connect() { CallError::Connect { url, why } } else { lost(why) }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| lost(root_cause(&*error)))?.to_bytes();
        Ok(Reply { status: head.status, headers: head.headers, body })
    }
}

impl Call {
    /// A call without a body.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { method, path: path.into(), headers, body }
    }

    /// The same call with a body.
    #[must_use]
    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body.into();
        self
    }

    /// The same call with a header field.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Reply {
    /// The reply if it is no problem.
    pub(crate) fn success(self) -> Result<Self, Box<Problem>> {
        let is_answer = self.status.is_success() || self.status == StatusCode::NOT_MODIFIED;
        if is_answer { Ok(self) } else { Err(Box::new(Problem::of(&self))) }
    }

    /// A header field, if it is there and text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The revision that the reply's ETag names.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.text("etag")?.trim_matches('"').parse().ok()
    }
}

/// Media type of documents.
pub(crate) const JSON: &str = "application/json";

/// The field that names a write, so that it is done once however often it is sent.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The field for preferences.
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Errors of libraries wrap each other; the last one says what happened.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Bytes of an answer that are read. A page of a list is a few MiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
