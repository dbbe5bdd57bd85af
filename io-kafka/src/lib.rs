//! Tidelog on Kafka and Redpanda, through librdkafka.

mod changelog;
mod context;
mod settings;
mod topics;

pub use settings::{Leaving, Settings};
pub use topics::{Described, Difference, Topics, TopicsError, of_service};
