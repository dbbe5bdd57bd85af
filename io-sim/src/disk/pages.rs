//! What is in a file: the page cache, and what the disk has below it.

use std::collections::BTreeMap;

use crate::fault::Draw;

/// The bytes of a file as processes see them, and of each page that has changed what the disk has.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    bytes: Vec<u8>,
    unsynced: BTreeMap<usize, OnDisk>,
}

/// What the disk has of a page.
#[derive(Clone, Debug)]
struct OnDisk {
    /// Fewer than a page at the end of the file, none beyond it.
    bytes: Vec<u8>,
    /// A sync of the page has failed, and the cache takes it for clean.
    is_forgotten: bool,
}

const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

impl Pages {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = self.bytes.len() + bytes.len();
        (self.bytes.len() / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).for_each(|page| self.touch(page));
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, bytes: usize) {
        let pages = bytes / PAGE_BYTES..self.bytes.len().div_ceil(PAGE_BYTES);
        pages.for_each(|page| self.touch(page));
        self.bytes.truncate(bytes);
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.retain(|_, on_disk| on_disk.is_forgotten);
    }

    /// Takes everything for written that is there.
    pub(super) fn settle(&mut self) {
        self.unsynced.clear();
    }

    /// Fails to write some of the pages, and takes all of them for written.
    pub(super) fn fail_sync(&mut self, draw: Draw) {
        for (page, on_disk) in &mut self.unsynced {
            on_disk.is_forgotten |= draw.pick_nth("forgotten", *page as u64, 2) == 0;
        }
        self.sync();
    }

    /// Lets one page reach the disk.
    pub(super) fn evict(&mut self, which: u64) {
        let pages: Vec<_> = self.unsynced.iter().filter(|(_, it)| !it.is_forgotten).collect();
        if let Some(nth) = usize::try_from(which).expect("64 bits").checked_rem(pages.len()) {
            let page = *pages[nth].0;
            self.unsynced.remove(&page);
        }
    }

    /// Flips a bit.
    pub(super) fn flip(&mut self, draw: Draw) {
        if !self.bytes.is_empty() {
            let at = draw.pick("byte", self.bytes.len() as u64);
            let at = usize::try_from(at).expect("an index of a file in memory");
            self.bytes[at] ^= 1 << draw.pick("bit", 8);
        }
    }

    /// Leaves what the disk has after a loss of power: of each page that has not reached it all, some
    /// or nothing, or without a draw nothing of any.
    pub(super) fn lose_power(&mut self, draw: Option<Draw>, file: u64) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let Some((first, _)) = unsynced.first_key_value() else { return };
        let first = *first;
        let last =
            self.bytes.len().div_ceil(PAGE_BYTES).max(*unsynced.keys().last().unwrap_or(&0) + 1);
        let mut left = self.bytes[..(first * PAGE_BYTES).min(self.bytes.len())].to_vec();
        for page in first..last {
            let bytes = match unsynced.get(&page) {
                Some(on_disk) => self.fate(page, on_disk, draw, file),
                None => self.page(page).to_vec(),
            };
            // A page that is there behind one that is not leaves a hole of zeros.
            if !bytes.is_empty() {
                left.resize(page * PAGE_BYTES, 0);
                left.extend_from_slice(&bytes);
            }
        }
        self.bytes = left;
    }

    fn fate(&self, page: usize, on_disk: &OnDisk, draw: Option<Draw>, file: u64) -> Vec<u8> {
        let (new, old) = (self.page(page), &on_disk.bytes);
        let Some(draw) = draw.filter(|_| !on_disk.is_forgotten) else { return old.clone() };
        let nth = file << 32 | page as u64;
        let torn = |bytes: usize| {
            let at = bytes.min(new.len());
            let mut torn = new[..at].to_vec();
            torn.extend(old.iter().skip(at));
            torn
        };
        let pick = |detail, options: usize| {
            let picked = draw.pick_nth(detail, nth, options as u64);
            usize::try_from(picked).expect("one of few")
        };
        match draw.pick_nth("page", nth, 4) {
            0 => old.clone(),
            1 => torn(pick("sector", PAGE_BYTES / SECTOR_BYTES) * SECTOR_BYTES),
            2 => torn(pick("byte", new.len() + 1)),
            _ => new.to_vec(),
        }
    }

    fn page(&self, page: usize) -> &[u8] {
        let begin = (page * PAGE_BYTES).min(self.bytes.len());
        &self.bytes[begin..(begin + PAGE_BYTES).min(self.bytes.len())]
    }

    /// Remembers what the disk has of a page that is about to change.
    fn touch(&mut self, page: usize) {
        if let Some(on_disk) = self.unsynced.get_mut(&page) {
            // The cache knows again that the page is not written.
            on_disk.is_forgotten = false;
        } else {
            let bytes = self.page(page).to_vec();
            self.unsynced.insert(page, OnDisk { bytes, is_forgotten: false });
        }
    }
}
