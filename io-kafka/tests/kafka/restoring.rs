//! Restoring where a broker can do what no other backend does: forget a group's offsets, hold readers
//! back, fence one producer by another; and with stores that are not what they should be.

use std::{
    future::pending,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{join, select},
};
use pollster::block_on;
use rdkafka::{
    ClientConfig,
    admin::AdminOptions,
    producer::{BaseProducer, BaseRecord, Producer},
};
use tempfile::TempDir;
use tidelog_core::{
    Headers, Layout, Message, Offset, Overlay, PartitionId, ServiceName, Spec, TableId, Tables,
    Timestamp, Topic,
    message::Owner,
    port::{
        Append, AppendOutcome, Client, Commit, CommitOutcome, Event, Restored, Session,
        SessionError, TaskCommit, TaskId, Transport, Wait,
    },
};
use tidelog_io_kafka::{
    KafkaClient, KafkaSession, KafkaTables, KafkaTransport, Leaving, Owners, Place, Settings,
    Topics, of_service,
};
use tidelog_io_local::{FjallStore, StoreTables};

use crate::broker;

/// A service with one of everything.
pub(crate) static COUNTER: Spec = Spec {
    name: ServiceName::EntityStorage,
    inputs: &[Topic::EntityPatches],
    outputs: &[Topic::EntityUpdates],
    tables: &[TableId::Entities],
};

const ONLY: PartitionId = PartitionId(0);

/// How long the broker leaves a transaction open.
const LEFT_OPEN_FOR: Duration = Duration::from_secs(60);

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn positions_that_the_group_has_forgotten_are_in_the_changelog() {
    let Some(world) = World::new() else { return };
    block_on(async {
        world.append(3).await;
        let mut member = world.member("one").await;
        member.read(3).await;
        member.commit("a", "1").await;
        drop(member);
        let group = world.settings.group(COUNTER.name);
        let deleted = broker::admin().delete_groups(&[&group], &AdminOptions::new()).await;
        assert!(deleted.expect("an answer").iter().all(Result::is_ok));
        // With its store, and without.
        for node in ["one", "two"] {
            let member = world.member(node).await;
            assert_eq!(member.restored.positions, [(Topic::EntityPatches, Offset(3))]);
            assert_eq!(member.rows(), [("a".into(), "1".into())]);
        }
    });
}

#[test]
fn a_store_of_another_log_is_rebuilt() {
    let Some(world) = World::new() else { return };
    let Some(other) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "of the first log").await;
        member.commit("b", "of the first log").await;
        drop(member);
        // As long as the first, so that the difference is in what it has.
        let mut member = other.member("one").await;
        member.commit("a", "of the other log").await;
        member.work.task_time = Timestamp::from_millis(7);
        member.commit("c", "of the other log").await;
        drop(member);
        let member = other.member_with(&world.store("one"), "one").await;
        let expected = ["a", "c"].map(|key| (key.into(), "of the other log".into()));
        assert_eq!(member.rows(), expected);
        assert_eq!(member.restored.task_time, Timestamp::from_millis(7));
    });
}

#[test]
fn a_store_that_is_behind_catches_up() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "old").await;
        member.commit("b", "old").await;
        drop(member);
        let mut member = world.member("two").await;
        member.commit("a", "new").await;
        member.remove("b").await;
        drop(member);
        let member = world.member("one").await;
        assert_eq!(member.rows(), [("a".into(), "new".into())]);
    });
}

#[test]
fn restoring_waits_for_an_open_transaction_to_end() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "committed").await;
        // Somebody who has died has left this.
        let stray = world.open_transaction(&format!("{}stray", world.settings.prefix));
        let mut restoring = Box::pin(member.session.restore(ONLY));
        futures_timer::Delay::new(Duration::from_millis(300)).await;
        assert!(restoring.as_mut().now_or_never().is_none(), "it has not waited");
        stray.abort_transaction(PATIENCE).expect("an aborted transaction");
        member.restored = restoring.await.expect("a restored partition");
        assert_eq!(member.rows(), [("a".into(), "committed".into())]);
    });
}

