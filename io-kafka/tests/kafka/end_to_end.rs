//! The real runner, services and driver on a real broker, with nodes that die on the way.

mod node;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use pollster::block_on;
use tidelog_core::{
    Answer, Document, EntityId, Layout, Position, Query, Revision, Timestamp,
    patch::JsonPatch,
    port::{AskError, BoxFuture, Queries, TaskId},
    query::DatabaseView,
};
use tidelog_driver::{Driver, Options};
use tidelog_io_kafka::{KafkaClient, Leaving, Settings, Topics, of_service};

use self::node::{Node, services};
use crate::broker;

/// How long a driver waits for an answer. It is long for a write whose services are restarted under it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is written is applied once, whatever becomes of the nodes: one that dies and finds its store
/// again, one that finds it empty, and one that leaves in good order.
#[test]
fn increments_are_applied_once_while_nodes_die_under_them() {
    if !broker::is_there() {
        return;
    }
    let layout = Layout::new(2).expect("a layout");
    // A node that dies does not leave.
    let leaving = Leaving::WhenTheSessionEnds;
    let settings = Settings { leaving, ..broker::settings(layout) };
    create_topics(&settings);
    let folder = tempfile::tempdir().expect("a folder for the stores");
    let store = |name| folder.path().join(name);

    let node = Node::start(&settings, &store("first"));
    let user = User::connect(&settings);
    let id: EntityId = "shop/orders/eu/42".parse().expect("an id");
    user.provision("shop");
    user.create(&id, r#"{"n":0,"tags":[]}"#);
    user.append(&id, "/tags/-", r#""new""#);
    user.increment(&id);
    assert_eq!(user.read(&id), (3, r#"{"n":1,"tags":["new"]}"#.into()));

    let writers = Writers::start(&settings, &id, 3);
    writers.wait_for(20);
    node.crash();
    let node = Node::start(&settings, &store("first"));
    writers.wait_for(40);
    node.crash();
    let node = Node::start(&settings, &store("second"));
    writers.wait_for(60);
    let other = Node::start(&Settings { node: "other".into(), ..settings }, &store("third"));
    writers.wait_for(80);
    node.stop();
    writers.wait_for(100);
    let written = writers.stop();

    let (revision, document) = user.read(&id);
    assert_eq!(revision, 3 + written);
    assert_eq!(document, format!(r#"{{"n":{},"tags":["new"]}}"#, 1 + written));
    other.stop();
}

/// A broker that is killed and comes back loses nothing that was answered, and doubles nothing that was
/// on its way.
#[test]
fn increments_are_applied_once_while_the_broker_is_killed() {
    if !broker::is_there() {
        return;
    }
    let mut cluster = broker::own_broker();
    let settings = broker::settings_of(&cluster, Layout::new(2).expect("a layout"));
    create_topics(&settings);
    let folder = tempfile::tempdir().expect("a folder for the store");
    let node = Node::start(&settings, folder.path());
    let user = User::connect(&settings);
    let id: EntityId = "shop/orders/eu/42".parse().expect("an id");
    user.provision("shop");
    user.create(&id, r#"{"n":0}"#);

    let writers = Writers::start(&settings, &id, 3);
    for round in 1..=3 {
        writers.wait_for(20 * round);
        cluster.kill_the_next();
        cluster.settle();
    }
    writers.wait_for(80);
    let written = writers.stop();
    assert_eq!(user.read(&id), (1 + written, format!(r#"{{"n":{written}}}"#)));
    node.stop();
}

fn create_topics(settings: &Settings) {
    let topics = Topics::connect(settings).expect("a client");
    let specs = services().into_iter().map(|service| service.spec());
    topics.create(specs.flat_map(of_service)).expect("topics of our own");
}

/// A driver, and the thread on which its connection runs.
struct User {
    driver: Driver,
    connection: Option<JoinHandle<()>>,
}

impl User {
    fn connect(settings: &Settings) -> Self {
        static USERS: AtomicU32 = AtomicU32::new(0);
        let client = KafkaClient::connect(settings).expect("a client");
        let options = Options::new(format!("user-{}", USERS.fetch_add(1, Ordering::Relaxed)));
        let (driver, connection) =
            Driver::new(client, Arc::new(Provisioned), options).expect("a driver");
        let run =
            move || block_on(connection.run()).expect("a connection that ends when it is told");
        let connection = Some(thread::spawn(run));
        block_on(driver.ready());
        Self { driver, connection }
    }

    fn deadline(&self) -> Timestamp {
        self.driver.now().plus(PATIENCE)
    }

    fn provision(&self, database: &str) {
        let database = database.parse().expect("a database's id");
        block_on(self.driver.provision(&database, self.deadline())).expect("a database");
    }

    fn create(&self, id: &EntityId, text: &str) {
        let document = Document::parse(text.as_bytes()).expect("a document");
        block_on(self.driver.create(id, document, self.deadline())).expect("an entity");
    }

    fn append(&self, id: &EntityId, path: &str, value: &str) {
        let patch = format!(r#"[{{"op":"add","path":"{path}","value":{value}}}]"#);
        let patch = JsonPatch::parse(patch.as_bytes()).expect("a patch");
        let patched = self.driver.patch(id, patch, Default::default(), self.deadline());
        block_on(patched).expect("a patched entity");
    }

    fn increment(&self, id: &EntityId) {
        let incremented = self.driver.increment(id, "/n", 1, self.deadline());
        block_on(incremented).expect("an incremented entity");
    }

    /// The entity's revision and document, read in its place among the changes.
    fn read(&self, id: &EntityId) -> (u64, String) {
        let read = block_on(self.driver.read_strict(id, self.deadline())).expect("an answer");
        let entity = read.expect("the entity is there");
        (entity.revision.0, entity.value.to_string())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        block_on(self.driver.shutdown(self.driver.now()));
        let connection = self.connection.take().expect("it is taken once");
        connection.join().expect("a connection that does not panic");
    }
}

/// Users that increment an entity one time after the other.
struct Writers {
    is_over: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    fn start(settings: &Settings, id: &EntityId, count: usize) -> Self {
        let (is_over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..count).map(|_| {
            let (settings, id) = (settings.clone(), id.clone());
            let (is_over, written) = (Arc::clone(&is_over), Arc::clone(&written));
            thread::spawn(move || {
                let user = User::connect(&settings);
                while !is_over.load(Ordering::Relaxed) {
                    user.increment(&id);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { is_over, written, threads }
    }

    /// Waits until so many increments have been answered. A writer whose patience ends panics.
    fn wait_for(&self, count: u64) {
        while self.written.load(Ordering::Relaxed) < count {
            assert!(!self.threads.iter().any(JoinHandle::is_finished), "a writer has given up");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Says how many increments were answered.
    fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a writer whose every increment was answered");
        }
        self.written.load(Ordering::Relaxed)
    }
}

/// Knows that there is a database, also where the news of it are still on their way to a driver. All
/// else is read through the log.
struct Provisioned;

impl Queries for Provisioned {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        _at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        Box::pin(async move {
            let Query::Database(id) = query else { return Err(AskError::NotOwner(task)) };
            let (revision, created) = (Revision(1), Timestamp::ZERO);
            Ok(Answer::Database(Some(DatabaseView { id, revision, created })))
        })
    }
}
