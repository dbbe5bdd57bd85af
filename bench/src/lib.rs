//! What is measured, and the bare programs it is measured against.
//!
//! None of the programs here depends on a Tidelog crate: `bare` is the smallest server that does
//! the same durable work, `load` speaks HTTP to either of them, and `limits` measures one core.

pub mod bare;
pub mod client;
pub mod doc;
pub mod hist;
pub mod host;
pub mod trace;

/// The error of every fallible function here: nothing is handled but by being printed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
