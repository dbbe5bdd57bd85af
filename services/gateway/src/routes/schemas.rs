//! What documents are like: schemas, and changing what is stated in them.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use serde_json::Value;
use tidelog_core::{
    CollectionId, DatabaseId, Document, Position, ProblemKind, Revision,
    message::{Condition, Outcome, SchemaChange, StatementEdit},
    patch::JsonPatch,
    query::DefinitionView,
};
use tidelog_driver::{Answered, Positions, With};
use tidelog_schema::{schema_of, schema_of_database};

use crate::{
    again::Again,
    answered::About,
    failure::Failure,
    gateway::{Answer, Arrival, Gateway, unknown_database},
    headers::{
        condition::{condition, entity_tag},
        key::idempotency_key,
        media::{self, PatchType},
        position::{TIDELOG_POSITION, position_value},
        prefer::{PREFERENCE_APPLIED, Prefer},
        trace::trace,
    },
    limits::{DOCUMENT_BODY_BYTES_MAX, PATCH_BODY_BYTES_MAX, SCHEMA_BYTES_MAX},
    path, respond,
    send::failure,
};

/// The methods of a collection's schema.
pub(super) fn route() -> MethodRouter<Gateway> {
    get(read).put(replace).patch(patch).delete(remove)
}

/// GET databases/{db}/schema
pub(super) async fn read_all(arrival: Arrival) -> Answer {
    let id: DatabaseId = path::id(arrival.path(), "/v1/databases/", SCHEMA)?;
    let condition = condition(arrival.headers())?;
    let at_least = arrival.at_least(About::Database(id.as_str()))?;
    let gateway = &arrival.gateway;
    // First the revision: what is read after it is at least as new as the tag says.
    let database = gateway.driver().database(&id, at_least.clone(), gateway.deadline()).await?;
    let revision = database.ok_or_else(|| unknown_database(&id))?.revision;
    if let Some(answer) = conditional(&condition, id.as_str(), revision)? {
        return Ok(answer);
    }
    let views = gateway.driver().definitions(&id, at_least, gateway.deadline()).await?;
    let bytes: usize = views.iter().map(DefinitionView::bytes).sum();
    if bytes > SCHEMA_BYTES_MAX {
        let detail = format_args!(
            "the definitions of {id} have {bytes} bytes together, and at most {SCHEMA_BYTES_MAX} are \
             shown at once; read the schemas of its collections"
        );
        return Err(Failure::new(ProblemKind::TooLarge, detail));
    }
    shown(gateway, StatusCode::OK, revision, &schema_of_database(&id, &views))
}

/// GET collections/{db}/{c}/schema
async fn read(arrival: Arrival) -> Answer {
    let id: CollectionId = path::id(arrival.path(), COLLECTIONS, SCHEMA)?;
    let at_least = arrival.at_least(About::Database(id.database_str()))?;
    let view = find(&arrival.gateway, &id, at_least).await?;
    if let Some(answer) = conditional(&condition(arrival.headers())?, id.as_str(), view.revision)? {
        return Ok(answer);
    }
    shown(&arrival.gateway, StatusCode::OK, view.revision, &schema_of(&view))
}

/// GET collections/{db}/{c}/schema/stated: what users state, without what was learned.
pub(super) async fn read_stated(arrival: Arrival) -> Answer {
    let id: CollectionId = path::id(arrival.path(), COLLECTIONS, "/schema/stated")?;
    let at_least = arrival.at_least(About::Database(id.database_str()))?;
    let view = find(&arrival.gateway, &id, at_least).await?;
    if let Some(answer) = conditional(&condition(arrival.headers())?, id.as_str(), view.revision)? {
        return Ok(answer);
    }
    let Some(statement) = view.statement else {
        let detail = format_args!("nothing is stated of the documents of {id}");
        return Err(Failure::new(ProblemKind::NotFound, detail).at(Some(view.revision)));
    };
    let text = arrival.gateway.hold(respond::text(statement))?;
    Ok(schema(StatusCode::OK, view.revision, text))
}

async fn find(
    gateway: &Gateway,
    id: &CollectionId,
    at_least: Positions,
) -> Result<DefinitionView, Failure> {
    if let Some(view) = gateway.driver().definition(id, at_least, gateway.deadline()).await? {
        return Ok(view);
    }
    gateway.check_collection(id).await?;
    let detail = format_args!("nothing is stated or learned of the documents of {id}");
    Err(Failure::new(ProblemKind::NotFound, detail))
}

async fn replace(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    media::schema(arrival.headers())?;
    let document = Document::parse(&body.bytes)?;
    change(arrival, StatementEdit::Replace(document)).await
}

async fn patch(mut arrival: Arrival) -> Answer {
    let body = arrival.body(PATCH_BODY_BYTES_MAX).await?;
    let edit = match media::patch_type(arrival.headers())? {
        PatchType::JsonPatch => StatementEdit::Patch(JsonPatch::parse(&body.bytes)?),
        PatchType::MergePatch => StatementEdit::Merge(Document::parse(&body.bytes)?),
        PatchType::Operations => {
            return Err(Failure::bad_request(
                "a schema is changed by application/merge-patch+json or application/json-patch+json",
            ));
        }
    };
    change(arrival, edit).await
}

