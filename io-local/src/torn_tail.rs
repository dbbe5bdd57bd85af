//! The last batch of a journal, where a loss of power has torn it.
//!
//! A batch that is being synced when the power goes may reach the disk in any of its pages and not in
//! others. fjall discards a last batch that it cannot decode, but where a page is missing inside a
//! value it decodes, its checksum is wrong, and fjall refuses to open the database. Nobody has been
//! told of such a batch; it is cut off here. A broken batch with a whole one behind it is no torn
//! tail but damage, and stays.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

/// The end of each batch (fjall 3.1).
const TRAILER: &[u8] = b"FJL\x03";

/// Cuts a torn last batch off the newest journal of a database that is not open. Says whether it did.
pub(crate) fn cut(database: &Path) -> io::Result<bool> {
    let Some(journal) = newest_journal(database)? else { return Ok(false) };
    let bytes = fs::read(&journal)?;
    let at = whole_batches(&bytes);
    // What cannot be read as a batch at all, fjall cuts off by itself.
    let Some(Batch { end, is_whole: false }) = batch(&bytes[at..]) else { return Ok(false) };
    if batch(&bytes[at + end..]).is_some_and(|behind| behind.is_whole) {
        return Ok(false);
    }
    let file = fs::OpenOptions::new().write(true).open(&journal)?;
    file.set_len(at as u64)?;
    file.sync_all()?;
    tracing::warn!(journal = %journal.display(), at, "cut off a batch that a loss of power had torn");
    Ok(true)
}

/// How many bytes the whole batches at the beginning of a journal have.
pub(crate) fn whole_batches(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(Batch { end, is_whole: true }) = batch(&bytes[at..]) {
        at += end;
    }
    at
}

/// The journal that is written to.
pub(crate) fn newest_journal(database: &Path) -> io::Result<Option<PathBuf>> {
    Ok(journals(database)?.pop_last().map(|(_, path)| path))
}

/// All journals, by their numbers.
pub(crate) fn journals(database: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut journals = BTreeMap::new();
    for entry in fs::read_dir(database)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl")
            && let Some(number) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
        {
            journals.insert(number, path);
        }
    }
    Ok(journals)
}

/// A batch as it stands in a journal: where it ends, and whether its parts are as it says.
struct Batch {
    end: usize,
    is_whole: bool,
}

/// The batch at the beginning of some bytes; `None` where none can be read.
fn batch(bytes: &[u8]) -> Option<Batch> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take::<1>()? != [1] {
        return None;
    }
    let expected = u32::from_le_bytes(reader.take()?);
    reader.take::<8>()?;
    let mut hasher = Xxh3::new();
    let mut found = 0u32;
    loop {
        let start = reader.at;
        match reader.take::<1>()? {
            [2] => {
                // Kind, compression, keyspace.
                reader.take::<10>()?;
                let key = u16::from_le_bytes(reader.take()?);
                reader.take::<4>()?;
                let value = u32::from_le_bytes(reader.take()?);
                reader.skip(usize::from(key))?;
                reader.skip(value as usize)?;
            }
            [4] => {
                reader.take::<8>()?;
            }
            [3] => {
                let checksum = u64::from_le_bytes(reader.take()?);
                let has_trailer = reader.take::<4>()? == TRAILER;
                let is_whole = has_trailer && found == expected && checksum == hasher.digest();
                return Some(Batch { end: reader.at, is_whole });
            }
            _ => return None,
        }
        hasher.update(&bytes[start..reader.at]);
        found += 1;
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*taken)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}
