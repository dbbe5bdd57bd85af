//! What there is under which URL.

mod batch;
mod changes;
mod databases;
mod devices;
mod entities;
mod health;
mod learning;
mod lists;
mod notifications;
mod requests;
mod schemas;

use axum::{
    Router,
    routing::{MethodRouter, get, post, put},
};

use crate::gateway::{Gateway, method_not_allowed, unknown_route};

/// The table of routes.
pub(crate) fn table(gateway: Gateway) -> Router {
    Router::new()
        .route("/v1/entities/{*id}", closed(entities::route()))
        .route("/v1/zones/{db}/{c}/{z}/entities", closed(get(lists::zone).post(entities::add)))
        .route("/v1/collections/{db}/{c}/entities", closed(get(lists::collection)))
        .route("/v1/collections/{db}/{c}/zones", closed(get(lists::zones)))
        .route("/v1/databases", closed(get(databases::list)))
        .route("/v1/databases/{db}", closed(put(databases::provision).get(databases::read)))
        .route("/v1/databases/{db}/collections", closed(get(lists::collections)))
        .route("/v1/databases/{db}/batch", closed(post(batch::carry_out)))
        .route("/v1/databases/{db}/schema", closed(get(schemas::read_all)))
        .route("/v1/databases/{db}/schema/learning", closed(learning::of_database()))
        .route("/v1/databases/{db}/schema/relearn", closed(learning::anew()))
        .route("/v1/collections/{db}/{c}/schema", closed(schemas::route()))
        .route("/v1/collections/{db}/{c}/schema/stated", closed(get(schemas::read_stated)))
        .route("/v1/collections/{db}/{c}/schema/learning", closed(learning::of_collection()))
        .route("/v1/collections/{db}/{c}/schema/relearn", closed(learning::anew()))
        .route("/v1/zones/{db}/{c}/{z}/changes", closed(get(changes::read)))
        .route("/v1/users/{user}/devices", closed(get(devices::list)))
        .route("/v1/users/{user}/devices/{device}", closed(devices::route()))
        .route("/v1/devices/{device}/notifications", closed(get(notifications::read)))
        .route("/v1/devices/{device}/notifications/ack", closed(post(notifications::acknowledge)))
        .route("/v1/requests/{id}", closed(get(requests::read)))
        .route("/problems/{name}", closed(get(health::problem)))
        .route("/healthz", get(health::alive).fallback(method_not_allowed))
        .route("/metrics", get(health::metrics).fallback(method_not_allowed))
        .route("/readyz", closed(get(health::ready)))
        .fallback(unknown_route)
        .with_state(gateway)
}

/// Answers every other method with a problem.
fn closed(route: MethodRouter<Gateway>) -> MethodRouter<Gateway> {
    route.fallback(method_not_allowed)
}
