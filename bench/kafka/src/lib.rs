//! Exactly-once patches on a broker: the input, a bare loop without any Tidelog code, and the clock
//! that measures the loop, the Kafka Streams peer and Tidelog alike.
//!
//! Nothing in this library uses a Tidelog crate, but for the tests; the program `kafka-tidelog` does.

pub mod bare;
pub mod broker;
pub mod check;
pub mod input;
pub mod measure;
pub mod merge;
pub mod preload;
pub mod table;
pub mod wire;

/// What the programs here can fail with: it is printed, and that is the end.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
