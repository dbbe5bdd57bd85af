//! Folders of other formats, and of other kinds.

use std::sync::Arc;

use bytes::Bytes;
use tidelog_core::{
    Layout, Offset, Overlay, PartitionId, ServiceName, TableId, Tables, Timestamp, Topic,
    port::{LogId, Store, StoreBatch, TaskId},
};
use tidelog_io_local::{FjallStore, LocalLog, Settings};

/// A store said nothing of its format: a newer one's rows would have been read as if they were ours.
#[test]
fn a_store_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(FjallStore::open(folder.path(), 1 << 20).expect("an empty folder is new"));
    drop(FjallStore::open(folder.path(), 1 << 20).expect("its own format is known"));
    set_row(folder.path(), &STORE_FORMAT, &[3]);
    let error = FjallStore::open(folder.path(), 1 << 20).err().expect("it does not open");
    assert!(error.to_string().contains("has format [3] and this release knows 2"), "{error}");
}

/// One that another release wrote is as good as ever, though it does not say of which log it is.
#[test]
fn a_store_of_the_format_before_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let task = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(0) };
    let store = FjallStore::open(folder.path(), 1 << 20).expect("an empty folder is new");
    let mut rows = Overlay::default();
    rows.insert(TableId::Zones, b"row", Some(Bytes::from_static(b"there")));
    let batch = StoreBatch {
        task,
        rows: Arc::new(rows),
        positions: vec![(Topic::EntityPatches, Offset(300))],
        changelog: Offset(7),
        log: Some(LogId(1)),
        task_time: Timestamp::from_millis(5),
    };
    store.apply(std::slice::from_ref(&batch)).expect("it can be written");
    drop(store);
    set_row(folder.path(), &STORE_FORMAT, &[1]);
    // Version, positions (one: its topic and offset), task time, changelog.
    let mark = [1, 1, Topic::EntityPatches.code(), 172, 2, 5, 7];
    set_row(folder.path(), &[0xfe, task.service.code(), 0, 0, 0, 0], &mark);
    for _ in 0..2 {
        let store = FjallStore::open(folder.path(), 1 << 20).expect("that format is known");
        let opened = store.open(task).expect("it can be read");
        assert_eq!((opened.changelog, opened.log), (Some(Offset(7)), None));
        assert_eq!(
            (opened.positions, opened.task_time),
            (batch.positions.clone(), batch.task_time)
        );
        let row = opened.tables.get(TableId::Zones, b"row").expect("a good table");
        assert_eq!(row, Some(Bytes::from_static(b"there")));
    }
}

/// Neither was a store told from a log, nor a log from a store.
#[test]
fn a_store_is_not_taken_for_a_log_nor_a_log_for_a_store() {
    let settings = || Settings::new(Layout::new(1).expect("one partition"));
    let folder = tempfile::tempdir().expect("a folder");
    drop(FjallStore::open(folder.path(), 1 << 20).expect("an empty folder is new"));
    let error = LocalLog::open(folder.path(), settings()).err().expect("it does not open");
    assert!(error.to_string().contains("does not say of what format"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    LocalLog::open(folder.path(), settings()).expect("an empty folder is new").close();
    let error = FjallStore::open(folder.path(), 1 << 20).err().expect("it does not open");
    assert!(error.to_string().contains("does not say of what format"), "{error}");
}

/// Writes a row as another release might have.
fn set_row(folder: &std::path::Path, key: &[u8], value: &[u8]) {
    let database = fjall::Database::builder(folder).open().expect("it opens");
    let rows = database.keyspace("rows", Default::default).expect("it is there");
    rows.insert(key, value).expect("it can be written");
    database.persist(fjall::PersistMode::SyncAll).expect("it can be written");
}

/// The key of a store's format.
const STORE_FORMAT: [u8; 2] = [0xff, 4];
