//! The services of Tidelog as pure state machines: one module for each, depending on `core` and on
//! what `tidelog-schema` knows of schemas.
//!
//! A machine is a unit struct. All that it knows is in its tables, so a crash between any two calls
//! is harmless, and a record that is handled again changes nothing. Machines never know each other;
//! what they have in common, the exactly-once bookkeeping of requests, is a module of its own.
//!
//! There is no clock here, no randomness, no thread, no lock, no file and no hash order.

mod change_stream;
mod changes_in_zone;
mod coalescing;
mod device;
mod entity_batch;
mod entity_storage;
mod exactly_once;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile_tests;
mod inspect;
#[cfg(test)]
mod learning_tests;
mod response_accumulator;
mod schema_learning;
mod schema_learning_partitioner;
mod schema_storage;
mod set_aside;
mod zone_watch;

pub use change_stream::ChangeStream;
pub use changes_in_zone::ChangesInZone;
pub use coalescing::Coalescing;
pub use device::DeviceKeeper;
pub use entity_batch::EntityBatch;
pub use entity_storage::EntityStorage;
pub use inspect::serialize_row;
pub use response_accumulator::ResponseAccumulator;
pub use schema_learning::{Pace, SchemaLearning};
pub use schema_learning_partitioner::SchemaLearningPartitioner;
pub use schema_storage::SchemaStorage;
pub use zone_watch::{Chunk, ZoneWatch};