/// The broker would end it when its time limit is over, which is a minute here. Whoever takes over knows by
/// `owners` whose it is, and need not wait for that.
#[test]
fn what_a_dead_owner_has_left_open_is_ended_by_whoever_takes_over() {
    let Some(world) = World::new() else { return };
    let topics = Topics::connect(&world.settings).expect("a client");
    topics.create([Topic::Owners]).expect("a topic of our own");
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "committed").await;
        drop(member);
        let task = TaskId { service: COUNTER.name, partition: ONLY };
        let dead = format!("{}{}-dead-0", world.settings.prefix, COUNTER.name);
        let left_open = world.open_transaction(&dead);
        world.tell_owner(task, &dead).await;

        let settings = Settings { node: "two".into(), ..world.settings.clone() };
        let owners = Owners::follow(&settings, "127.0.0.1:2").expect("a client");
        while owners.place(task) != Some(Place::There("127.0.0.1:1".into())) {
            futures_timer::Delay::new(Duration::from_millis(10)).await;
        }
        let store = FjallStore::open(&world.store("two"), 1024 * 1024).expect("a folder");
        let begin = Instant::now();
        let member =
            World::member_of(&KafkaTransport::with_owners(settings, store, owners.clone())).await;
        assert_eq!(member.rows(), [("a".into(), "committed".into())]);
        assert!(begin.elapsed() < LEFT_OPEN_FOR / 2, "the broker may have ended it by itself");
        assert_eq!(owners.place(task), Some(Place::Here));
        let outcome = left_open.commit_transaction(PATIENCE);
        assert!(outcome.is_err(), "the dead one's transaction was committed after all");
    });
}

#[test]
fn a_newer_session_of_the_same_name_puts_an_end_to_the_older_one() {
    let Some(world) = World::new() else { return };
    let leaving = Leaving::WhenTheSessionEnds;
    let world = World { settings: Settings { leaving, ..world.settings.clone() }, ..world };
    block_on(async {
        let mut older = world.member("one").await;
        // The same node, started a second time by mistake.
        let mut newer = world.member_with(&world.store("elsewhere"), "one").await;
        newer.commit("a", "of the newer").await;
        let outcome = older.try_commit("a", "of the older").await;
        assert!(!matches!(outcome, Ok(CommitOutcome::Committed)), "{outcome:?}");
        let wait = Wait::Until(older.session.now().plus(PATIENCE));
        loop {
            match older.session.next(wait).await {
                Err(SessionError::Lost(_)) => break,
                Ok(Event::Lost(_) | Event::Committed(_)) => {}
                other => panic!("the older session goes on with {other:?}"),
            }
        }
        newer.commit("b", "of the newer").await;
    });
}

/// Whatever the group is about to say at that moment: what is left of it must keep nobody waiting.
#[test]
fn a_session_that_is_dropped_while_it_joins_or_has_just_joined_is_gone() {
    let Some(world) = World::new() else { return };
    block_on(async {
        for moment in (0..600).step_by(40) {
            let settings = Settings { node: "hasty".into(), ..world.settings.clone() };
            let store = FjallStore::open(&world.store("hasty"), 1024 * 1024).expect("a folder");
            let transport = KafkaTransport::new(settings, store);
            let joins = pin!(async {
                let _session = transport.join(&COUNTER).await;
                pending::<()>().await;
            });
            // What it has come to is dropped with it.
            select(joins, futures_timer::Delay::new(Duration::from_millis(moment))).await;
        }
        // And whoever stays gets everything.
        let mut member = world.member("one").await;
        member.commit("a", "1").await;
    });
}

#[test]
fn what_a_member_does_not_take_for_long_is_not_lost() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        let record = || Append {
            topic: Topic::EntityPatches,
            partition: ONLY,
            key: Bytes::from_static(b"k"),
            payload: vec![0; 500_000].into(),
            headers: Headers::default(),
        };
        let client = KafkaClient::connect(&world.settings).expect("a client");
        let append = async {
            for _ in 0..8 {
                let outcomes = client.append((0..10).map(|_| record()).collect()).await;
                let appended = |it: &AppendOutcome| matches!(it, AppendOutcome::Appended(_));
                assert!(outcomes.iter().all(appended), "{outcomes:?}");
            }
        };
        // Long enough for the broker to be asked for no more.
        join(append, futures_timer::Delay::new(Duration::from_secs(2))).await;
        member.read(80).await;
        member.commit("a", "1").await;
    });
}

/// Topics of one test on the broker, and the stores of its nodes.
struct World {
    settings: Settings,
    folder: TempDir,
}

impl World {
    fn new() -> Option<Self> {
        if !broker::is_there() {
            return None;
        }
        let settings = broker::settings(Layout::new(1).expect("a layout"));
        let topics = Topics::connect(&settings).expect("a client");
        topics.create(of_service(&COUNTER)).expect("topics of our own");
        let folder = tempfile::tempdir().expect("a folder for the stores");
        Some(Self { settings, folder })
    }

    fn store(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves a transaction with a row for the changelog open, for longer than anybody waits.
    fn open_transaction(&self, transactional_id: &str) -> BaseProducer {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.settings.brokers)
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", LEFT_OPEN_FOR.as_millis().to_string())
            .create()
            .expect("a producer");
        producer.init_transactions(PATIENCE).expect("a transactional producer");
        producer.begin_transaction().expect("a transaction");
        let changelog = self.settings.topic(Topic::Changelog(COUNTER.name));
        let record = BaseRecord::to(&changelog).partition(0).key(&b"\0b"[..]).payload("aborted");
        producer.send(record).map_err(|(error, _)| error).expect("room for a record");
        producer.flush(PATIENCE).expect("a delivered record");
        producer
    }

