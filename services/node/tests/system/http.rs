//! A client that hides nothing: status, headers and body as they come.

use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, http::Request};

/// An HTTP client of one node.
#[derive(Clone)]
pub(crate) struct Http {
    agent: Agent,
    url: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    http: &'a Http,
    request: ureq::http::request::Builder,
}

impl Http {
    pub(crate) fn new(url: &str) -> Self {
        Self::with_patience(url, Duration::from_secs(60))
    }

    /// A client that waits no longer than that.
    pub(crate) fn with_patience(url: &str, patience: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(patience))
            .build();
        Self { agent: config.into(), url: url.into() }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        Call { http: self, request }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send("")
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Reply {
        self.call("PUT", path).header("content-type", "application/json").send(body)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        self.call("POST", path).header("content-type", "application/json").send(body)
    }

    pub(crate) fn patch(&self, path: &str, media_type: &str, body: &str) -> Reply {
        self.call("PATCH", path).header("content-type", media_type).send(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path).send("")
    }

    /// Makes sure that a database is there.
    pub(crate) fn provision(&self, database: &str) {
        let reply = self.put(&format!("/v1/databases/{database}"), "");
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn send(self, body: &str) -> Reply {
        self.try_send(body.as_bytes()).expect("the node answers")
    }

    pub(crate) fn send_bytes(self, body: &[u8]) -> Reply {
        self.try_send(body).expect("the node answers")
    }

    /// Sends it; fails where there is no answer.
    pub(crate) fn try_send(self, body: &[u8]) -> Result<Reply, ureq::Error> {
        let request = self.request.body(body).expect("a request that can be sent");
        let mut response = if body.is_empty() {
            let (parts, _) = request.into_parts();
            self.http.agent.run(Request::from_parts(parts, ()))?
        } else {
            self.http.agent.run(request)?
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        Ok(Reply { status, headers, body })
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {self:?}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The name of the problem that it tells, after checking that it is told properly.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(problem[member].is_string(), "{member} in {problem}");
        }
        assert!(problem["retryable"].is_boolean(), "{problem}");
        let kind = problem["type"].as_str().expect("a string");
        kind.rsplit(['/', ':', '#']).next().expect("a name").into()
    }
}
