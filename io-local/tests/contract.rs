//! The laws of the ports, put to the embedded log.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tidelog_contract::{Answering, Backend, Durable, Trimming};
use tidelog_core::{Layout, Offset, PartitionId, ServiceName, Topic};
use tidelog_io_local::{LocalClient, LocalLog, LocalSnapshots, LocalTransport, Settings};

tidelog_contract::contract_tests!(fresh);
tidelog_contract::durable_tests!(fresh);
tidelog_contract::query_tests!(fresh);
tidelog_contract::retention_tests!(fresh);

fn fresh(layout: Layout) -> Embedded {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let log = Some(open(folder.path(), layout));
    Embedded { log, layout, folder }
}

struct Embedded {
    /// Before the folder, so that it is closed before the folder goes.
    log: Option<LocalLog>,
    layout: Layout,
    folder: TempDir,
}

impl Embedded {
    fn log(&self) -> &LocalLog {
        self.log.as_ref().expect("the log is open")
    }
}

fn open(folder: &Path, layout: Layout) -> LocalLog {
    let settings = Settings {
        // Little, so that readers meet the disk too.
        tail_bytes: 4 * 1024,
        // Small, so that what they read is in many segments.
        segment_bytes: 16 * 1024,
        at_least_wait: Duration::from_millis(200),
        ..Settings::new(layout)
    };
    LocalLog::open(folder, settings).expect("a data folder of our own")
}

impl Backend for Embedded {
    type Transport = LocalTransport;
    type Client = LocalClient;

    fn transport(&self) -> LocalTransport {
        self.log().transport()
    }

    fn client(&self) -> LocalClient {
        self.log().client()
    }

    fn block_on<F: Future>(&self, law: F) -> F::Output {
        pollster::block_on(law)
    }

    async fn evict(&self, service: ServiceName) {
        self.log().evict(service);
    }
}

impl Durable for Embedded {
    fn restart(&mut self) {
        self.log.take().expect("the log is open").close();
        self.log = Some(open(self.folder.path(), self.layout));
    }

    fn crash(&mut self) {
        self.log.take().expect("the log is open").crash();
        self.log = Some(open(self.folder.path(), self.layout));
    }
}

impl Answering for Embedded {
    type Snapshots = LocalSnapshots;

    fn snapshots(&self) -> LocalSnapshots {
        self.log().snapshots()
    }
}

impl Trimming for Embedded {
    async fn trim(&self, topic: Topic, partition: PartitionId, start: Offset) {
        self.log().trim(topic, partition, start).expect("the disk can be written");
    }
}
