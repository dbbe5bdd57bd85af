//! Nodes of a cluster in processes of their own, on a real broker, and what becomes of them.

mod crash;
mod histories;
#[allow(dead_code, reason = "shared with the tests of a node alone")]
#[path = "../system/http.rs"]
mod http;
mod ledger;
mod log;
mod member;
mod paused;
mod world;
mod writers;