async fn remove(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    if !body.bytes.is_empty() {
        return Err(Failure::bad_request(
            "a DELETE has no body; to take a part back there is PATCH",
        ));
    }
    change(arrival, StatementEdit::Remove).await
}

/// Changes what users state of a collection's documents.
async fn change(arrival: Arrival, edit: StatementEdit) -> Answer {
    let id: CollectionId = path::id(arrival.path(), COLLECTIONS, SCHEMA)?;
    let (gateway, prefer) = (arrival.gateway.clone(), Prefer::read(arrival.headers()));
    let condition = condition(arrival.headers())?;
    refuse_key(&arrival)?;
    let is_safe = condition.matches.is_some() || !matches!(edit, StatementEdit::Patch(_));
    let again = if is_safe { Again::AsIs } else { Again::ReadFirst };
    let change = SchemaChange::State { collection: id.clone(), edit, condition };
    let (outcome, position) = carry_out(arrival, id.database(), change, again).await?;
    let (status, revision) = match outcome {
        Outcome::Created(revision) => (StatusCode::CREATED, revision),
        Outcome::Updated(revision) | Outcome::Read(revision) => (StatusCode::OK, revision),
        // There is no schema any more, for nothing is learned either.
        Outcome::Deleted(_) => return Ok(told(empty(StatusCode::NO_CONTENT), position)),
        Outcome::Failed { problem, revision } => return Err(Failure::from(problem).at(revision)),
    };
    if prefer.is_minimal() {
        let status = if status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
        return Ok(told(minimal(status, revision), position));
    }
    let view = gateway.driver().definition(&id, position, gateway.deadline()).await?;
    let Some(view) = view else {
        // Somebody else has taken it back meanwhile.
        return Ok(told(empty(StatusCode::NO_CONTENT), position));
    };
    Ok(told(shown(&gateway, status, view.revision, &schema_of(&view))?, position))
}

/// Sends a change of a schema, and waits for its answer.
pub(super) async fn carry_out(
    arrival: Arrival,
    database: DatabaseId,
    change: SchemaChange,
    again: Again,
) -> Result<(Outcome, Position), Failure> {
    let gateway = &arrival.gateway;
    gateway.check_log()?;
    gateway.check_database(&database).await?;
    let with = With { trace: trace(arrival.headers()), ..With::default() };
    let mut call = gateway.driver().schema_request(database, change, with);
    let answered = call.answer(gateway.deadline()).await.map_err(|error| failure(error, again))?;
    let Answered { request, answer, position } = answered;
    if !matches!(answer.outcome, Outcome::Failed { .. }) {
        gateway.highest().add(&position);
    }
    match answer.outcome {
        Outcome::Failed { problem, revision } => {
            let failure = Failure::from(problem).of_request(&request).at(revision);
            Err(failure.with(TIDELOG_POSITION, position_value(position)))
        }
        outcome => Ok((outcome, position)),
    }
}

pub(super) fn refuse_key(arrival: &Arrival) -> Result<(), Failure> {
    match idempotency_key(arrival.headers())? {
        None => Ok(()),
        Some(_) => Err(Failure::bad_request(
            "changes of schemas take no Idempotency-Key; under If-Match they are done at most once",
        )),
    }
}

/// The answer to a read whose condition does not hold.
fn conditional(
    condition: &Condition,
    id: &str,
    revision: Revision,
) -> Result<Option<Response>, Failure> {
    if condition.matches.as_ref().is_some_and(|wanted| !wanted.holds(Some(revision))) {
        let detail = format_args!(
            "the schema of {id} is at revision {revision}, which If-Match does not name"
        );
        let failure = Failure::new(ProblemKind::PreconditionFailed, detail);
        return Err(failure.at(Some(revision)));
    }
    let is_known = condition.none_match.as_ref().is_some_and(|it| it.holds(Some(revision)));
    Ok(is_known.then(|| minimal(StatusCode::NOT_MODIFIED, revision)))
}

fn shown(
    gateway: &Gateway,
    status: StatusCode,
    revision: Revision,
    value: &Value,
) -> Result<Response, Failure> {
    let text = gateway.hold(value.to_string())?;
    Ok(schema(status, revision, text))
}

fn schema(status: StatusCode, revision: Revision, text: Bytes) -> Response {
    let mut response = respond::json(status, text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, APPLICATION_SCHEMA);
    headers.insert(header::ETAG, entity_tag(revision));
    response
}

fn minimal(status: StatusCode, revision: Revision) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(header::ETAG, entity_tag(revision));
    if status != StatusCode::NOT_MODIFIED {
        let applied = HeaderValue::from_static("return=minimal");
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

pub(super) fn told(mut response: Response, position: Position) -> Response {
    response.headers_mut().insert(TIDELOG_POSITION, position_value(position));
    response
}

pub(super) const COLLECTIONS: &str = "/v1/collections/";

const SCHEMA: &str = "/schema";

const APPLICATION_SCHEMA: HeaderValue = HeaderValue::from_static("application/schema+json");
