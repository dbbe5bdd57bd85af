//! Files that are not what was written: turned bytes, missing ends, holes, missing files.

use std::{
    collections::BTreeMap,
    fs,
    ops::{Bound::Unbounded, ControlFlow},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tempfile::TempDir;
use tidelog_core::{
    Offset, Overlay, PartitionId, ServiceName, TableId, Tables, Timestamp,
    port::{Opened, Store, StoreBatch, StoreError, TaskId},
};
use tidelog_io_local::{FjallStore, OpenError, StoreTables};

const TASK: TaskId = TaskId { service: ServiceName::EntityStorage, partition: PartitionId(3) };
const CACHE_BYTES: u64 = 1 << 20;

/// Enough for a table, and for a journal that goes on behind it.
const BATCHES: u64 = 160;

/// What a store has after each batch.
type Rows = BTreeMap<Vec<u8>, Bytes>;

/// What is done to a file, at so many hundredths of what is written in it.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Turn(usize),
    Cut(usize),
    Wipe(usize),
    Remove,
}

#[test]
fn whatever_befalls_its_files_a_store_is_what_it_once_was_or_begins_anew() {
    let original = Original::new();
    let places = [0, 3, 17, 40, 60, 85, 99];
    let harms = places.into_iter().flat_map(|at| [Harm::Turn(at), Harm::Cut(at), Harm::Wipe(at)]);
    let harms: Vec<_> = harms.chain([Harm::Remove]).collect();
    let mut fates = BTreeMap::new();
    for (n, file) in original.files().iter().enumerate() {
        // Each file meets some of them, and together they meet all.
        for harm in harms.iter().skip(n % 4).step_by(4).chain([&Harm::Remove]) {
            let (_folder, store) = original.copy();
            harm.befall(&store.join(file));
            let fate = original.judge(&store);
            assert_ne!(fate, Fate::Wrong, "{} after {harm:?}", file.display());
            *fates.entry(fate).or_insert(0) += 1;
        }
    }
    println!("{fates:?}");
    assert_eq!(fates.len(), 4, "these harms show nothing: {fates:?}");
}

/// What a store is after something has befallen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It is what it was, or what it had been some batches before.
    Whole,
    /// It has nothing, and says nothing.
    Empty,
    /// It did not open, and was set aside.
    Anew,
    /// It opened, and could not be read.
    FoundLater,
    /// It is what it has never been.
    Wrong,
}

#[test]
fn a_hole_between_two_journals_is_found() {
    let original = Original::new();
    for harm in [Harm::Cut(90), Harm::Remove] {
        let (_folder, store) = original.copy();
        // As where a crash comes before the first journal's rows are in tables.
        let journal = fs::read(store.join("0.jnl")).expect("a journal");
        let (first, second) = journal.split_at(batch_end(&journal, 150));
        // With room that was not used.
        fs::write(store.join("0.jnl"), [first, &[0; 1000]].concat()).expect("a good disk");
        fs::write(store.join("1.jnl"), second).expect("a good disk");
        let (_other_folder, other) = copy(&store);
        assert_eq!(original.judge(&other), Fate::Whole);
        if matches!(harm, Harm::Remove) {
            // That the oldest one is missing shows nowhere, and it has to be a middle one.
            fs::rename(store.join("1.jnl"), store.join("2.jnl")).expect("a good disk");
        } else {
            harm.befall(&store.join("0.jnl"));
        }
        assert_eq!(original.judge(&store), Fate::Anew, "{harm:?}");
    }
}

