//! Names of files: as processes see them, and as the disk has them.

use std::collections::{BTreeMap, BTreeSet};

use super::pages::Pages;
use crate::fault::Draw;

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Inode(u64);

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    names: BTreeMap<Box<str>, Inode>,
    on_disk: BTreeMap<Box<str>, Inode>,
    /// What has changed since the directory was synced, in order.
    unsynced: Vec<Step>,
    files: BTreeMap<Inode, Pages>,
    made: u64,
}

/// A change of the directory, which is made whole or not at all.
#[derive(Clone, Debug)]
enum Step {
    Name(Box<str>, Inode),
    Rename(Box<str>, Box<str>, Inode),
    Remove(Box<str>),
}

impl Directory {
    pub(super) fn create(&mut self, name: &str) -> Inode {
        self.made += 1;
        let inode = Inode(self.made);
        self.files.insert(inode, Pages::default());
        self.change(Step::Name(name.into(), inode));
        inode
    }

    pub(super) fn find(&self, name: &str) -> Option<Inode> {
        self.names.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(inode) = self.find(from) else { return false };
        self.change(Step::Rename(from.into(), to.into(), inode));
        true
    }

    pub(super) fn remove(&mut self, name: &str) {
        if self.names.contains_key(name) {
            self.change(Step::Remove(name.into()));
        }
    }

    pub(super) fn pages(&self, inode: Inode) -> &Pages {
        self.files.get(&inode).expect("files stay while the disk does; a process ends with a crash")
    }

    pub(super) fn pages_mut(&mut self, inode: Inode) -> &mut Pages {
        self.files
            .get_mut(&inode)
            .expect("files stay while the disk does; a process ends with a crash")
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.on_disk.clone_from(&self.names);
        let named: BTreeSet<_> = self.names.values().copied().collect();
        self.files.retain(|inode, _| named.contains(inode));
    }

    /// Everything as it is now, and all of it on the disk.
    pub(super) fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.sync();
        copy.files.values_mut().for_each(Pages::settle);
        copy
    }

    /// Leaves what the disk has after a loss of power: of what has not reached it some, or without a
    /// draw nothing.
    pub(super) fn lose_power(&mut self, draw: Option<Draw>) {
        self.names = std::mem::take(&mut self.on_disk);
        for (nth, step) in (0..).zip(std::mem::take(&mut self.unsynced)) {
            if draw.is_some_and(|draw| draw.pick_nth("step", nth, 2) == 1) {
                step.make(&mut self.names);
            }
        }
        for (inode, pages) in &mut self.files {
            pages.lose_power(draw, inode.0);
        }
        self.sync();
    }

    fn change(&mut self, step: Step) {
        step.clone().make(&mut self.names);
        self.unsynced.push(step);
    }
}

impl Step {
    fn make(self, names: &mut BTreeMap<Box<str>, Inode>) {
        match self {
            Self::Name(name, inode) => {
                names.insert(name, inode);
            }
            Self::Rename(from, to, inode) => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}
