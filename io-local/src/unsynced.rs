//! The end of a journal that may be in memory and not on the disk.
//!
//! When an `fsync` fails, Linux forgets that the pages were to be written: they stay in its cache as if
//! they had been, and the next `fsync` of them succeeds without a write (found by PostgreSQL's
//! developers in 2018). A process that starts again without a reboot reads back what the disk does not
//! have, and what it then makes durable stands on top of it.
//!
//! So whatever is read back is written once more before anything is done on top of it. Only the newest
//! journal can be in doubt: an older one was synced before the next was begun, and tables and
//! manifests are synced before anything refers to them.

use std::{
    fs, io,
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use crate::{OpenError, lock::lock, torn_tail};

/// Makes what the newest journal of a database has durable. The database is not open; if another
/// process has it open, it is refused.
pub(crate) fn write_again(path: &Path) -> Result<(), OpenError> {
    let failed =
        |source: io::Error| OpenError::Database { path: path.into(), source: source.into() };
    let Some(_lock) = lock(path)? else { return Ok(()) };
    let Some(journal) = torn_tail::newest_journal(path).map_err(failed)? else { return Ok(()) };
    write_whole_batches(&journal).map_err(failed)?;
    fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Writes the whole batches of a journal where they stand: the bytes stay the same, so that a loss of
/// power in the middle of it can do no harm. Says how many bytes that were.
fn write_whole_batches(journal: &Path) -> io::Result<usize> {
    let bytes = fs::read(journal)?;
    let end = torn_tail::whole_batches(&bytes);
    if end > 0 {
        let mut file = fs::OpenOptions::new().write(true).open(journal)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&bytes[..end])?;
        file.sync_all()?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use fjall::{Database, PersistMode};

    use super::*;

    fn database(path: &Path, rows: u8) -> Database {
        let database = Database::builder(path).open().expect("it opens");
        let keyspace = database.keyspace("rows", Default::default).expect("it is there");
        for row in 0..rows {
            keyspace.insert([row], [row; 10_000]).expect("it can be written");
        }
        database.persist(PersistMode::SyncAll).expect("it can be written");
        database
    }

    #[test]
    fn the_whole_batches_of_the_newest_journal_are_written_again_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(database(folder.path(), 50));
        let journal = folder.path().join("0.jnl");
        // The beginning of a batch that was never finished.
        let mut before = fs::read(&journal).expect("readable");
        let end = torn_tail::whole_batches(&before);
        before.truncate(end);
        before.extend([1, 1, 0, 0]);
        fs::write(&journal, &before).expect("it can be written");
        let file = fs::OpenOptions::new().write(true).open(&journal).expect("it is there");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("it can be set");
        write_again(folder.path()).expect("the disk can be written");
        let written = fs::metadata(&journal).and_then(|it| it.modified()).expect("a time");
        assert!(written > SystemTime::UNIX_EPOCH, "nothing was written");
        assert_eq!(fs::read(&journal).expect("readable"), before);
        assert_eq!(write_whole_batches(&journal).expect("the disk can be written"), end);
        // The database finds the end of what is whole in the same place, and cuts off the rest.
        let _open = Database::builder(folder.path()).open().expect("it opens");
        let len = fs::metadata(&journal).expect("it is there").len();
        assert_eq!(usize::try_from(len).expect("a small file"), end);
    }

    #[test]
    fn a_folder_without_a_database_is_left_as_it_is_and_one_in_use_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        write_again(folder.path()).expect("nothing is to be done");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        let open = database(folder.path(), 1);
        assert!(matches!(write_again(folder.path()), Err(OpenError::Locked { .. })));
        drop(open);
        write_again(folder.path()).expect("the disk can be written");
    }
}