    /// Tells that a task is at another node, as that one would.
    async fn tell_owner(&self, task: TaskId, transactional_id: &str) {
        let owner = Owner {
            task: task.to_string().into(),
            epoch: 1,
            node: "dead".into(),
            address: Some("127.0.0.1:1".into()),
            transactional_id: transactional_id.into(),
        };
        let message = Message::Owner(owner);
        let record = Append {
            topic: Topic::Owners,
            partition: self.settings.layout.partition(message.key()),
            key: message.key().as_bytes().to_vec().into(),
            payload: message.encode(),
            headers: Headers::default(),
        };
        let client = KafkaClient::connect(&self.settings).expect("a client");
        let outcomes = client.append(vec![record]).await;
        assert!(matches!(outcomes[..], [AppendOutcome::Appended(_)]), "{outcomes:?}");
    }

    async fn append(&self, count: usize) {
        let client = KafkaClient::connect(&self.settings).expect("a client");
        let (key, payload) = (Bytes::from_static(b"k"), Bytes::from_static(b"v"));
        let record = Append {
            topic: Topic::EntityPatches,
            partition: ONLY,
            key,
            payload,
            headers: Headers::default(),
        };
        let outcomes = client.append(vec![record; count]).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, AppendOutcome::Appended(_))));
    }

    /// A member of a node with a store of its own.
    async fn member(&self, node: &str) -> Member {
        self.member_with(&self.store(node), node).await
    }

    async fn member_with(&self, store: &std::path::Path, node: &str) -> Member {
        let settings = Settings { node: node.into(), ..self.settings.clone() };
        let store = FjallStore::open(store, 1024 * 1024).expect("a folder of our own");
        Self::member_of(&KafkaTransport::new(settings, store)).await
    }

    async fn member_of(transport: &KafkaTransport<FjallStore>) -> Member {
        let mut session = transport.join(&COUNTER).await.expect("joining a broker that is there");
        let wait = Wait::Until(session.now().plus(PATIENCE));
        match session.next(wait).await {
            Ok(Event::Assigned(ONLY)) => {}
            other => panic!("instead of its partition came {other:?}"),
        }
        let restored = session.restore(ONLY).await.expect("a restored partition");
        let work = TaskCommit {
            partition: ONLY,
            positions: restored.positions.clone(),
            task_time: restored.task_time,
            rows: Arc::default(),
            sends: Vec::new(),
        };
        Member { session, restored, work }
    }
}

/// The only member of the service, with its only task.
struct Member {
    session: KafkaSession<FjallStore>,
    restored: Restored<KafkaTables<StoreTables>>,
    /// What it would commit now.
    work: TaskCommit,
}

impl Member {
    async fn read(&mut self, count: usize) {
        let wait = Wait::Until(self.session.now().plus(PATIENCE));
        let mut read = 0;
        while read < count {
            match self.session.next(wait).await {
                Ok(Event::Records(records)) => {
                    for record in records.records {
                        let next = &mut self.work.positions[0].1;
                        assert_eq!(record.offset, *next);
                        *next = record.offset.next();
                        read += 1;
                    }
                }
                other => panic!("instead of records came {other:?}"),
            }
        }
    }

    async fn commit(&mut self, key: &str, value: &str) {
        assert_eq!(self.try_commit(key, value).await, Ok(CommitOutcome::Committed));
    }

    async fn remove(&mut self, key: &str) {
        let mut rows = Overlay::default();
        rows.insert(TableId::Entities, key.as_bytes(), None);
        assert_eq!(self.try_commit_rows(rows).await, Ok(CommitOutcome::Committed));
    }

    async fn try_commit(&mut self, key: &str, value: &str) -> Result<CommitOutcome, SessionError> {
        let mut rows = Overlay::default();
        rows.insert(
            TableId::Entities,
            key.as_bytes(),
            Some(Bytes::copy_from_slice(value.as_bytes())),
        );
        self.try_commit_rows(rows).await
    }

    async fn try_commit_rows(&mut self, rows: Overlay) -> Result<CommitOutcome, SessionError> {
        let work = TaskCommit { rows: Arc::new(rows), ..self.work.clone() };
        self.session.begin_commit(Commit { tasks: vec![work] });
        match self.session.next(Wait::Commit).await? {
            Event::Committed(outcome) => Ok(outcome),
            other => panic!("instead of an outcome came {other:?}"),
        }
    }

    fn rows(&self) -> Vec<(String, String)> {
        use std::ops::{Bound::Unbounded, ControlFlow};
        let mut rows = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut visit = |key: &[u8], value: Bytes| {
            rows.push((text(key), text(&value)));
            ControlFlow::Continue(())
        };
        let tables = &self.restored.tables;
        tables.range(TableId::Entities, Unbounded, Unbounded, &mut visit).expect("a good table");
        rows
    }
}
