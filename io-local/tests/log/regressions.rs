//! Bugs that were found, each with the case that showed it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Destination, Headers, Layout, Offset, Outgoing, Overlay, PartitionId, TableId, Tables,
    Timestamp, Topic,
    limits::RETENTION_SHORT,
    port::{
        Append, Client, Commit, Event, Session, Snapshots, Store, StoreBatch, TaskCommit, TaskId,
        Transport, Wait,
    },
};
use tidelog_io_local::{FjallStore, LocalClient, LocalLog, Settings};

use crate::{
    clock::FakeClock,
    retention::{PARTITION, READER, append, bounds, open, wait_for_start},
};

/// Append times began with the clock's after a restart, also where the clock had been turned back.
#[test]
fn append_times_do_not_go_back_with_the_clock() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    for topic in [Topic::EntityUpdates, Topic::SchemaUpdates] {
        // In a compacted topic only the last of them may be left.
        let last = |client: &LocalClient| {
            let records = pollster::block_on(async {
                append(client, topic, 1).await;
                client.read(topic, PARTITION, Offset(0), client.now()).await.expect("readable")
            });
            records.last().expect("it was appended").clone()
        };
        let log = open(folder.path(), &clock);
        let client = log.client();
        let before = last(&client);
        drop(client);
        log.close();
        clock.turn_back(Duration::from_secs(3_600));
        let log = open(folder.path(), &clock);
        let after = last(&log.client());
        assert_eq!(after.offset, before.offset.next(), "{topic}");
        assert!(before.time <= after.time, "{topic}: {before:?} {after:?}");
    }
}

/// A loss of power while a batch was synced could leave a folder that did not open any more.
#[test]
fn a_torn_last_batch_is_cut_off_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = || Settings::new(Layout::new(2).expect("two partitions"));
    let log = LocalLog::open(folder.path(), settings()).expect("a data folder of our own");
    let client = log.client();
    // Noise, so that the journal cannot compress it.
    let noise: Bytes = std::iter::successors(Some(88_172_645_463_325_252u64), xorshift)
        .take(20_000)
        .map(|noise| noise.to_le_bytes()[3])
        .collect();
    pollster::block_on(async {
        append(&client, Topic::EntityUpdates, 3).await;
        let (topic, key, payload) = (Topic::EntityUpdates, Bytes::new(), noise.clone());
        client
            .append(vec![Append {
                topic,
                partition: PARTITION,
                key,
                payload,
                headers: Headers::default(),
            }])
            .await;
    });
    drop(client);
    log.crash();
    let journal = folder.path().join("0.jnl");
    let whole = std::fs::read(&journal).expect("the journal is there");
    let at = whole.windows(64).position(|window| *window == noise[4_096..4_160]);
    let page = at.expect("the record is in it as it is").next_multiple_of(4_096);
    let mut torn = whole.clone();
    torn[page..page + 4_096].fill(0);
    std::fs::write(&journal, &torn).expect("it can be written");
    let log = LocalLog::open(folder.path(), settings()).expect("the torn batch is cut off");
    let found = pollster::block_on(bounds(&log.client(), Topic::EntityUpdates));
    assert_eq!(found, (Offset(0), Offset(3)));
    log.close();

    // Damage with something whole behind it is not mended in silence.
    let early = whole.windows(64).position(|window| *window == [7; 64]).expect("a record");
    let mut damaged = whole;
    damaged[early] = 8;
    std::fs::write(&journal, &damaged).expect("it can be written");
    let error = LocalLog::open(folder.path(), settings()).err().expect("it does not open");
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

