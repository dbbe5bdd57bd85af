//! Folders of other formats, and of other kinds.

use tidelog_core::Layout;
use tidelog_io_local::{FjallStore, LocalLog, Settings};

/// A store said nothing of its format: a newer one's rows would have been read as if they were ours.
#[test]
fn a_store_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(FjallStore::open(folder.path(), 1 << 20).expect("an empty folder is new"));
    drop(FjallStore::open(folder.path(), 1 << 20).expect("its own format is known"));
    set_row(folder.path(), &STORE_FORMAT, &[2]);
    let error = FjallStore::open(folder.path(), 1 << 20).err().expect("it does not open");
    assert!(error.to_string().contains("has format [2] and this release knows 1"), "{error}");
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
