//! The runner: joins a service to a transport, and the same code in every home.
//!
//! It needs no executor, no timer and no thread of its own. [`run`] is a future: a worker blocks on it
//! on its own thread in production, and it is a local task in simulation. Waiting for records,
//! deadlines and commits is the session's business.

mod error;
mod queries;
mod runner;
mod settings;
mod task;

pub use error::RunError;
pub use queries::LocalQueries;
pub use runner::run;
pub use settings::Settings;
