//! What is measured, and the bare programs it is measured against.
//!
//! Nothing here uses a Tidelog crate, nor do three of the programs: `bare` is the smallest server that
//! does the same durable work, `load` speaks HTTP to either server, and `limits` measures one core.

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