#[test]
fn what_is_found_while_it_is_read_makes_all_of_it_fail_until_it_is_begun_anew() {
    let original = Original::new();
    let (_folder, path) = original.copy();
    let store = FjallStore::open(&path, CACHE_BYTES).expect("a good folder");
    let tables = store.open(TASK).expect("a good store").tables;
    let frozen = store.freeze(TASK).expect("a good store");
    Harm::Wipe(5).befall(&path.join("keyspaces/1/tables/0"));
    let fault = read(&tables).expect_err("a block is gone");
    assert!(fault.contains("ChecksumMismatch") || fault.contains("Invalid"), "{fault}");
    let damage = store.damage().expect("it was found");

    // What stands elsewhere is not to be relied upon either.
    assert_eq!(tables.get(TableId::Entities, b"none").err().map(|it| it.0), Some(fault.into()));
    frozen.get(TableId::Entities, b"none").expect_err("it is the same store");
    let damaged = StoreError::Damaged(damage);
    assert_eq!(store.apply(&[batch(BATCHES + 1)]), Err(damaged.clone()));
    assert_eq!(store.open(TASK).err(), Some(damaged.clone()));
    assert_eq!(store.freeze(TASK).err(), Some(damaged.clone()));
    assert_eq!(store.clear(TASK), Err(damaged));

    drop(frozen);
    let reader = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(tables);
    });
    store.begin_anew().expect("whoever read from it has left");
    reader.join().expect("it only waits");
    assert_eq!(store.damage(), None);
    let Opened { tables, changelog, was_damaged, .. } = store.open(TASK).expect("a new store");
    assert_eq!((changelog, was_damaged, read(&tables)), (None, true, Ok(Rows::new())));
    store.apply(&[batch(1)]).expect("a new store");
    store.begin_anew().expect("nothing is to be done");
    let Opened { changelog, was_damaged, .. } = store.open(TASK).expect("a good store");
    assert_eq!((changelog, was_damaged), (Some(Offset(1)), false));
}

/// The database merges tables on a thread of its own, and says afterwards no more than that it is of no use.
#[test]
fn what_is_found_while_tables_are_merged_is_damage() {
    let original = Original::new();
    let (_folder, path) = original.copy();
    let store = FjallStore::open(&path, CACHE_BYTES).expect("a good folder");
    Harm::Wipe(5).befall(&path.join("keyspaces/1/tables/0"));
    let mut batches = (BATCHES + 1..).map(|n| store.apply(&[batch(n)]));
    let error = batches.find_map(Result::err).expect("an end of what can be written");
    assert!(matches!(&error, StoreError::Damaged(_)), "{error}");
    store.begin_anew().expect("nobody reads from it");
    store.apply(&[batch(1)]).expect("a new store");
}

#[test]
fn a_mark_that_cannot_be_read_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let store = FjallStore::open(&path, CACHE_BYTES).expect("an empty folder is new");
    store.apply(&[batch(1)]).expect("a good disk");
    drop(store);
    let database = fjall::Database::builder(&path).open().expect("it opens");
    let rows = database.keyspace("rows", Default::default).expect("it is there");
    rows.insert([0xfe, TASK.service.code(), 0, 0, 0, 3], [1, 200]).expect("a good disk");
    drop((rows, database));
    let store = FjallStore::open(&path, CACHE_BYTES).expect("it opens");
    let error = store.open(TASK).err().expect("the mark is no mark");
    assert!(
        matches!(&error, StoreError::Damaged(what) if what.contains("entity-storage/3")),
        "{error}"
    );
    store.begin_anew().expect("nobody reads from it");
    assert!(store.open(TASK).expect("a new store").was_damaged);
}

#[test]
fn a_store_that_is_in_use_is_left_alone_whatever_is_in_it() {
    let original = Original::new();
    let (_folder, path) = original.copy();
    let _store = FjallStore::open(&path, CACHE_BYTES).expect("a good folder");
    Harm::Cut(50).befall(&path.join("version"));
    let error = FjallStore::open_or_begin_anew(&path, CACHE_BYTES).err().expect("it is in use");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(path.join("keyspaces").is_dir());
}

#[test]
fn a_store_of_a_newer_release_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    drop(FjallStore::open(&path, CACHE_BYTES).expect("an empty folder is new"));
    let database = fjall::Database::builder(&path).open().expect("it opens");
    let rows = database.keyspace("rows", Default::default).expect("it is there");
    rows.insert([0xff, 4], [9]).expect("a good disk");
    drop((rows, database));
    let error = FjallStore::open_or_begin_anew(&path, CACHE_BYTES).err().expect("a newer one");
    assert!(matches!(error, OpenError::Format { .. }), "{error}");
}

/// A store with a table and a journal, and what it had after each batch.
struct Original {
    folder: TempDir,
    history: Vec<Rows>,
}

