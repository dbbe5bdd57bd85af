//! What the outcome of a request looks like in HTTP: the same for a single request, a part of a
//! batch, and a request that is asked about later.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use tidelog_core::{
    Document, Problem, ProblemKind, RequestId, Revision,
    message::{Outcome, PartAnswer},
};
use tidelog_driver::{Answered, Error};

use crate::{
    again::Again,
    failure::{Failure, IDEMPOTENT_REPLAYED, write_problem},
    gateway::unknown_database,
    headers::{
        condition::entity_tag,
        position::{TIDELOG_POSITION, position_value},
        prefer::{PREFERENCE_APPLIED, Prefer},
    },
    json::Json,
    problem::Kind,
};

/// The answer to a request for one entity. `sent` is the document that the entity has after it,
/// where the request itself told it.
pub(crate) fn answered(
    answered: Answered,
    sent: Option<Document>,
    prefer: Prefer,
) -> Result<Response, Failure> {
    let Answered { request, answer, position } = answered;
    let PartAnswer { outcome, value, replayed, .. } = answer;
    let (status, revision) = match outcome {
        Outcome::Failed { problem, revision } => {
            let failure = Failure::from(problem).of_request(&request).at(revision);
            return Err(failure
                .replayed(replayed)
                .with(TIDELOG_POSITION, position_value(position)));
        }
        Outcome::Deleted(_) => (StatusCode::NO_CONTENT, None),
        Outcome::Created(revision) => (StatusCode::CREATED, Some(revision)),
        Outcome::Updated(revision) if prefer.is_minimal() => {
            (StatusCode::NO_CONTENT, Some(revision))
        }
        Outcome::Updated(revision) | Outcome::Read(revision) => (StatusCode::OK, Some(revision)),
    };
    // Of a replay, only the one who has it knows whether the document is still that of the
    // revision.
    let value = value.or(if replayed { None } else { sent });
    let value = value.filter(|_| revision.is_some() && !prefer.is_minimal());
    let has_document = value.is_some();
    let mut response = match value {
        Some(value) => json(status, text(value)),
        None => empty(status),
    };
    let headers = response.headers_mut();
    if let Some(revision) = revision {
        headers.insert(header::ETAG, entity_tag(revision));
    }
    headers.insert(TIDELOG_POSITION, position_value(position));
    if replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(applied) = prefer.applied(has_document) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// The answer that a request has been taken, and where to ask what became of it.
pub(crate) fn accepted(request: &RequestId, prefer: Prefer) -> Response {
    let mut body = Json::with_capacity(128);
    body.raw(r#"{"id":"#).string(&request.to_string()).raw(r#","state":"pending"}"#);
    let mut response = json(StatusCode::ACCEPTED, body.into_bytes());
    let location = HeaderValue::try_from(format!("/v1/requests/{request}"));
    let location = location.expect("a request's id is visible ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    if let Some(applied) = prefer.applied_to_accepted() {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// One part's answer as the members of an object, without its braces.
pub(crate) fn write_part(
    json: &mut Json,
    request: &RequestId,
    entity: Option<&str>,
    answer: Option<&PartAnswer>,
    sent: Option<&Document>,
    minimal: bool,
    again: Again,
) {
    let unknown = Outcome::failed(Problem::new(
        ProblemKind::OutcomeUnknown,
        format_args!("the part has no answer yet; ask for the request later; {}", again.advice()),
    ));
    let outcome = answer.map_or(&unknown, |answer| &answer.outcome);
    let status = part_status(outcome, minimal);
    let entity = entity.or(answer.map(|answer| &*answer.target));
    // A part that does not say which entity it is about has the empty one.
    let entity = entity.filter(|entity| !entity.is_empty());
    json.raw(r#""entity":"#).string_or_null(entity);
    json.raw(r#","status":"#).number(status.as_u16());
    if let Some(revision) = outcome.revision() {
        json.raw(r#","revision":"#).revision(revision);
    }
    if let Outcome::Failed { problem, revision } = outcome {
        json.raw(r#","problem":"#);
        let is_unknown = problem.kind == ProblemKind::OutcomeUnknown;
        let retryable = is_unknown.then_some(again.is_retryable());
        let (kind, detail) = (problem.kind.into(), &problem.detail);
        write_problem(json, kind, detail, Some(request), *revision, retryable);
        return;
    }
    let is_read = matches!(outcome, Outcome::Read(_));
    let is_deleted = matches!(outcome, Outcome::Deleted(_));
    let replayed = answer.is_some_and(|answer| answer.replayed);
    let value = answer.and_then(|answer| answer.value.as_ref());
    let value = value.or(sent.filter(|_| !replayed));
    if let Some(value) = value.filter(|_| is_read || !(minimal || is_deleted)) {
        json.raw(r#","value":"#).document(value);
    }
}

/// Whether the document that a part's answer should have was left out, as those of all parts did
/// not fit together. `wants_writes` says that those of writes were asked for.
pub(crate) fn is_value_left_out(
    answer: &PartAnswer,
    sent: Option<&Document>,
    wants_writes: bool,
) -> bool {
    let wants = match answer.outcome {
        Outcome::Read(_) => true,
        // A replay has the document only as long as it is still that of the revision.
        Outcome::Created(_) | Outcome::Updated(_) => wants_writes && !answer.replayed,
        Outcome::Deleted(_) | Outcome::Failed { .. } => false,
    };
    wants && answer.value.is_none() && sent.is_none()
}

fn part_status(outcome: &Outcome, minimal: bool) -> StatusCode {
    match outcome {
        Outcome::Read(_) => StatusCode::OK,
        Outcome::Created(_) => StatusCode::CREATED,
        Outcome::Updated(_) if minimal => StatusCode::NO_CONTENT,
        Outcome::Updated(_) => StatusCode::OK,
        Outcome::Deleted(_) => StatusCode::NO_CONTENT,
        Outcome::Failed { problem, .. } => Kind::from(problem.kind).row().status,
    }
}

/// An entity as it stands.
pub(crate) fn entity(revision: Revision, text: Bytes) -> Response {
    let mut response = json(StatusCode::OK, text);
    response.headers_mut().insert(header::ETAG, entity_tag(revision));
    response
}

/// What says that nothing has changed since. Its length is that of what is not sent.
pub(crate) fn not_modified(revision: Revision, bytes: usize) -> Response {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    response.headers_mut().insert(header::ETAG, entity_tag(revision));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    response
}

/// An answer with a body of JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_JSON);
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A document's text, not copied.
pub(crate) fn text(document: Document) -> Bytes {
    struct Text(Document);
    impl AsRef<[u8]> for Text {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    Bytes::from_owner(Text(document))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::OutcomeUnknown { request, .. } => Again::NotKnown.unknown(Some(&request)),
            Error::ConnectionLost | Error::AlreadyAnswered => Again::NotKnown.unknown(None),
            Error::Busy => Self::new(Kind::Busy, "too many requests are under way; none was sent"),
            Error::UnknownDatabase(database) => unknown_database(&database),
            Error::Problem { problem, revision } => Self::from(problem).at(revision),
            Error::Unavailable(reason) => Self::new(ProblemKind::Unavailable, reason),
            Error::NoSuchPosition { .. } => Self::new(Kind::UnknownPosition, error),
            Error::Rejected(_) | Error::Closed | Error::Prefix(_) => {
                Self::new(ProblemKind::Unavailable, error)
            }
        }
    }
}

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
