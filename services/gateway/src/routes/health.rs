//! Whether the gateway lives and is ready, and what its problems mean.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use tidelog_core::ProblemKind;

use crate::{
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    headers::host::check_host,
    problem::{self, Kind},
    readiness::Complaint,
    respond,
};

/// GET /healthz: the process answers, whether the gateway is ready or not.
pub(super) async fn alive(request: Request) -> Answer {
    check_host(request.version(), request.headers())?;
    Ok(respond::json(StatusCode::OK, r#"{"status":"alive"}"#))
}

/// GET /metrics: what the node counts, whether the gateway is ready or not.
pub(super) async fn metrics(State(gateway): State<Gateway>, request: Request) -> Answer {
    check_host(request.version(), request.headers())?;
    let page = gateway.settings().metrics.page();
    let page = page.ok_or_else(|| Failure::new(Kind::UnknownRoute, "this node counts nothing"))?;
    let mut response = Response::new(page.into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}

/// GET /readyz: the gateway knows the databases, the log can be reached, and all tasks of the node do their work. A gateway
/// that does not know them has refused the request already.
pub(super) async fn ready(arrival: Arrival) -> Answer {
    arrival.gateway.check_log()?;
    match arrival.gateway.settings().readiness.complaint() {
        None => Ok(respond::json(StatusCode::OK, r#"{"status":"ready"}"#)),
        Some(Complaint { detail, tasks }) => {
            Err(Failure::new(Kind::TasksNotRunning, detail).of_tasks(tasks))
        }
    }
}

/// GET /problems/{name}: what the type of a problem leads to.
pub(super) async fn problem(arrival: Arrival) -> Answer {
    let name = arrival.path().strip_prefix("/problems/").unwrap_or_default();
    let page = problem::page(name)
        .ok_or_else(|| Failure::new(ProblemKind::NotFound, "there is no such type of problem"))?;
    let mut response = Response::new(page.into());
    let markdown = HeaderValue::from_static("text/markdown; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, markdown);
    Ok(response)
}
