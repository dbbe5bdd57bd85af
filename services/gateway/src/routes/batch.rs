//! Many requests in one.

use axum::{
    http::{HeaderValue, StatusCode},
    response::Response,
};
use tidelog_core::{
    DatabaseId, Document, Problem, ProblemKind,
    message::{Outcome, PartAnswer},
};
use tidelog_driver::BatchAnswered;

use crate::{
    again::Again,
    batch::Batch,
    failure::{Failure, IDEMPOTENT_REPLAYED},
    gateway::{Answer, Arrival},
    headers::{
        condition::no_condition,
        media,
        position::{TIDELOG_POSITION, positions_value},
        prefer::PREFERENCE_APPLIED,
    },
    json::Json,
    limits::BATCH_BODY_BYTES_MAX,
    path, respond,
    send::{Awaited, Manner, fingerprint},
};

/// POST databases/{db}/batch
pub(super) async fn carry_out(mut arrival: Arrival) -> Answer {
    let body = arrival.body(BATCH_BODY_BYTES_MAX).await?;
    let database: DatabaseId = path::id(arrival.path(), "/v1/databases/", "/batch")?;
    let headers = arrival.headers();
    media::json(headers)?;
    no_condition(headers)?;
    let scope = || format!("POST {database}");
    let fields = || fingerprint(headers, "application/json", &body.bytes);
    let manner = Manner::read(headers, Again::ReadFirst, scope, fields)?;
    let batch = Batch::parse(&body.bytes)?;
    let gateway = &arrival.gateway;
    gateway.check_database(&database).await?;
    let start = manner.turn(gateway).await?;

    let sent = batch.documents();
    let entities: Vec<Box<str>> = batch.parts.iter().map(|part| part.entity.clone()).collect();
    let with = manner.with(!batch.asks_for_documents());
    let wants_writes = with.wants_value;
    let call = gateway.driver().batch_request(database, batch.parts, with);
    match manner.outcome(gateway, start, call).await? {
        Awaited::Answered(answered) => answer(&answered, &entities, &sent, &manner, wants_writes),
        Awaited::Accepted(response) => Ok(response),
    }
}

fn answer(
    answered: &BatchAnswered,
    entities: &[Box<str>],
    sent: &[Option<Document>],
    manner: &Manner,
    wants_writes: bool,
) -> Answer {
    if let Some(problem) = refusal(answered, entities.len()) {
        return Err(Failure::from(problem.clone()).of_request(&answered.request));
    }
    let minimal = manner.prefer.is_minimal();
    let bytes: usize = answered.parts.iter().flatten().map(value_bytes).sum();
    let mut json = Json::with_capacity(64 + 128 * entities.len() + bytes);
    let parts = entities.iter().zip(sent).zip(&answered.parts);
    json.raw(r#"{"parts":"#).list(parts, |json, ((entity, sent), answer)| {
        let (sent, answer) = (sent.as_ref(), answer.as_ref());
        json.raw("{");
        respond::write_part(
            json,
            &answered.request,
            Some(entity),
            answer,
            sent,
            minimal,
            manner.again,
        );
        json.raw("}");
    });
    let is_any_left_out = answered.parts.iter().zip(sent).any(|(answer, sent)| {
        let answer = answer.as_ref();
        answer.is_some_and(|it| respond::is_value_left_out(it, sent.as_ref(), wants_writes))
    });
    json.raw(if is_any_left_out { r#","values":"omitted"}"# } else { "}" });
    Ok(with_headers(respond::json(StatusCode::OK, json.into_bytes()), answered, sent, manner))
}

fn with_headers(
    mut response: Response,
    answered: &BatchAnswered,
    sent: &[Option<Document>],
    manner: &Manner,
) -> Response {
    let has_documents = answered.parts.iter().zip(sent).all(|(answer, sent)| {
        let has = |it: &PartAnswer| match it.outcome {
            Outcome::Read(_) | Outcome::Created(_) | Outcome::Updated(_) => {
                it.value.is_some() || (sent.is_some() && !it.replayed)
            }
            Outcome::Deleted(_) | Outcome::Failed { .. } => true,
        };
        answer.as_ref().is_none_or(has)
    });
    let headers = response.headers_mut();
    if let Some(positions) = positions_value(&answered.positions) {
        headers.insert(TIDELOG_POSITION, positions);
    }
    if answered.parts.iter().flatten().any(|answer| answer.replayed) {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(applied) = manner.prefer.applied(has_documents) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// The problem of a batch that was refused whole.
fn refusal(answered: &BatchAnswered, parts: usize) -> Option<&Problem> {
    let first = problem(answered.parts.first()?.as_ref())?;
    let is_reused = |answer: &Option<PartAnswer>| {
        problem(answer.as_ref()).is_some_and(|it| it.kind == ProblemKind::KeyReused)
    };
    let is_whole = answered.parts.len() != parts || answered.parts.iter().all(is_reused);
    is_whole.then_some(first)
}

fn problem(answer: Option<&PartAnswer>) -> Option<&Problem> {
    match &answer?.outcome {
        Outcome::Failed { problem, .. } => Some(problem),
        Outcome::Read(_) | Outcome::Created(_) | Outcome::Updated(_) | Outcome::Deleted(_) => None,
    }
}

fn value_bytes(answer: &PartAnswer) -> usize {
    answer.value.as_ref().map_or(0, Document::len)
}
