//! What became of a request.

use axum::http::StatusCode;
use tidelog_core::{RequestId, query::RequestView};
use tidelog_driver::RequestState;

use crate::{
    gateway::{Answer, Arrival},
    json::Json,
    path, respond,
};

/// GET requests/{id}
pub(super) async fn read(arrival: Arrival) -> Answer {
    let id: RequestId = path::id(arrival.path(), "/v1/requests/", "")?;
    let state = arrival.gateway.driver().outcome(&id).await?;
    let mut json = Json::with_capacity(256);
    json.raw(r#"{"id":"#).string(&id.to_string());
    match state {
        RequestState::Pending => json.raw(r#","state":"pending"}"#),
        RequestState::Expired => json.raw(r#","state":"expired"}"#),
        RequestState::Done(view) => {
            json.raw(r#","state":"done","answer":{"#);
            write_answer(&mut json, &id, &view);
            json.raw("}}")
        }
    };
    Ok(respond::json(StatusCode::OK, json.into_bytes()))
}

/// Writes the members of the answer.
fn write_answer(json: &mut Json, id: &RequestId, view: &RequestView) {
    if !view.is_batch {
        let answer = view.answers.first().and_then(Option::as_ref);
        return respond::write_part(json, id, None, answer, None, false);
    }
    json.raw(r#""status":200,"parts":"#).list(&view.answers, |json, answer| {
        json.raw("{");
        respond::write_part(json, id, None, answer.as_ref(), None, false);
        json.raw("}");
    });
}
