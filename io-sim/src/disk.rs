//! A disk as a crash leaves it.
//!
//! What is written is in the page cache, which outlives the process and not the power. A page reaches
//! the disk when its file is synced, or at random before that; a change of the directory when the
//! directory is synced. When the power is lost, each page and each change of the directory that had
//! not reached the disk is kept or dropped on its own, and a page can be torn.

mod directory;
mod journal;
mod pages;

pub use journal::{Journal, Replayed};

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use self::directory::{Directory, Inode};
use crate::{
    choice::{Entity, Vary},
    fault::{Draw, FaultKind},
    sim::{Sim, lock},
};

/// A disk, which outlives the processes that use it. Clones are handles to the same one.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

struct Shared {
    sim: Sim,
    name: Box<str>,
    entity: Entity,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    directory: Directory,
    copies: Vec<Directory>,
}

/// A file of a disk. Its name may change, or be taken by another one, while it is in use.
#[derive(Clone, Debug)]
pub struct File {
    disk: Disk,
    inode: Inode,
}

/// Why a disk does not do what it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("there is no file {0:?}")]
    NotFound(Box<str>),
    /// It could not be read, written or synced.
    #[error("input/output error while {0}")]
    Io(&'static str),
    /// There is no room.
    #[error("no space is left on the disk")]
    Full,
}

/// So many old copies are kept, at most.
const COPIES_MAX: usize = 4;

/// One of so many writes lets a page reach the disk early.
const EVICTION_ONE_IN: u64 = 8;

impl Disk {
    /// An empty disk. Its name is what choices about it are keyed by.
    #[must_use]
    pub fn new(sim: &Sim, name: &str) -> Self {
        let (sim, entity) = (sim.clone(), sim.entity(name));
        Self(Arc::new(Shared { sim, name: name.into(), entity, state: Mutex::default() }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Makes an empty file, in place of the one that has the name.
    ///
    /// # Errors
    ///
    /// If the disk is full.
    pub fn create(&self, name: &str) -> Result<File, DiskError> {
        self.check_room()?;
        let inode = self.state(|state| state.directory.create(name));
        Ok(File { disk: self.clone(), inode })
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn open(&self, name: &str) -> Result<File, DiskError> {
        let inode = self.state(|state| state.directory.find(name));
        let inode = inode.ok_or_else(|| DiskError::NotFound(name.into()))?;
        Ok(File { disk: self.clone(), inode })
    }

    /// The names of the files, in order.
    #[must_use]
    pub fn files(&self) -> Vec<Box<str>> {
        self.state(|state| state.directory.names().map(Into::into).collect())
    }

    /// Gives a file another name, in place of the one that has it.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let is_done = self.state(|state| state.directory.rename(from, to));
        is_done.then_some(()).ok_or_else(|| DiskError::NotFound(from.into()))
    }

    /// Removes a file, if there is one of that name.
    pub fn remove(&self, name: &str) {
        self.state(|state| state.directory.remove(name));
    }

    /// Makes the names of files survive a loss of power.
    ///
    /// # Errors
    ///
    /// If the disk cannot sync.
    pub fn sync_directory(&self) -> Result<(), DiskError> {
        if self.strikes(FaultKind::DiskSyncFails).is_some() {
            return Err(DiskError::Io("syncing the directory"));
        }
        self.state(|state| state.directory.sync());
        Ok(())
    }

    /// Whether the disk can be read at this time: to be asked where reads are served from memory that
    /// stands for the disk.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub fn check_read(&self) -> Result<(), DiskError> {
        match self.strikes(FaultKind::DiskReadFails) {
            Some(_) => Err(DiskError::Io("reading")),
            None => Ok(()),
        }
    }

    /// Loses power: what is not synced is kept, dropped or torn.
    pub fn lose_power(&self, draw: Draw) {
        self.state(|state| state.directory.lose_power(Some(draw)));
    }

    /// Loses power and everything that is not synced.
    pub fn lose_unsynced(&self) {
        self.state(|state| state.directory.lose_power(None));
    }

    /// Loses everything.
    pub fn wipe(&self) {
        self.state(|state| state.directory = Directory::default());
    }

    /// Keeps a copy of everything as it is now, and forgets the oldest one where there are too many.
    pub fn keep_copy(&self) {
        self.state(|state| {
            if state.copies.len() == COPIES_MAX {
                state.copies.remove(0);
            }
            state.copies.push(state.directory.copy());
        });
    }

    /// Goes back to one of the copies that were kept. Says whether there is one.
    pub fn go_back(&self, draw: Draw) -> bool {
        self.state(|state| {
            let count = state.copies.len();
            if count == 0 {
                return false;
            }
            let chosen = draw.pick("copy", count as u64);
            state.directory = state.copies[usize::try_from(chosen).expect("one of few")].copy();
            true
        })
    }

    /// Takes over everything that another disk has now.
    pub fn become_twin_of(&self, other: &Self) {
        let theirs = other.state(|state| state.directory.copy());
        self.state(|state| state.directory = theirs);
    }

    fn check_room(&self) -> Result<(), DiskError> {
        match self.strikes(FaultKind::DiskFull) {
            Some(_) => Err(DiskError::Full),
            None => Ok(()),
        }
    }

    fn strikes(&self, kind: FaultKind) -> Option<Draw> {
        self.0.sim.fault(kind, self.0.entity)
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.0.state))
    }
}

impl File {
    /// Reads it whole.
    ///
    /// # Errors
    ///
    /// If the disk cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, DiskError> {
        self.disk.check_read()?;
        Ok(self.disk.state(|state| state.directory.pages(self.inode).bytes().to_vec()))
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.disk.state(|state| state.directory.pages(self.inode).bytes().len())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes bytes at its end.
    ///
    /// # Errors
    ///
    /// If the disk cannot be written, or is full. Some of the bytes may be there then.
    pub fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.check_room()?;
        let failed = self.disk.strikes(FaultKind::DiskWriteFails);
        let flipped = self.disk.strikes(FaultKind::DiskBitFlips);
        let luck = self.disk.0.sim.vary(Vary::Eviction, self.disk.0.entity, 1 << 20);
        self.disk.state(|state| {
            let pages = state.directory.pages_mut(self.inode);
            let written = match failed {
                Some(draw) => draw.pick("written", bytes.len() as u64 + 1),
                None => bytes.len() as u64,
            };
            pages.append(&bytes[..usize::try_from(written).expect("no more than there are")]);
            if let Some(draw) = flipped {
                pages.flip(draw);
            }
            if luck.is_multiple_of(EVICTION_ONE_IN) {
                pages.evict(luck / EVICTION_ONE_IN);
            }
        });
        if failed.is_some() { Err(DiskError::Io("writing")) } else { Ok(()) }
    }

    /// Cuts it off after so many bytes.
    pub fn truncate(&self, bytes: usize) {
        self.disk.state(|state| state.directory.pages_mut(self.inode).truncate(bytes));
    }

    /// Makes what is in it survive a loss of power.
    ///
    /// # Errors
    ///
    /// If the disk cannot sync. What was to be synced may then be lost even where a later sync works,
    /// as with a page cache that takes a page for clean once its writing has failed.
    pub fn sync(&self) -> Result<(), DiskError> {
        let failed = self.disk.strikes(FaultKind::DiskSyncFails);
        self.disk.state(|state| {
            let pages = state.directory.pages_mut(self.inode);
            match failed {
                Some(draw) => pages.fail_sync(draw),
                None => pages.sync(),
            }
        });
        if failed.is_some() { Err(DiskError::Io("syncing")) } else { Ok(()) }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
