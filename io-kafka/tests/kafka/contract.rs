//! The laws of the ports, put to a real broker.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use futures_channel::oneshot;
use rdkafka::{TopicPartitionList, admin::AdminOptions};
use tempfile::TempDir;
use tidelog_contract::{Answering, Backend, Trimming};
use tidelog_core::{Layout, Offset, PartitionId, ServiceName, Topic};
use tidelog_io_kafka::{KafkaClient, KafkaSnapshots, KafkaTransport, Settings, Topics};
use tidelog_io_local::FjallStore;

use crate::broker::{self, broker};

tidelog_contract::contract_tests!(fresh, if broker::is_there);
tidelog_contract::query_tests!(fresh, if broker::is_there);
tidelog_contract::retention_tests!(fresh, if broker::is_there);

/// Bytes of the cache of a test's store.
const CACHE_BYTES: u64 = 1024 * 1024;

/// The topics of the suite's services.
const TOPICS: [Topic; 8] = [
    Topic::EntityBatches,
    Topic::SchemaPatches,
    Topic::EntityPatches,
    Topic::PartialResponses,
    Topic::EntityUpdates,
    Topic::DeadLetters,
    Topic::Changelog(ServiceName::EntityBatch),
    Topic::Changelog(ServiceName::EntityStorage),
];

fn fresh(layout: Layout) -> Kafka {
    let settings = Settings {
        fetch_wait: Duration::from_millis(10),
        query_wait: Duration::from_millis(200),
        ..broker::settings(layout)
    };
    let topics = Topics::connect(&settings).expect("a client");
    topics.create(TOPICS).expect("topics of our own");
    let folder = tempfile::tempdir().expect("a folder for the test");
    Kafka { settings, folder, nodes: AtomicU32::new(0), asked: Mutex::default() }
}

/// Topics of one test on the broker.
struct Kafka {
    settings: Settings,
    /// The stores of the nodes.
    folder: TempDir,
    nodes: AtomicU32,
    /// The node that is asked, until it is the next one that is wanted.
    asked: Mutex<Option<KafkaTransport<FjallStore>>>,
}

impl Kafka {
    fn node(&self) -> KafkaTransport<FjallStore> {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        let node = format!("node-{number}");
        let folder = self.folder.path().join(&node);
        let store = FjallStore::open(&folder, CACHE_BYTES).expect("a folder of our own");
        KafkaTransport::new(Settings { node, ..self.settings.clone() }, store)
    }
}

impl Backend for Kafka {
    type Transport = KafkaTransport<FjallStore>;
    type Client = KafkaClient;

    const CASES: u32 = 8;

    /// Another node, with a store of its own.
    fn transport(&self) -> KafkaTransport<FjallStore> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        asked.unwrap_or_else(|| self.node())
    }

    fn client(&self) -> KafkaClient {
        KafkaClient::connect(&self.settings).expect("a client")
    }

    fn block_on<F: Future>(&self, law: F) -> F::Output {
        pollster::block_on(law)
    }

    async fn evict(&self, service: ServiceName) {
        let group = self.settings.group(service);
        beside(move || broker().evict(&group)).await;
    }
}

impl Answering for Kafka {
    type Snapshots = KafkaSnapshots<FjallStore>;

    /// Of the next node.
    fn snapshots(&self) -> KafkaSnapshots<FjallStore> {
        let node = self.node();
        let snapshots = node.snapshots();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
        snapshots
    }
}

impl Trimming for Kafka {
    async fn trim(&self, topic: Topic, partition: PartitionId, start: Offset) {
        let mut list = TopicPartitionList::new();
        let (name, partition) = (self.settings.topic(topic), partition.0.cast_signed());
        let start = rdkafka::Offset::Offset(start.0.cast_signed());
        list.add_partition_offset(&name, partition, start).expect("an offset");
        let admin = broker().admin();
        let trimmed = admin.delete_records(&list, &AdminOptions::new()).await.expect("an answer");
        assert!(trimmed.elements().iter().all(|element| element.error().is_ok()), "{trimmed:?}");
    }
}

/// Does what may block on a thread of its own.
async fn beside(work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = oneshot::channel();
    let thread = thread::spawn(move || {
        work();
        done.send(()).expect("somebody waits");
    });
    is_done.await.expect("the work is done");
    thread.join().expect("the work is done");
}
