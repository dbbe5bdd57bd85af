//! The HTTP gateway of Tidelog: what [`tidelog_driver`] offers, as URLs and JSON.
//!
//! | path below `/v1` | methods |
//! |---|---|
//! | `databases`, `databases/{db}` | GET; PUT provisions, GET |
//! | `databases/{db}/batch` | POST |
//! | `databases/{db}/collections`, `collections/{db}/{c}/zones` | GET |
//! | `entities/{db}/{c}/{z}/{id}` | GET, HEAD, PUT, PATCH, DELETE |
//! | `zones/{db}/{c}/{z}/entities` | GET; POST adds an entity |
//! | `collections/{db}/{c}/entities` | GET |
//! | `databases/{db}/schema` | GET |
//! | `collections/{db}/{c}/schema` | GET, PUT, PATCH, DELETE: what users state in it |
//! | `collections/{db}/{c}/schema/stated` | GET: that alone |
//! | `databases/{db}/schema/learning` | GET; PUT switches it |
//! | `collections/{db}/{c}/schema/learning` | GET, PUT; DELETE: as its database has it |
//! | `databases/{db}/schema/relearn`, `collections/{db}/{c}/schema/relearn` | POST |
//! | `zones/{db}/{c}/{z}/changes` | GET: the change feed; as `text/event-stream` it goes on |
//! | `users/{user}/devices` | GET |
//! | `users/{user}/devices/{device}` | PUT: it is there; GET, DELETE |
//! | `devices/{device}/notifications` | GET; as `text/event-stream` it goes on |
//! | `devices/{device}/notifications/ack` | POST |
//! | `requests/{id}` | GET |
//!
//! Beside `/v1` there are `/healthz`, `/readyz`, and `/problems/{name}`, to which the `type` of
//! every problem leads.
//!
//! # Invariants
//!
//! - The gateway holds no data: what it knows of a request is gone with the request. That a request
//!   is carried out once is the log's business, also when it comes again through another gateway.
//! - An entity's body is its document's text as it is stored; on a read it is neither parsed nor
//!   copied.
//! - Whatever can be refused without the log is: a request that comes into it is well-formed, and
//!   its database was there.
//! - Every answer that is no success is a problem document (RFC 9457), but for those that hyper gives
//!   before there is a request, which have no body: 400 to bytes that are no HTTP, 414 to a target
//!   and 431 to a header beyond all bounds. A connection that is idle for too long is closed without an
//!   answer.
//! - The documents of a batch's answer are left out together where they do not fit into one record, and
//!   singly where one is larger than its part's share; then it has `"values":"omitted"` beside `parts`.
//! - `request_id` in a problem is the request's name in the log, if it got there. Otherwise it is a
//!   fresh one that only the answer has; successes have none.
//! - There is no task for a request, and no timer unless something has to be waited for.

mod again;
mod answered;
mod batch;
mod body;
mod budget;
mod closing;
mod cors;
mod cursor;
mod events;
mod failure;
mod gateway;
mod headers;
mod json;
mod keys;
pub mod limits;
mod origin;
mod path;
mod problem;
mod readiness;
mod respond;
mod routes;
mod send;
mod server;
mod settings;
mod token;

use axum::{Router, middleware};
use tidelog_driver::Driver;

pub use origin::{Origin, OriginError};
pub use readiness::{Ailing, Ailments, Readiness};
pub use server::serve;
pub use settings::{CorsOrigin, Metrics, Settings};

/// The routes over a driver. [`serve`] serves them within the limits of the settings; those on
/// connections are its own.
pub fn router(driver: Driver, settings: Settings) -> Router {
    router_until(driver, settings, closing::Closing::never())
}

/// The routes of a gateway that tells those who wait when it is about to stop.
fn router_until(driver: Driver, settings: Settings, closing: closing::Closing) -> Router {
    let cors = cors::Cors::new(&settings.cors_origin);
    let table = routes::table(gateway::Gateway::new(driver, settings, closing));
    match cors {
        None => table,
        Some(cors) => table.layer(middleware::from_fn_with_state(cors, cors::apply)),
    }
}
