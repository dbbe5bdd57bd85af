//! A request that failed, on its way to an answer in problem+json (RFC 9457).

use std::fmt;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use tidelog_core::{
    Problem, ProblemKind, RequestId, Revision, document::DocumentError, patch::PatchParseError,
};
use tidelog_schema::pointer_of;
use uuid::Uuid;

use crate::{json::Json, problem::Kind};

/// What went wrong, and all that its answer says.
#[derive(Debug)]
pub(crate) struct Failure(Box<Told>);

#[derive(Debug)]
struct Told {
    kind: Kind,
    detail: Box<str>,
    request: Option<RequestId>,
    revision: Option<Revision>,
    header: Option<(HeaderName, HeaderValue)>,
    retryable: Option<bool>,
    tasks: Option<Json>,
    replayed: bool,
    closes: bool,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Kind>, detail: impl fmt::Display) -> Self {
        Self(Box::new(Told {
            kind: kind.into(),
            detail: detail.to_string().into(),
            request: None,
            revision: None,
            header: None,
            retryable: None,
            tasks: None,
            replayed: false,
            closes: false,
        }))
    }

    pub(crate) fn bad_request(detail: impl fmt::Display) -> Self {
        Self::new(ProblemKind::BadRequest, detail)
    }

    /// Names the request, which had been sent into the log.
    pub(crate) fn of_request(mut self, request: &RequestId) -> Self {
        self.0.request = Some(request.clone());
        self
    }

    /// Tells the revision that the entity is at.
    pub(crate) fn at(mut self, revision: Option<Revision>) -> Self {
        self.0.revision = revision;
        self
    }

    /// Says whether the same request can be sent again, where that is not the same for all of the
    /// kind.
    pub(crate) fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// Names the tasks that it is about, as a list in JSON.
    pub(crate) fn of_tasks(mut self, tasks: Json) -> Self {
        self.0.tasks = Some(tasks);
        self
    }

    /// Adds a header field to the answer.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Marks the answer as that of an earlier request under the same key.
    pub(crate) fn replayed(mut self, replayed: bool) -> Self {
        self.0.replayed = replayed;
        self
    }

    /// Has the connection closed after the answer, as the rest of the request cannot be read.
    pub(crate) fn closing(mut self) -> Self {
        self.0.closes = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }
}

/// Writes a problem document. Without `retryable`, its kind says that.
pub(crate) fn write_problem(
    json: &mut Json,
    kind: Kind,
    detail: &str,
    request: Option<&RequestId>,
    revision: Option<Revision>,
    retryable: Option<bool>,
) {
    let row = kind.row();
    json.raw(r#"{"type":"/problems/"#).raw(row.name);
    json.raw(r#"","title":""#).raw(row.title);
    json.raw(r#"","status":"#).number(row.status.as_u16());
    json.raw(r#","detail":"#).string(detail);
    json.raw(r#","request_id":"#);
    match request {
        Some(request) => json.string(&request.to_string()),
        None => json.string(&Uuid::now_v7().to_string()),
    };
    if let Some(revision) = revision {
        json.raw(r#","revision":"#).revision(revision);
    }
    if let Some(pointer) = pointer_of(detail).filter(|_| kind == ProblemKind::InvalidSchema.into())
    {
        json.raw(r#","pointer":"#).string(pointer);
    }
    let retryable = retryable.unwrap_or(row.retryable);
    json.raw(r#","retryable":"#).raw(if retryable { "true}" } else { "false}" });
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let told = *self.0;
        let row = told.kind.row();
        let mut json = Json::with_capacity(384);
        let (request, revision) = (told.request.as_ref(), told.revision);
        write_problem(&mut json, told.kind, &told.detail, request, revision, told.retryable);
        if let Some(tasks) = told.tasks {
            json.add_member("tasks", &tasks);
        }
        tracing::debug!(problem = row.name, detail = &*told.detail, "a request failed");
        let mut response = Response::new(Body::from(json.into_bytes()));
        *response.status_mut() = row.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if row.status.as_u16() == 503 {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if let Some((name, value)) = told.header {
            headers.insert(name, value);
        }
        if told.replayed {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        if told.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(problem.kind, problem.detail)
    }
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Problem::from(error).into()
    }
}

impl From<PatchParseError> for Failure {
    fn from(error: PatchParseError) -> Self {
        Problem::from(error).into()
    }
}

/// Marks an answer that had been given before.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_has_the_members_of_the_standard_and_ours() {
        let request: RequestId = "app:0:17:1764000000000".parse().expect("an id");
        let mut json = Json::default();
        let kind = ProblemKind::PreconditionFailed.into();
        write_problem(&mut json, kind, "it \"is\"", Some(&request), Some(Revision(4)), None);
        let text = String::from_utf8(json.into_bytes()).expect("UTF-8");
        assert_eq!(
            text,
            r#"{"type":"/problems/precondition-failed","title":"A precondition does not hold","#
                .to_owned()
                + r#""status":412,"detail":"it \"is\"","request_id":"app:0:17:1764000000000","#
                + r#""revision":4,"retryable":false}"#
        );
    }
}
