//! What is damage to a store, and what becomes of a damaged one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fjall::{Error, LsmError};

use crate::{OpenError, lock::lock, torn_tail};

/// Whether a store does not open because of what is in its folder. All else is none of the folder's
/// fault, and would befall another one as well.
pub(super) fn keeps_closed(error: &OpenError) -> bool {
    match error {
        OpenError::Damaged { .. } | OpenError::NoFormat { .. } => true,
        OpenError::Database { source, .. } => is_damage(source),
        OpenError::Locked { .. }
        | OpenError::Layout { .. }
        | OpenError::Format { .. }
        | OpenError::Thread(_) => false,
    }
}

/// Whether the database says that its files are not what was written.
#[expect(clippy::wildcard_enum_match_arm, reason = "what fjall may add is no damage until we know")]
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::Storage(LsmError::Io(error)) | Error::Io(error) => is_of_files(error.kind()),
        Error::Storage(_)
        | Error::JournalRecovery(_)
        | Error::InvalidVersion(_)
        | Error::Decompress(_)
        | Error::InvalidTrailer
        | Error::InvalidTag(_)
        | Error::Unrecoverable => true,
        _ => false,
    }
}

/// Whether a file is missing, too short or another one. A disk that is full or broken, and one that may
/// not be read, is no damage to its files.
fn is_of_files(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound,
        UnexpectedEof,
    };
    // The input that is not valid is a place in a file, which stands in another one.
    matches!(
        kind,
        NotFound
            | AlreadyExists
            | UnexpectedEof
            | InvalidData
            | InvalidInput
            | IsADirectory
            | NotADirectory
    )
}

/// Makes sure that nothing is missing before what was written last.
///
/// The end of a journal is missing where a crash has cut it off, and what is before it is a state that
/// there was. But if another journal follows, it is a hole, which fjall does not look for.
pub(super) fn check_journals(folder: &Path) -> Result<(), OpenError> {
    let failed =
        |source: io::Error| OpenError::Database { path: folder.into(), source: source.into() };
    let damaged = |what| Err(OpenError::Damaged { path: folder.into(), what });
    let Some(_lock) = lock(folder)? else { return Ok(()) };
    let mut journals = torn_tail::journals(folder).map_err(failed)?;
    let Some((newest, _)) = journals.pop_last() else { return Ok(()) };
    let mut expected = newest;
    for (number, journal) in journals.into_iter().rev() {
        expected -= 1;
        if number != expected {
            return damaged(format!("the journal {expected} is missing"));
        }
        let bytes = fs::read(&journal).map_err(failed)?;
        // A journal is made with room, which stays empty.
        if bytes[torn_tail::whole_batches(&bytes)..].iter().any(|byte| *byte != 0) {
            return damaged(format!("the journal {number} is torn, and another one follows"));
        }
    }
    Ok(())
}

/// Puts a folder beside itself, in the place of the one that was put there before. Says where.
pub(super) fn set_aside(folder: &Path) -> Result<PathBuf, OpenError> {
    let _lock = lock(folder)?;
    let failed =
        |source: io::Error| OpenError::Database { path: folder.into(), source: source.into() };
    rename(folder).map_err(failed)
}

fn rename(folder: &Path) -> io::Result<PathBuf> {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    let aside = folder.with_file_name(name);
    let removed = if aside.is_dir() { fs::remove_dir_all(&aside) } else { fs::remove_file(&aside) };
    or_absent(removed)?;
    or_absent(fs::rename(folder, &aside))?;
    Ok(aside)
}

fn or_absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_and_one_that_is_forbidden_are_not_damaged() {
        use io::ErrorKind::{
            NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull, UnexpectedEof,
        };
        for (kind, expected) in [
            (StorageFull, false),
            (PermissionDenied, false),
            (ReadOnlyFilesystem, false),
            (NotFound, true),
            (UnexpectedEof, true),
        ] {
            let path = PathBuf::from("store");
            for source in [Error::Io(kind.into()), Error::Storage(LsmError::Io(kind.into()))] {
                assert_eq!(is_damage(&source), expected, "{source}");
                let error = OpenError::Database { path: path.clone(), source };
                assert_eq!(keeps_closed(&error), expected, "{error}");
            }
        }
        // Bad sectors and the like: another folder on that disk would be no better.
        assert!(!is_damage(&Error::Io(io::Error::from_raw_os_error(5))));
        assert!(!keeps_closed(&OpenError::Locked { path: "store".into() }));
        let format = OpenError::Format { path: "store".into(), found: vec![9], known: 2 };
        assert!(!keeps_closed(&format), "a newer release's");
        assert!(!is_damage(&Error::Poisoned), "that alone does not say why");
    }

    #[test]
    fn one_folder_is_kept_aside_and_no_more() {
        let data = tempfile::tempdir().expect("a folder");
        let store = data.path().join("store");
        for content in ["first", "second"] {
            fs::create_dir(&store).expect("a folder of our own");
            fs::write(store.join("file"), content).expect("a good disk");
            let aside = set_aside(&store).expect("a good disk");
            assert_eq!(aside, data.path().join("store.damaged"));
            assert_eq!(fs::read_to_string(aside.join("file")).expect("a file"), content);
            assert!(!store.exists());
        }
        // Nothing is there to be set aside, as where somebody has removed it.
        set_aside(&store).expect("nothing is to be done");
    }
}
