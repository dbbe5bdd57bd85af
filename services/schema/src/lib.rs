//! What schemas say: learned from documents, stated by users, and both as one.
//!
//! - [`Model`]: what was learned of a collection, from documents that came and went.
//! - [`Model::definition`]: the same as JSON Schema 2020-12, with annotations under `x-tidelog`.
//! - [`Statement`]: a JSON Schema of a user's, checked.
//! - [`combined`]: both as one definition, where the user's word wins.
//! - [`schema_of`], [`schema_of_database`]: as they are shown.
//!
//! Everything here is a function of its input: no clock, no randomness, no hash order. Schemas
//! describe documents and never keep one out.

#![warn(clippy::wildcard_enum_match_arm)]

mod combined;
pub mod limits;
mod model;
mod print;
mod render;
mod statement;
mod types;
mod view;

pub use combined::combined;
pub use model::{Model, NotLearned};
pub use print::{collection_schema, database_schema};
pub use render::Notes;
pub use statement::{Fault, Statement, StatementError, pointer_of};
pub use view::{schema_of, schema_of_database};
