//! What becomes of those who ask for a broker that is not there.

use std::time::{Duration, Instant};

use pollster::block_on;
use tidelog_core::{
    Layout, Offset, PartitionId, Topic,
    port::{Client, ClientError, SessionError, Transport},
};
use tidelog_io_kafka::{KafkaClient, KafkaTransport, Settings, Topics};
use tidelog_io_local::FjallStore;

use crate::world::COUNTER;

/// The time limit of a call, and how much longer it may take until that is told.
const TIMEOUT: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);

#[test]
fn joining_fails_in_time() {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let store = FjallStore::open(folder.path(), 1024 * 1024).expect("a folder of our own");
    let transport = KafkaTransport::new(settings(), store);
    let begin = Instant::now();
    let outcome = block_on(transport.join(&COUNTER)).map(drop);
    assert!(matches!(outcome, Err(SessionError::Lost(_))), "{outcome:?}");
    assert!(begin.elapsed() < TIMEOUT + GRACE);
}

#[test]
fn reading_ends_at_its_deadline_and_bounds_say_that_there_is_no_broker() {
    let client = KafkaClient::connect(&settings()).expect("a client");
    let begin = Instant::now();
    let until = client.now().plus(TIMEOUT);
    let (topic, partition) = (Topic::EntityPatches, PartitionId(0));
    let read = block_on(client.read(topic, partition, Offset(0), until));
    assert_eq!(read, Ok(Vec::new()));
    let bounds = block_on(client.bounds(topic, partition));
    assert!(matches!(bounds, Err(ClientError::Unavailable(_))), "{bounds:?}");
    assert!(begin.elapsed() < 2 * TIMEOUT + GRACE);
}

#[test]
fn topics_say_which_brokers_do_not_answer() {
    let topics = Topics::connect(&settings()).expect("a client");
    let error = topics.check([Topic::EntityPatches]).expect_err("there is no broker");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

/// Nobody listens at this port.
fn settings() -> Settings {
    let layout = Layout::new(1).expect("a layout");
    Settings { request_timeout: TIMEOUT, ..Settings::new("127.0.0.1:1", "absent-", layout) }
}
