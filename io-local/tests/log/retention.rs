//! Retention: what is old and read goes, and nothing else.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tidelog_core::{
    Headers, Layout, Offset, PartitionId, ServiceName, Spec, Timestamp, Topic,
    limits::{RETENTION_MEDIUM, RETENTION_SHORT},
    port::{
        Append, Client, ClientError, Commit, CommitOutcome, Event, Session, TaskCommit, Transport,
        Wait,
    },
};
use tidelog_io_local::{LocalClient, LocalLog, Settings};

use crate::clock::FakeClock;

pub(crate) const PARTITION: PartitionId = PartitionId(0);

pub(crate) static READER: Spec = Spec {
    name: ServiceName::ResponseAccumulator,
    inputs: &[Topic::PartialResponses],
    outputs: &[Topic::CompleteResponses],
    tables: &[],
};

#[test]
fn records_go_when_they_are_old_and_not_before() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        for topic in [Topic::PartialResponses, Topic::ZoneChanges, Topic::EntityUpdates] {
            append(&client, topic, 50).await;
        }
        clock.advance(RETENTION_SHORT + Duration::from_secs(1));
        append(&client, Topic::PartialResponses, 1).await;
        wait_for_start(&client, Topic::PartialResponses, Offset(1)).await;
        // Those that are kept longer, and what was appended later, are there.
        assert_eq!(bounds(&client, Topic::ZoneChanges).await, (Offset(0), Offset(50)));
        assert_eq!(bounds(&client, Topic::EntityUpdates).await, (Offset(0), Offset(50)));
        let end = bounds(&client, Topic::PartialResponses).await.1;
        assert_eq!(end, Offset(51));
        clock.advance(RETENTION_MEDIUM);
        append(&client, Topic::ZoneChanges, 1).await;
        wait_for_start(&client, Topic::ZoneChanges, Offset(1)).await;
        assert_eq!(bounds(&client, Topic::EntityUpdates).await, (Offset(0), Offset(50)));
    });
    drop(client);
    log.close();
    // What has gone stays gone, and offsets go on.
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        let (start, end) = bounds(&client, Topic::PartialResponses).await;
        assert!(start >= Offset(1) && end == Offset(51), "{start} to {end}");
        let until = client.now();
        let gone = client.read(Topic::PartialResponses, PARTITION, Offset(0), until).await;
        assert!(matches!(gone, Err(ClientError::Gone { .. })), "{gone:?}");
    });
}

#[test]
fn what_a_task_has_not_read_stays() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        append(&client, Topic::PartialResponses, 10).await;
        let mut session = log.transport().join(&READER).await.expect("a session");
        let next = read_to(&mut session, 10).await;
        commit(&mut session, next).await;
        append(&client, Topic::PartialResponses, 50).await;
        clock.advance(RETENTION_SHORT + Duration::from_secs(1));
        append(&client, Topic::PartialResponses, 1).await;
        // The first ten may go; the others are to be read.
        wait_for_start(&client, Topic::PartialResponses, Offset(0)).await;
        let (start, _) = bounds(&client, Topic::PartialResponses).await;
        assert!(start <= Offset(10), "{start}");
        let next = read_to(&mut session, 61).await;
        commit(&mut session, next).await;
        wait_for_start(&client, Topic::PartialResponses, Offset(11)).await;
    });
}

#[test]
fn of_a_compacted_topic_the_last_record_of_each_key_stays() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        for (key, payload) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("a", "5")] {
            let append = Append {
                topic: Topic::SchemaUpdates,
                partition: PARTITION,
                key: Bytes::from_static(key.as_bytes()),
                payload: Bytes::from_static(payload.as_bytes()),
                headers: Headers::default(),
            };
            client.append(vec![append]).await;
        }
    });
    drop(client);
    log.close();
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        loop {
            let from = Offset(0);
            let found = client.read(Topic::SchemaUpdates, PARTITION, from, client.now()).await;
            let found = found.expect("readable");
            let payloads: Vec<_> = found.iter().map(|record| &record.payload[..]).collect();
            if payloads == [b"2", b"4", b"5"] {
                break;
            }
        }
    });
}

/// Reads until the offset is reached.
async fn read_to(session: &mut impl Session, end: u64) -> Offset {
    let mut next = Offset(0);
    while next < Offset(end) {
        match session.next(Wait::Forever).await.expect("a session") {
            Event::Assigned(partition) => {
                session.restore(partition).await.expect("tables");
            }
            Event::Records(records) if records.partition == PARTITION => {
                next = records.records.last().expect("a record").offset.next();
            }
            _ => {}
        }
    }
    next
}

pub(crate) async fn commit(session: &mut impl Session, next: Offset) {
    let task = TaskCommit {
        partition: PARTITION,
        positions: vec![(Topic::PartialResponses, next)],
        task_time: Timestamp::ZERO,
        rows: Arc::default(),
        sends: Vec::new(),
    };
    session.begin_commit(Commit { tasks: vec![task] });
    loop {
        if let Event::Committed(outcome) = session.next(Wait::Commit).await.expect("a session") {
            assert_eq!(outcome, CommitOutcome::Committed);
            return;
        }
    }
}

pub(crate) async fn append(client: &LocalClient, topic: Topic, count: usize) {
    for _ in 0..count {
        let payload = Bytes::from(vec![7; 500]);
        let append = Append {
            topic,
            partition: PARTITION,
            key: Bytes::new(),
            payload,
            headers: Headers::default(),
        };
        client.append(vec![append]).await;
    }
}

pub(crate) async fn bounds(client: &LocalClient, topic: Topic) -> (Offset, Offset) {
    client.bounds(topic, PARTITION).await.expect("readable")
}

/// Waits until retention has got that far: it works in the background.
pub(crate) async fn wait_for_start(client: &LocalClient, topic: Topic, start: Offset) {
    while bounds(client, topic).await.0 < start {
        std::thread::yield_now();
    }
}

pub(crate) fn open(path: &Path, clock: &FakeClock) -> LocalLog {
    let settings = Settings {
        clock: Arc::new(clock.clone()),
        retention_interval: Duration::from_millis(1),
        segment_bytes: 4 * 1024,
        tail_bytes: 0,
        ..Settings::new(Layout::new(2).expect("two partitions"))
    };
    LocalLog::open(path, settings).expect("a data folder of our own")
}
