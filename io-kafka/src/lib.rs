//! Tidelog on Kafka and Redpanda, through librdkafka.

mod changelog;
mod client;
mod clock;
mod context;
mod error;
mod leases;
mod member;
mod record;
mod restorer;
mod session;
mod settings;
mod topics;
mod transport;

pub use client::KafkaClient;
pub use error::ConnectError;
pub use session::KafkaSession;
pub use settings::{Leaving, Settings};
pub use topics::{Described, Difference, Topics, TopicsError, of_service};
pub use transport::KafkaTransport;