impl Original {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FjallStore::open(folder.path(), CACHE_BYTES).expect("an empty folder is new");
        let mut history = vec![Rows::new()];
        for n in 1..=BATCHES {
            let batch = batch(n);
            let mut rows = history.last().cloned().unwrap_or_default();
            for (_, key, row) in batch.rows.iter() {
                match row {
                    Some(row) => _ = rows.insert(key.to_vec(), row.clone()),
                    None => _ = rows.remove(&key[..]),
                }
            }
            history.push(rows);
            store.apply(&[batch]).expect("a good disk");
        }
        // The database makes a table of them in its own time.
        while !folder.path().join("keyspaces/1/v1").is_file() {
            std::thread::yield_now();
        }
        drop(store);
        let journal = folder.path().join("0.jnl");
        let mut bytes = fs::read(&journal).expect("a journal");
        bytes.truncate(batch_end(&bytes, history.len() - 1));
        fs::write(journal, bytes).expect("a good disk");
        Self { folder, history }
    }

    /// Its files, from its folder on.
    fn files(&self) -> Vec<PathBuf> {
        files(self.folder.path())
    }

    fn copy(&self) -> (TempDir, PathBuf) {
        copy(self.folder.path())
    }

    /// What has become of a copy.
    fn judge(&self, path: &Path) -> Fate {
        let store = FjallStore::open_or_begin_anew(path, CACHE_BYTES).expect("a good disk");
        let is_aside = path.with_file_name("store.damaged").is_dir();
        let Ok(Opened { tables, changelog, was_damaged, .. }) = store.open(TASK) else {
            store.begin_anew().expect("nobody reads from it");
            return Fate::FoundLater;
        };
        let Some(place) = changelog else {
            assert_eq!(was_damaged, is_aside);
            return if was_damaged { Fate::Anew } else { Fate::Empty };
        };
        let Ok(rows) = read(&tables) else {
            drop(tables);
            store.begin_anew().expect("nobody reads from it");
            assert!(store.open(TASK).expect("a new store").was_damaged);
            return Fate::FoundLater;
        };
        let place = usize::try_from(place.0).expect("a small number");
        if self.history.get(place) == Some(&rows) { Fate::Whole } else { Fate::Wrong }
    }
}

impl Harm {
    fn befall(self, file: &Path) {
        let mut bytes = fs::read(file).expect("it is there");
        match self {
            Self::Remove => return fs::remove_file(file).expect("it is ours"),
            Self::Cut(at) => bytes.truncate(bytes.len() * at / 100),
            Self::Turn(at) => {
                let at = bytes.len() * at / 100;
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 0x10);
            }
            Self::Wipe(at) => {
                let from = bytes.len() * at / 100;
                let to = bytes.len().min(from + 4096);
                bytes[from..to].fill(0);
            }
        }
        fs::write(file, bytes).expect("a good disk");
    }
}

/// All rows of a task, each of them read in both ways.
fn read(tables: &StoreTables) -> Result<Rows, String> {
    let mut rows = Rows::new();
    let mut visit = |key: &[u8], row| {
        rows.insert(key.to_vec(), row);
        ControlFlow::Continue(())
    };
    let done = tables.range(TableId::Entities, Unbounded, Unbounded, &mut visit);
    done.map_err(|fault| fault.0.into_string())?;
    for (key, row) in &rows {
        let found = tables.get(TableId::Entities, key);
        let found = found.map_err(|fault| fault.0.into_string())?;
        assert_eq!(found.as_ref(), Some(row), "a range and a read of one key");
    }
    Ok(rows)
}

/// A batch of rows, some of which other batches write too.
fn batch(n: u64) -> StoreBatch {
    let mut rows = Overlay::default();
    for k in 0..4 {
        let key = ((n * 7 + k * 31) % 300).to_be_bytes();
        let row = format!("{n:08}").repeat(4 * 1024);
        rows.insert(TableId::Entities, &key, (n % 5 != k).then(|| row.into()));
    }
    let (positions, changelog, task_time) = (Vec::new(), Offset(n), Timestamp::from_millis(n));
    StoreBatch { task: TASK, rows: Arc::new(rows), positions, changelog, log: None, task_time }
}

/// Where a batch ends in a journal. The first one has said of what format the store is.
fn batch_end(journal: &[u8], number: usize) -> usize {
    let trailers = journal.windows(4).enumerate().filter(|(_, bytes)| bytes == b"FJL\x03");
    trailers.map(|(at, _)| at + 4).nth(number).expect("so many batches")
}

fn copy(from: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    for file in files(from) {
        let to = path.join(&file);
        fs::create_dir_all(to.parent().expect("it is in a folder")).expect("a good disk");
        fs::copy(from.join(file), to).expect("a good disk");
    }
    (folder, path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).expect("it is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).expect("it is within").to_owned());
            }
        }
    }
    files.sort();
    files
}
