//! The laws of the ports, put to a real broker.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use futures_channel::oneshot;
use rdkafka::{TopicPartitionList, admin::AdminOptions};
use tempfile::TempDir;
use tidelog_contract::{Answering, Backend, Durable, Trimming};
use tidelog_core::{Layout, Offset, PartitionId, ServiceName, Topic};
use tidelog_io_kafka::{KafkaClient, KafkaSnapshots, KafkaTransport, Settings, Topics};
use tidelog_io_local::FjallStore;
use tidelog_test_broker::Cluster;

use crate::broker::{self, broker};

tidelog_contract::contract_tests!(fresh, if broker::is_there);
tidelog_contract::query_tests!(fresh, if broker::is_there);
tidelog_contract::retention_tests!(fresh, if broker::is_there);
tidelog_contract::durable_tests!(with_own_broker, if broker::is_there);

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

/// Topics on the broker that all tests share. Of three nodes one is being started again meanwhile.
fn fresh(layout: Layout) -> Kafka {
    let kafka = made(broker::settings(layout), None);
    broker().disturb();
    kafka
}

/// A broker that the law may kill.
fn with_own_broker(layout: Layout) -> Kafka {
    let cluster = broker::own_broker();
    made(broker::settings_of(&cluster, layout), Some(cluster))
}

fn made(settings: Settings, cluster: Option<Cluster>) -> Kafka {
    let settings = Settings {
        fetch_wait: Duration::from_millis(10),
        query_wait: Duration::from_secs(3),
        ..settings
    };
    let topics = Topics::connect(&settings).expect("a client");
    topics.create(TOPICS).expect("topics of our own");
    let folder = tempfile::tempdir().expect("a folder for the test");
    Kafka {
        settings,
        folder,
        nodes: AtomicU32::new(0),
        asked: Mutex::default(),
        cluster: cluster.map(|it| Arc::new(Mutex::new(it))),
    }
}

/// Topics of one test on the broker.
struct Kafka {
    settings: Settings,
    /// The stores of the nodes.
    folder: TempDir,
    nodes: AtomicU32,
    /// The node that is asked, until it is the next one that is wanted.
    asked: Mutex<Option<KafkaTransport<FjallStore>>>,
    /// Where the broker is the law's own.
    cluster: Option<Arc<Mutex<Cluster>>>,
}

impl Kafka {
    fn node(&self) -> KafkaTransport<FjallStore> {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        let node = format!("node-{number}");
        let folder = self.folder.path().join(&node);
        let store = FjallStore::open(&folder, CACHE_BYTES).expect("a folder of our own");
        KafkaTransport::new(Settings { node, ..self.settings.clone() }, store)
    }

    fn own_cluster(&self) -> &Mutex<Cluster> {
        self.cluster.as_ref().expect("a broker that may be killed")
    }

    /// The same nodes are back, with the stores that they had.
    fn begin_again(&self) {
        self.nodes.store(0, Ordering::Relaxed);
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
        match self.cluster.clone() {
            None => beside(move || broker().evict(&group)).await,
            Some(cluster) => beside(move || locked(&cluster).evict(&group)).await,
        }
    }
}

impl Durable for Kafka {
    /// The nodes of the broker are killed in turn.
    fn restart(&mut self) {
        let mut cluster = locked(self.own_cluster());
        for _ in 0..cluster.nodes() {
            cluster.kill_the_next();
        }
        cluster.settle();
        drop(cluster);
        self.begin_again();
    }

    /// All of them are killed at once.
    fn crash(&mut self) {
        let mut cluster = locked(self.own_cluster());
        (0..cluster.nodes()).for_each(|node| cluster.kill(node));
        (0..cluster.nodes()).for_each(|node| cluster.revive(node));
        cluster.settle();
        drop(cluster);
        self.begin_again();
    }
}

impl Trimming for Kafka {
    async fn trim(&self, topic: Topic, partition: PartitionId, start: Offset) {
        let mut list = TopicPartitionList::new();
        let (name, partition) = (self.settings.topic(topic), partition.0.cast_signed());
        let start = rdkafka::Offset::Offset(start.0.cast_signed());
        list.add_partition_offset(&name, partition, start).expect("an offset");
        let admin = broker::admin();
        let trimmed = admin.delete_records(&list, &AdminOptions::new()).await.expect("an answer");
        assert!(trimmed.elements().iter().all(|element| element.error().is_ok()), "{trimmed:?}");
    }
}

fn locked(cluster: &Mutex<Cluster>) -> MutexGuard<'_, Cluster> {
    cluster.lock().expect("nobody died while it had the broker")
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
