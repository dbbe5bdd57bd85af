//! What became of a request.

use axum::http::StatusCode;
use tidelog_core::{ProblemKind, RequestId, query::RequestView};
use tidelog_driver::RequestState;
use uuid::Uuid;

use crate::{
    again::Again,
    failure::Failure,
    gateway::{Answer, Arrival},
    json::Json,
    path, respond,
};

/// GET requests/{id}
pub(super) async fn read(arrival: Arrival) -> Answer {
    check_is_of_request(arrival.path())?;
    let id: RequestId = path::id(arrival.path(), "/v1/requests/", "")?;
    let gateway = &arrival.gateway;
    let state = gateway.driver().outcome(&id, gateway.deadline()).await?;
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

/// Refuses the id of a problem whose request never got into the log.
fn check_is_of_request(path: &str) -> Result<(), Failure> {
    let text = path.strip_prefix("/v1/requests/").unwrap_or_default();
    if Uuid::try_parse(text).is_err() {
        return Ok(());
    }
    Err(Failure::new(
        ProblemKind::NotFound,
        "this id names an answer only: its request never was in the log, and nothing was changed \
         by it",
    ))
}

/// Writes the members of the answer.
fn write_answer(json: &mut Json, id: &RequestId, view: &RequestView) {
    if !view.is_batch {
        let answer = view.answers.first().and_then(Option::as_ref);
        return respond::write_part(json, id, None, answer, None, false, Again::NotKnown);
    }
    json.raw(r#""status":200,"parts":"#).list(&view.answers, |json, answer| {
        json.raw("{");
        respond::write_part(json, id, None, answer.as_ref(), None, false, Again::NotKnown);
        json.raw("}");
    });
    // Whether those of writes were asked for is not known any more.
    let is_any_left_out =
        view.answers.iter().flatten().any(|answer| respond::is_value_left_out(answer, None, false));
    if is_any_left_out {
        json.raw(r#","values":"omitted""#);
    }
}