/// A task that had been restored, and had never committed, did not hold retention back.
#[test]
fn retention_waits_for_a_task_that_has_never_committed() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let client = log.client();
    pollster::block_on(async {
        let mut session = log.transport().join(&READER).await.expect("a session");
        for _ in 0..2 {
            if let Ok(Event::Assigned(partition)) = session.next(Wait::Forever).await {
                session.restore(partition).await.expect("tables");
            }
        }
        append(&client, Topic::PartialResponses, 20).await;
        append(&client, Topic::CompleteResponses, 20).await;
        clock.advance(RETENTION_SHORT + Duration::from_secs(1));
        append(&client, Topic::CompleteResponses, 1).await;
        // A sweep has passed when it could remove what nobody reads, in segments of their own.
        let read = session.next(Wait::No).await;
        assert!(matches!(read, Ok(Event::Records(_))), "{read:?}");
        assert_eq!(bounds(&client, Topic::PartialResponses).await.0, Offset(0));
    });
}

/// Retention wrote the end of a segment as the start of a partition that had been trimmed further.
#[test]
fn a_partition_that_was_trimmed_does_not_grow_again() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let client = log.client();
    let topic = Topic::PartialResponses;
    pollster::block_on(append(&client, topic, 12));
    clock.advance(Duration::from_secs(3_600));
    pollster::block_on(append(&client, topic, 18));
    log.trim(topic, PARTITION, Offset(28)).expect("the disk can be written");
    clock.advance(RETENTION_SHORT - Duration::from_secs(1_800));
    pollster::block_on(async {
        append(&client, Topic::CompleteResponses, 1).await;
        wait_for_start(&client, topic, Offset(28)).await;
    });
    drop(client);
    log.close();
    let log = open(folder.path(), &clock);
    let found = pollster::block_on(bounds(&log.client(), topic));
    assert_eq!(found, (Offset(28), Offset(30)));
}

/// A snapshot that was opened while a batch was written, and a table flushed, saw half of the batch.
#[test]
fn a_snapshot_is_one_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::new(1).expect("one partition");
    // Small segments, so that tables are flushed all the time.
    let settings = Settings { segment_bytes: 64 * 1024, ..Settings::new(layout) };
    let log = LocalLog::open(folder.path(), settings).expect("a data folder of our own");
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (snapshots, is_over) = (log.snapshots(), Arc::clone(&is_over));
        let task = TaskId { service: READER.name, partition: PARTITION };
        move || {
            while !is_over.load(Ordering::Relaxed) {
                let tables =
                    pollster::block_on(snapshots.snapshot(task, None)).expect("a snapshot");
                let row = |n: usize| tables.get(TableId::Zones, &key(n)).expect("readable");
                let first = row(0);
                assert!((1..ROWS).all(|n| row(n) == first), "a snapshot saw half of a batch");
            }
        }
    });
    pollster::block_on(async {
        let mut session = log.transport().join(&READER).await.expect("a session");
        while !matches!(session.next(Wait::Forever).await, Ok(Event::Assigned(_))) {}
        session.restore(PARTITION).await.expect("tables");
        for n in 0..300u64 {
            let mut rows = Overlay::default();
            for row in 0..ROWS {
                rows.insert(
                    TableId::Zones,
                    &key(row),
                    Some(Bytes::copy_from_slice(&n.to_le_bytes())),
                );
            }
            session.begin_commit(Commit { tasks: vec![task_commit(rows)] });
            while !matches!(session.next(Wait::Commit).await, Ok(Event::Committed(_))) {}
            append(&log.client(), Topic::EntityUpdates, 20).await;
        }
    });
    is_over.store(true, Ordering::Relaxed);
    reader.join().expect("every snapshot was one moment");
}

