//! Whether schemas are learned: for a database, and for a collection by itself.

use axum::{
    http::StatusCode,
    response::Response,
    routing::{MethodRouter, get, post},
};
use serde_json::Value;
use tidelog_core::{
    CollectionId, DatabaseId, Position,
    message::{LearningChange, LearningScope, SchemaChange},
    query::LearningView,
};
use tidelog_driver::Positions;

use super::schemas::{COLLECTIONS, carry_out, refuse_key, told};
use crate::{
    again::Again,
    answered::About,
    failure::Failure,
    gateway::{Answer, Arrival, Gateway, unknown_database},
    headers::{condition::no_condition, media},
    json::Json,
    limits::DOCUMENT_BODY_BYTES_MAX,
    path, respond,
};

/// The methods of a database's learning.
pub(super) fn of_database() -> MethodRouter<Gateway> {
    get(read).put(switch)
}

/// The methods of a collection's learning.
pub(super) fn of_collection() -> MethodRouter<Gateway> {
    get(read).put(switch).delete(give_back)
}

/// Learning again from the start.
pub(super) fn anew() -> MethodRouter<Gateway> {
    post(learn_anew)
}

async fn read(arrival: Arrival) -> Answer {
    let scope = scope(&arrival, LEARNING)?;
    let at_least = arrival.at_least(About::Database(scope.database().as_str()))?;
    answer(&arrival.gateway, &scope, at_least, None).await
}

async fn switch(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    media::json(arrival.headers())?;
    let value = tidelog_core::document::parse_value(&body.bytes)?;
    let members = value.as_object().filter(|members| members.len() == 1);
    let to = match members.and_then(|members| members.get("learning")) {
        Some(Value::Bool(true)) => LearningChange::On,
        Some(Value::Bool(false)) => LearningChange::Off,
        _ => {
            return Err(Failure::bad_request(
                r#"learning is switched by {"learning":true} or {"learning":false}"#,
            ));
        }
    };
    change(arrival, LEARNING, to).await
}

async fn give_back(mut arrival: Arrival) -> Answer {
    arrival.discard_body().await;
    change(arrival, LEARNING, LearningChange::AsDatabase).await
}

async fn learn_anew(mut arrival: Arrival) -> Answer {
    arrival.discard_body().await;
    change(arrival, "/schema/relearn", LearningChange::Anew).await
}

async fn change(arrival: Arrival, after: &str, to: LearningChange) -> Answer {
    let scope = scope(&arrival, after)?;
    no_condition(arrival.headers())?;
    refuse_key(&arrival)?;
    let change = SchemaChange::SwitchLearning { scope: scope.clone(), to };
    let gateway = arrival.gateway.clone();
    let (_, position) = carry_out(arrival, scope.database(), change, Again::AsIs).await?;
    answer(&gateway, &scope, position.into(), Some(position)).await
}

async fn answer(
    gateway: &Gateway,
    scope: &LearningScope,
    at_least: Positions,
    position: Option<Position>,
) -> Answer {
    let view = gateway.driver().learning(scope, at_least, gateway.deadline()).await?;
    let view = view.ok_or_else(|| unknown_database(&scope.database()))?;
    let response = representation(&view);
    Ok(match position {
        Some(position) => told(response, position),
        None => response,
    })
}

fn representation(view: &LearningView) -> Response {
    let mut json = Json::with_capacity(96);
    json.raw(r#"{"learning":"#).raw(if view.is_on { "true" } else { "false" });
    json.raw(r#","since":"#).revision(view.since);
    json.raw(r#","by":"#).string(view.by.as_str()).raw("}");
    respond::json(StatusCode::OK, json.into_bytes())
}

fn scope(arrival: &Arrival, after: &str) -> Result<LearningScope, Failure> {
    let path = arrival.path();
    if path.starts_with(COLLECTIONS) {
        let collection: CollectionId = path::id(path, COLLECTIONS, after)?;
        return Ok(LearningScope::Collection(collection));
    }
    let database: DatabaseId = path::id(path, "/v1/databases/", after)?;
    Ok(LearningScope::Database(database))
}

const LEARNING: &str = "/schema/learning";
