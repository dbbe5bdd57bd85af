//! Requests of many parts.

use serde::{Deserialize, Serialize};

use super::{
    entity::PartRequest,
    request::{IdempotencyKey, Origin},
};
use crate::{id::DatabaseId, problem::Problem};

/// A request of many parts, each of them for one entity of the database. Parts are not atomic
/// together; each is in itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityBatch {
    /// Who asks.
    pub origin: Origin,
    /// The database that every part must be about.
    pub database: DatabaseId,
    /// The key that the caller brought.
    pub key: Option<IdempotencyKey>,
    /// Whether the answers are to hold the documents.
    pub wants_values: bool,
    /// The parts, answered in this order.
    pub parts: Vec<BatchPart>,
}

/// A part of a batch as its caller wrote it: what is wrong in itself fails alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPart {
    /// The entity's id, as written.
    pub entity: Box<str>,
    /// What is asked for, or what is wrong with it.
    pub request: Result<PartRequest, Problem>,
}