/// A clearing that a crash had cut short left rows that the next opening took for state.
#[test]
fn what_a_clearing_that_was_cut_short_left_is_no_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let task = TaskId { service: READER.name, partition: PARTITION };
    {
        let store = FjallStore::open(folder.path(), 1 << 20).expect("a folder of our own");
        let mut rows = Overlay::default();
        rows.insert(TableId::Zones, b"old", Some(Bytes::from_static(b"row")));
        let batch = StoreBatch {
            task,
            rows: Arc::new(rows),
            positions: Vec::new(),
            changelog: Offset(7),
            log: None,
            task_time: Timestamp::ZERO,
        };
        store.apply(&[batch]).expect("it can be written");
    }
    remove_mark(folder.path());
    let store = FjallStore::open(folder.path(), 1 << 20).expect("a folder of our own");
    let opened = store.open(task).expect("it can be read");
    assert_eq!(opened.changelog, None);
    assert_eq!(opened.tables.get(TableId::Zones, b"old"), Ok(None));
}

/// What was wrong with one of a commit's tasks showed when others had been done: half of the commit
/// was in the log, and in the state of its tasks.
#[test]
fn a_commit_with_something_wrong_in_it_leaves_no_trace() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), FakeClock::default());
    let log = open(folder.path(), &clock);
    let row = |text: &'static [u8]| {
        let mut rows = Overlay::default();
        rows.insert(TableId::Zones, b"row", Some(Bytes::from_static(text)));
        rows
    };
    let send = |partition| Outgoing {
        topic: Topic::CompleteResponses,
        destination: Destination::Partition(PartitionId(partition)),
        key: Bytes::new(),
        payload: Bytes::new(),
        headers: Headers::default(),
    };
    pollster::block_on(async {
        let mut session = log.transport().join(&READER).await.expect("a session");
        for _ in 0..2 {
            match session.next(Wait::Forever).await {
                Ok(Event::Assigned(partition)) => session.restore(partition).await.map(drop),
                other => panic!("{other:?}"),
            }
            .expect("tables");
        }
        let one = TaskCommit { sends: vec![send(0)], ..task_commit(row(b"one")) };
        let other = TaskCommit {
            partition: PartitionId(1),
            sends: vec![send(99)],
            ..task_commit(Overlay::default())
        };
        let commit = Commit { tasks: vec![one, other] };
        let begun = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            session.begin_commit(commit);
        }));
        assert!(begun.is_err(), "there is no partition 99");
        assert_eq!(bounds(&log.client(), Topic::CompleteResponses).await.1, Offset(0));
        // The next commit is durable with everything before it.
        session.begin_commit(Commit {
            tasks: vec![TaskCommit { sends: vec![send(1)], ..task_commit(Overlay::default()) }],
        });
        append(&log.client(), Topic::CompleteResponses, 1).await;
        assert_eq!(bounds(&log.client(), Topic::CompleteResponses).await.1, Offset(1));
        let task = TaskId { service: READER.name, partition: PARTITION };
        let tables = log.snapshots().snapshot(task, None).await.expect("a snapshot");
        assert_eq!(tables.get(TableId::Zones, b"row"), Ok(None));
    });
}

/// The next number of a sequence that looks random (Marsaglia, Xorshift RNGs, 2003).
fn xorshift(last: &u64) -> Option<u64> {
    let mut x = *last;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    Some(x)
}

const ROWS: usize = 100;

fn key(n: usize) -> Vec<u8> {
    format!("row {n}").into_bytes()
}

fn task_commit(rows: Overlay) -> TaskCommit {
    TaskCommit {
        partition: PARTITION,
        positions: vec![(Topic::PartialResponses, Offset(0))],
        task_time: Timestamp::ZERO,
        rows: Arc::new(rows),
        sends: Vec::new(),
    }
}

/// Does the first step of a clearing: removes what says that there is state.
fn remove_mark(folder: &std::path::Path) {
    const TASK_FACTS: u8 = 0xfe;
    let database = fjall::Database::builder(folder).open().expect("it opens");
    let rows = database.keyspace("rows", Default::default).expect("it is there");
    let marks: Vec<_> =
        rows.prefix([TASK_FACTS]).map(|mark| mark.key().expect("readable")).collect();
    assert_eq!(marks.len(), 1);
    marks.into_iter().for_each(|mark| rows.remove(mark).expect("it can be written"));
}
