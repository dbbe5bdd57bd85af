//! What a node says when it says no: problem+json of RFC 9457.

use std::fmt;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::Reply;

/// A problem as the node tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// A URL whose last segment names the kind of problem.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind in words.
    pub(crate) title: String,
    /// The status of the answer.
    pub(crate) status: u16,
    /// What happened, to what.
    pub(crate) detail: String,
    /// What the node calls the request, for its operator.
    pub(crate) request_id: Option<String>,
    /// Whether asking again may help.
    pub(crate) retryable: bool,
    /// Seconds after which asking again makes sense, from the header.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
    /// The whole document, if the node gave one.
    #[serde(skip)]
    pub(crate) document: Option<Value>,
}

impl Problem {
    /// The problem of a reply; one that is no problem+json is told as it is.
    pub(crate) fn of(reply: &Reply) -> Self {
        let parsed = serde_json::from_slice::<Self>(&reply.body).ok();
        let told = parsed.filter(|problem| !problem.title.is_empty());
        let document = told.as_ref().and_then(|_| serde_json::from_slice(&reply.body).ok());
        let mut problem = told.unwrap_or_else(|| Self::foreign(reply));
        problem.document = document;
        if problem.status == 0 {
            problem.status = reply.status.as_u16();
        }
        problem.retry_after = reply.text("retry-after").and_then(|text| text.parse().ok());
        problem
    }

    /// The name of the kind: `unknown-database`.
    pub(crate) fn name(&self) -> &str {
        self.kind.rsplit(['/', '#']).next().unwrap_or_default()
    }

    /// Whether the same request may succeed if it is sent again.
    pub(crate) fn is_temporary(&self) -> bool {
        self.retryable || matches!(self.status, 408 | 429 | 502 | 503 | 504)
    }

    /// What happened in a line.
    pub(crate) fn summary(&self) -> &str {
        if self.detail.is_empty() { &self.title } else { &self.detail }
    }

    /// What a proxy or some other server says.
    fn foreign(reply: &Reply) -> Self {
        let text: String = String::from_utf8_lossy(&reply.body).trim().chars().take(300).collect();
        let detail = if text.is_empty() {
            "the answer has no explanation; is it a Tidelog node that listens there?".to_owned()
        } else {
            format!("the answer is none of a Tidelog node's: {text}")
        };
        let title = reply.status.canonical_reason().unwrap_or("an unknown status").to_owned();
        Self { title, detail, status: reply.status.as_u16(), ..Self::default() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.title, self.status)?;
        if !self.detail.is_empty() && self.detail != self.title {
            write!(f, "\n  {}", self.detail)?;
        }
        if let Some(id) = &self.request_id
            && StatusCode::from_u16(self.status).is_ok_and(|status| status.is_server_error())
        {
            write!(f, "\n  the node calls this request {id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::HeaderMap;

    use super::*;

    #[test]
    fn a_problem_is_read_and_told() {
        let problem = problem_of(
            404,
            r#"{"type":"/problems/unknown-database","title":"The database has not been provisioned",
                "status":404,"detail":"there is no database shop","request_id":"r1",
                "retryable":false,"extra":[1]}"#,
        );
        assert_eq!(problem.name(), "unknown-database");
        assert!(!problem.is_temporary());
        let told = "The database has not been provisioned (404)\n  there is no database shop";
        assert_eq!(problem.to_string(), told);
    }

    #[test]
    fn what_is_no_problem_document_is_told_as_it_is() {
        let problem = problem_of(502, "<h1>Bad Gateway</h1>");
        assert!(problem.is_temporary());
        assert!(problem.to_string().contains("Bad Gateway (502)"));
        assert!(problem.to_string().contains("<h1>Bad Gateway</h1>"));
        assert!(problem_of(405, "").to_string().contains("is it a Tidelog node"));
        assert!(problem_of(500, "[]").to_string().contains("500"));
    }

    #[test]
    fn a_server_error_names_the_request() {
        let body = r#"{"title":"Unavailable","status":503,"request_id":"r7","retryable":true}"#;
        assert!(problem_of(503, body).to_string().ends_with("the node calls this request r7"));
    }

    fn problem_of(status: u16, body: &'static str) -> Problem {
        let status = StatusCode::from_u16(status).expect("a good status");
        Problem::of(&Reply { status, headers: HeaderMap::new(), body: Bytes::from(body) })
    }
}
