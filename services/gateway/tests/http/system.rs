//! A whole system in one thread, and scripts that run against it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tidelog_contract::memory::Memory;
use tidelog_core::{
    Layout, Position, Service, Topic,
    port::{Client, Record},
};
use tidelog_driver::{Connection, Driver, Options};
use tidelog_gateway::{Settings, serve};
use tidelog_machines::{
    ChangesInZone, Chunk, Coalescing, DeviceKeeper, EntityBatch, EntityStorage, Pace,
    ResponseAccumulator, SchemaLearning, SchemaLearningPartitioner, SchemaStorage, ZoneWatch,
};
use tidelog_runtime::{LocalQueries, run};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, LocalSet, spawn_local},
};

use crate::{
    client::Ask,
    log::{Appends, Log},
};

/// A gateway that listens, and everything behind it.
pub(crate) struct System {
    memory: Memory,
    log: Log,
    pub(crate) address: SocketAddr,
    connection: Mutex<Option<Connection<Log>>>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    server: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

/// Runs a script against a system with the database `shop`.
pub(crate) fn script<F: Future<Output = ()>>(test: impl FnOnce(Arc<System>) -> F) {
    script_with(settings(), test);
}

/// The same, under other settings.
pub(crate) fn script_with<F: Future<Output = ()>>(
    settings: Settings,
    test: impl FnOnce(Arc<System>) -> F,
) {
    prepared(settings, Options::new("test-1"), test);
}

/// The same, with a driver that has few requests under way at a time.
pub(crate) fn crowded<F: Future<Output = ()>>(
    in_flight_max: usize,
    test: impl FnOnce(Arc<System>) -> F,
) {
    prepared(settings(), Options { in_flight_max, ..Options::new("test-1") }, test);
}

fn prepared<F: Future<Output = ()>>(
    settings: Settings,
    options: Options,
    test: impl FnOnce(Arc<System>) -> F,
) {
    run_script(settings, options, async |system| {
        system.connect().await;
        system.put("/v1/databases/shop", "").await.is(201);
        test(system).await;
    });
}

/// Runs a script against a system whose driver is not connected yet.
pub(crate) fn unconnected<F: Future<Output = ()>>(
    settings: Settings,
    test: impl FnOnce(Arc<System>) -> F,
) {
    run_script(settings, Options::new("test-1"), test);
}

fn run_script<F: Future<Output = ()>>(
    settings: Settings,
    options: Options,
    test: impl FnOnce(Arc<System>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let everything = async {
        let system = System::start(settings, options).await;
        test(system).await;
    };
    let limited = async {
        tokio::time::timeout(Duration::from_secs(120), everything).await.expect("the script ends");
    };
    LocalSet::new().block_on(&runtime, limited);
}

/// Settings under which nothing takes long.
pub(crate) fn settings() -> Settings {
    Settings { drain_timeout: Duration::from_secs(5), ..Settings::default() }
}

impl System {
    async fn start(settings: Settings, options: Options) -> Arc<Self> {
        let memory = Memory::new(Layout::new(3).expect("a layout"));
        spawn_local(tick(memory.clone()));
        spawn_local(work(memory.clone(), EntityBatch));
        spawn_local(work(memory.clone(), EntityStorage));
        spawn_local(work(memory.clone(), SchemaStorage));
        spawn_local(work(memory.clone(), ResponseAccumulator));
        spawn_local(work(memory.clone(), SchemaLearningPartitioner));
        let pace = Pace { definition: Duration::from_millis(5), counts: Duration::from_millis(10) };
        spawn_local(work(memory.clone(), SchemaLearning { pace }));
        spawn_local(work(memory.clone(), ChangesInZone));
        spawn_local(work(memory.clone(), WATCH));
        spawn_local(work(memory.clone(), Coalescing::default()));
        spawn_local(work(memory.clone(), DeviceKeeper::default()));
        let services: [Box<dyn Service + Send + Sync>; 7] = [
            Box::new(EntityBatch),
            Box::new(EntityStorage),
            Box::new(SchemaStorage),
            Box::new(ResponseAccumulator),
            Box::new(WATCH),
            Box::new(Coalescing::default()),
            Box::new(DeviceKeeper::default()),
        ];
        let queries = Arc::new(LocalQueries::new(memory.clone(), services));
        let log = Log::new(memory.clone());
        let (driver, connection) = Driver::new(log.clone(), queries, options).expect("a driver");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let server = spawn_local(serve(listener, driver, settings, async {
            let _ = stopped.await;
        }));
        Arc::new(Self {
            memory,
            log,
            address,
            connection: Mutex::new(Some(connection)),
            stop: Mutex::new(Some(stop)),
            server: Mutex::new(Some(server)),
        })
    }

    /// Connects the driver, and waits until the gateway is ready.
    pub(crate) async fn connect(&self) {
        let connection = self.connection.lock().expect("no panic").take().expect("not connected");
        spawn_local(connection.run());
        while self.get("/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Has commits take so long that requests under way get no answer for a while.
    pub(crate) fn stall(&self, time: Duration) {
        self.memory.set_commit_time(time);
    }

    /// The position of the newest record about an entity.
    pub(crate) fn last_record(&self, path: &str) -> String {
        let id = path.strip_prefix("/v1/entities/").expect("the path of an entity");
        let (topic, partition) = (Topic::EntityPatches, self.memory.layout().partition(id));
        let last = self.memory.records(topic, partition).pop().expect("a record");
        Position { topic, partition, offset: last.offset }.to_string()
    }

    /// What a topic has, partition by partition.
    pub(crate) fn records(&self, topic: Topic) -> Vec<Record> {
        let partitions = self.memory.layout().all();
        partitions.flat_map(|partition| self.memory.records(topic, partition)).collect()
    }

    /// Says what becomes of what the gateway appends to the log.
    pub(crate) fn appends(&self, appends: Appends) {
        self.log.set_appends(appends);
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&self) {
        let stop = self.stop.lock().expect("no panic").take().expect("not stopped");
        stop.send(()).expect("the server runs");
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(&self) {
        let server = self.server.lock().expect("no panic").take().expect("not waited for");
        server.await.expect("no panic").expect("a clean end");
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub(crate) fn put(&self, path: &str, body: impl Into<String>) -> Ask {
        self.ask("PUT", path).json(body)
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<String>) -> Ask {
        self.ask("POST", path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask {
        self.ask("DELETE", path)
    }

    pub(crate) fn patch(&self, path: &str, kind: &str, body: impl Into<String>) -> Ask {
        let media_type = format!("application/{kind}+json");
        self.ask("PATCH", path).with("content-type", &media_type).body(body.into())
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.address, method, path)
    }
}

/// A feed that keeps the last 20 changes.
const WATCH: ZoneWatch =
    ZoneWatch { feed_changes: 20, chunk: Chunk { devices: 2, subscriptions: 10 } };

/// Lets the log's clock go as the real one does.
async fn tick(memory: Memory) {
    const TICK: Duration = Duration::from_millis(1);
    loop {
        tokio::time::sleep(TICK).await;
        memory.advance(TICK);
    }
}

async fn work(memory: Memory, service: impl Service) {
    let settings = tidelog_runtime::Settings::default();
    run(&memory, &service, &settings, std::future::pending()).await.expect("the service runs");
}
