//! A service of one task with its topics on the broker, and the stores of its nodes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig,
    admin::{AdminOptions, AlterConfig, ResourceSpecifier},
    producer::{BaseProducer, BaseRecord, Producer},
};
use tempfile::TempDir;
use tidelog_core::{
    Headers, Layout, Message, Overlay, PartitionId, ServiceName, Spec, TableId, Tables, Topic,
    message::Owner,
    port::{
        Append, AppendOutcome, Client, Commit, CommitOutcome, Event, Restored, Session,
        SessionError, TaskCommit, TaskId, Transport, Wait,
    },
};
use tidelog_io_kafka::{
    Difference, KafkaClient, KafkaSession, KafkaTables, KafkaTransport, Settings, Topics,
    of_service,
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

/// Its only partition.
pub(crate) const ONLY: PartitionId = PartitionId(0);

/// How long the broker leaves a transaction open.
pub(crate) const LEFT_OPEN_FOR: Duration = Duration::from_secs(60);

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Topics of one test on the broker, and the stores of its nodes.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Option<Self> {
        Self::of(1)
    }

    /// A world in which the service has so many tasks.
    pub(crate) fn of(partitions: u32) -> Option<Self> {
        if !broker::is_there() {
            return None;
        }
        let settings = broker::settings(Layout::new(partitions).expect("a layout"));
        let topics = Topics::connect(&settings).expect("a client");
        topics.create(of_service(&COUNTER)).expect("topics of our own");
        let folder = tempfile::tempdir().expect("a folder for the stores");
        Some(Self { settings, folder })
    }

    /// Deletes all topics with what the group has committed, and makes them again, as in another cluster.
    pub(crate) async fn remake(&self) {
        let admin = broker::admin();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let names: Vec<_> = of_service(&COUNTER).map(|it| self.settings.topic(it)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let deleted = admin.delete_topics(&names, &options).await.expect("an answer");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        // A broker may forget the positions in topics that are gone by itself.
        let group = self.settings.group(COUNTER.name);
        drop(admin.delete_groups(&[&group], &options).await);
        let topics = Topics::connect(&self.settings).expect("a client");
        let is_missing = |it: &Difference| matches!(it, Difference::Missing { .. });
        let are_gone =
            || topics.check(of_service(&COUNTER)).expect("an answer").iter().all(is_missing);
        while !are_gone() {
            futures_timer::Delay::new(Duration::from_millis(20)).await;
        }
        topics.create(of_service(&COUNTER)).expect("topics of our own");
    }

    /// Alters how long the changelog keeps tombstones.
    pub(crate) async fn keep_tombstones_for(&self, time: Duration) {
        let changelog = self.settings.topic(Topic::Changelog(COUNTER.name));
        let millis = time.as_millis().to_string();
        // What is not named gets the broker's value.
        let config = AlterConfig::new(ResourceSpecifier::Topic(&changelog))
            .set("cleanup.policy", "compact")
            .set("delete.retention.ms", &millis);
        let altered = broker::admin().alter_configs([&config], &AdminOptions::new()).await;
        assert!(altered.expect("an answer").iter().all(Result::is_ok));
    }

    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves a transaction with a row for the changelog open, for longer than anybody waits.
    pub(crate) fn open_transaction(&self, transactional_id: &str) -> BaseProducer {
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
    pub(crate) async fn tell_owner(&self, task: TaskId, transactional_id: &str) {
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

    pub(crate) async fn append(&self, count: usize) {
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
    pub(crate) async fn member(&self, node: &str) -> Member {
        self.member_with(&self.store(node), node).await
    }

    pub(crate) async fn member_with(&self, store: &Path, node: &str) -> Member {
        Self::member_of(&self.transport(store, node)).await
    }

    /// A node with a store.
    pub(crate) fn transport(&self, store: &Path, node: &str) -> KafkaTransport<FjallStore> {
        let settings = Settings { node: node.into(), ..self.settings.clone() };
        let store = FjallStore::open_or_begin_anew(store, 1024 * 1024);
        KafkaTransport::new(settings, store.expect("a folder of our own"))
    }

    pub(crate) async fn member_of(transport: &KafkaTransport<FjallStore>) -> Member {
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
pub(crate) struct Member {
    pub(crate) session: KafkaSession<FjallStore>,
    pub(crate) restored: Restored<KafkaTables<StoreTables>>,
    /// What it would commit now.
    pub(crate) work: TaskCommit,
}

impl Member {
    pub(crate) async fn read(&mut self, count: usize) {
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

    pub(crate) async fn commit(&mut self, key: &str, value: &str) {
        assert_eq!(self.try_commit(key, value).await, Ok(CommitOutcome::Committed));
    }

    pub(crate) async fn remove(&mut self, key: &str) {
        let mut rows = Overlay::default();
        rows.insert(TableId::Entities, key.as_bytes(), None);
        assert_eq!(self.try_commit_rows(rows).await, Ok(CommitOutcome::Committed));
    }

    /// Commits rows with one value.
    pub(crate) async fn commit_all(&mut self, keys: &[&str], value: &'static str) {
        let mut rows = Overlay::default();
        for key in keys {
            let value = Bytes::from_static(value.as_bytes());
            rows.insert(TableId::Entities, key.as_bytes(), Some(value));
        }
        assert_eq!(self.try_commit_rows(rows).await, Ok(CommitOutcome::Committed));
    }

    pub(crate) async fn try_commit(
        &mut self,
        key: &str,
        value: &str,
    ) -> Result<CommitOutcome, SessionError> {
        let mut rows = Overlay::default();
        rows.insert(
            TableId::Entities,
            key.as_bytes(),
            Some(Bytes::copy_from_slice(value.as_bytes())),
        );
        self.try_commit_rows(rows).await
    }

    pub(crate) async fn try_commit_rows(
        &mut self,
        rows: Overlay,
    ) -> Result<CommitOutcome, SessionError> {
        let work = TaskCommit { rows: Arc::new(rows), ..self.work.clone() };
        self.session.begin_commit(Commit { tasks: vec![work] });
        match self.session.next(Wait::Commit).await? {
            Event::Committed(outcome) => Ok(outcome),
            other => panic!("instead of an outcome came {other:?}"),
        }
    }

    pub(crate) fn rows(&self) -> Vec<(String, String)> {
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
