//! An append-only file of entries with checksums.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Disk, DiskError, File};

/// A file of entries. The checksum of each covers all entries before it, so that what an earlier tail
/// has left behind is never taken for what follows a later one.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// The checksum of the last entry.
    last: u64,
    bytes: usize,
}

/// What a journal had when it was opened.
#[derive(Debug)]
pub struct Replayed {
    /// The journal, cut off after the last whole entry.
    pub journal: Journal,
    /// Its entries.
    pub entries: Vec<Bytes>,
    /// How many bytes behind them were no whole entry.
    pub cut_bytes: usize,
}

/// Length and checksum.
const HEAD_BYTES: usize = 12;

impl Journal {
    /// Makes an empty journal, in place of the file that has the name.
    ///
    /// # Errors
    ///
    /// If the disk is full.
    pub fn create(disk: &Disk, name: &str) -> Result<Self, DiskError> {
        Ok(Self { file: disk.create(name)?, last: 0, bytes: 0 })
    }

    /// Opens a journal, and cuts off what follows its last whole entry.
    ///
    /// # Errors
    ///
    /// If it is not there, or cannot be read or mended.
    pub fn open(disk: &Disk, name: &str) -> Result<Replayed, DiskError> {
        let file = disk.open(name)?;
        let all = Bytes::from(file.read()?);
        let mut journal = Self { file, last: 0, bytes: 0 };
        let mut entries = Vec::new();
        while let Some((entry, checksum)) = next(&all.slice(journal.bytes..), journal.last) {
            journal.last = checksum;
            journal.bytes += HEAD_BYTES + entry.len();
            entries.push(entry);
        }
        let cut_bytes = all.len() - journal.bytes;
        if cut_bytes > 0 {
            journal.file.truncate(journal.bytes);
            journal.file.sync()?;
        }
        Ok(Replayed { journal, entries, cut_bytes })
    }

    /// Writes an entry. It survives the process, and once it is synced a loss of power.
    ///
    /// # Errors
    ///
    /// If the disk cannot be written. The journal is not to be written any more then.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), DiskError> {
        let length = u32::try_from(entry.len()).expect("entries are far smaller than 4 GiB");
        let checksum = checksum(entry, self.last);
        let mut bytes = Vec::with_capacity(HEAD_BYTES + entry.len());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(entry);
        self.file.append(&bytes)?;
        self.last = checksum;
        self.bytes += bytes.len();
        Ok(())
    }

    /// Makes every entry survive a loss of power.
    ///
    /// # Errors
    ///
    /// If the disk cannot sync. The journal is not to be used any more then.
    pub fn sync(&self) -> Result<(), DiskError> {
        self.file.sync()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The entry that the bytes begin with, and its checksum, if it is whole.
fn next(bytes: &Bytes, last: u64) -> Option<(Bytes, u64)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (stored, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let entry = bytes.slice_ref(rest.get(..length)?);
    let checksum = checksum(&entry, last);
    (checksum == u64::from_le_bytes(*stored)).then_some((entry, checksum))
}

/// Never that of nothing but zeros, which is what a dropped page leaves.
fn checksum(entry: &[u8], last: u64) -> u64 {
    xxh3_64_with_seed(entry, last ^ entry.len() as u64) | 1
}
