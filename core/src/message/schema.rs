//! Requests for the schemas of databases, and what they changed.

use serde::{Deserialize, Serialize};

use super::request::Origin;
use crate::{
    id::{DatabaseId, RequestName, Revision},
    time::Timestamp,
};

/// A request for one database's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPatch {
    /// Who asks.
    pub origin: Origin,
    /// The database.
    pub database: DatabaseId,
    /// What is asked for.
    pub change: SchemaChange,
}

/// What can be asked of a database's schema.
///
/// The order is part of the message format: new changes go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaChange {
    /// Read it.
    Read,
    /// Make sure that the database exists. That is its first change.
    Provision,
}

/// A database's schema as it stands after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaUpdate {
    /// The database.
    pub database: DatabaseId,
    /// The schema's revision after the change.
    pub revision: Revision,
    /// When the database was provisioned, in task time.
    pub created: Timestamp,
    /// The request that changed it.
    pub request: RequestName,
    /// The task time of the change.
    pub time: Timestamp,
}
