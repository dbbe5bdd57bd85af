//! Databases: provisioning, reading, listing.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use tidelog_core::{
    DatabaseId, ProblemKind, Revision,
    message::{Condition, Outcome, SchemaChange},
    query::DatabaseView,
};
use tidelog_driver::{Answered, With};

use super::lists::List;
use crate::{
    again::Again,
    answered::About,
    failure::Failure,
    gateway::{Answer, Arrival, unknown_database},
    headers::{
        condition::{condition, entity_tag},
        key::idempotency_key,
        media,
        position::{TIDELOG_POSITION, position_value},
        prefer::{PREFERENCE_APPLIED, Prefer},
        trace::trace,
    },
    json::Json,
    limits::DOCUMENT_BODY_BYTES_MAX,
    path, respond,
    send::failure,
};

/// GET databases
pub(super) async fn list(arrival: Arrival) -> Answer {
    let list = List { name: "databases", path: "/v1/databases".to_owned() };
    let slice = list.slice(&arrival)?;
    let at_least = arrival.at_least(About::Databases)?;
    let driver = arrival.gateway.driver();
    let (after, deadline) = (slice.after.as_deref(), arrival.gateway.deadline());
    let listing = driver.databases(after, slice.limit, at_least, deadline).await?;
    list.page(&arrival.gateway, &slice, listing, |json, view| write_database(json, &view))
}

/// GET databases/{db}
pub(super) async fn read(arrival: Arrival) -> Answer {
    let id: DatabaseId = path::id(arrival.path(), "/v1/databases/", "")?;
    let condition = condition(arrival.headers())?;
    let at_least = arrival.at_least(About::Database(id.as_str()))?;
    let gateway = &arrival.gateway;
    let view = gateway.driver().database(&id, at_least, gateway.deadline()).await?;
    let view = view.ok_or_else(|| unknown_database(&id))?;
    if condition.matches.is_some_and(|wanted| !wanted.holds(Some(view.revision))) {
        return Err(precondition_failed(&id, Some(view.revision)));
    }
    let response = representation(StatusCode::OK, &view);
    if condition.none_match.is_some_and(|unwanted| unwanted.holds(Some(view.revision))) {
        return Ok(respond::not_modified(view.revision, database_json(&view).len()));
    }
    Ok(response)
}

/// PUT databases/{db}: makes sure that it exists. It is the same however often it is asked for, so
/// there is nothing that a key could be for.
pub(super) async fn provision(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    let id: DatabaseId = path::id(arrival.path(), "/v1/databases/", "")?;
    check_empty(&arrival, &body.bytes)?;
    let headers = arrival.headers();
    let condition = condition(headers)?;
    if idempotency_key(headers)?.is_some() {
        return Err(Failure::bad_request(
            "PUT of a database is idempotent in itself and takes no Idempotency-Key",
        ));
    }
    let prefer = Prefer::read(headers);
    arrival.gateway.check_log()?;
    let driver = arrival.gateway.driver();
    let deadline = arrival.gateway.deadline();
    // Databases only ever come to be, so what is seen here still holds when the request is handled.
    let before = driver.database(&id, None, deadline).await?.map(|view| view.revision);
    check(&condition, &id, before)?;

    let with = With { trace: trace(headers), ..With::default() };
    let mut call = driver.schema_request(id.clone(), SchemaChange::Provision, with);
    let Answered { request, answer, position } =
        call.answer(deadline).await.map_err(|error| failure(error, Again::AsIs))?;
    arrival.gateway.highest().add(&position);
    let (status, revision) = match answer.outcome {
        Outcome::Created(revision) => (StatusCode::CREATED, revision),
        Outcome::Read(revision) | Outcome::Updated(revision) | Outcome::Deleted(revision) => {
            // Somebody else was faster.
            check(&condition, &id, Some(revision))?;
            (StatusCode::OK, revision)
        }
        Outcome::Failed { problem, revision } => {
            return Err(Failure::from(problem).of_request(&request).at(revision));
        }
    };
    let mut response = if prefer.is_minimal() {
        minimal(status, revision)
    } else {
        let view = driver.database(&id, position, deadline).await?;
        representation(status, &view.ok_or_else(|| unknown_database(&id))?)
    };
    response.headers_mut().insert(TIDELOG_POSITION, position_value(position));
    Ok(response)
}

fn check(
    condition: &Condition,
    id: &DatabaseId,
    revision: Option<Revision>,
) -> Result<(), Failure> {
    if condition.holds(revision) { Ok(()) } else { Err(precondition_failed(id, revision)) }
}

fn precondition_failed(id: &DatabaseId, revision: Option<Revision>) -> Failure {
    let detail = match revision {
        Some(revision) => {
            format!("{id} is at revision {revision}, which the precondition does not allow")
        }
        None => format!("the precondition is on a database that exists, and there is no {id}"),
    };
    Failure::new(ProblemKind::PreconditionFailed, detail).at(revision)
}

/// There is nothing to be set yet, and what means nothing is refused.
fn check_empty(arrival: &Arrival, body: &[u8]) -> Result<(), Failure> {
    let body = body.trim_ascii();
    if body.is_empty() {
        return Ok(());
    }
    media::json(arrival.headers())?;
    let value = tidelog_core::document::parse_value(body)?;
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    Err(Failure::bad_request("a database is provisioned with an empty body, or with {}"))
}

fn representation(status: StatusCode, view: &DatabaseView) -> Response {
    let mut response = respond::json(status, database_json(view));
    response.headers_mut().insert(header::ETAG, entity_tag(view.revision));
    response
}

fn minimal(status: StatusCode, revision: Revision) -> Response {
    let mut response = Response::default();
    *response.status_mut() = if status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
    response.headers_mut().insert(header::ETAG, entity_tag(revision));
    let applied = HeaderValue::from_static("return=minimal");
    response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    response
}

fn database_json(view: &DatabaseView) -> Vec<u8> {
    let mut json = Json::with_capacity(96);
    write_database(&mut json, view);
    json.into_bytes()
}

fn write_database(json: &mut Json, view: &DatabaseView) {
    json.raw(r#"{"id":"#).string(view.id.as_str());
    json.raw(r#","revision":"#).revision(view.revision);
    json.raw(r#","created":"#).time(view.created).raw("}");
}
