//! What the writer thread does with a group of requests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use fjall::{OwnedWriteBatch, PersistMode};

use super::behind::Applier;
use super::options::{Options, Sync};
use super::records::{self, Numbering, TOPICS};
use super::store::Store;
use crate::Result;

/// A write to be made durable.
#[derive(Clone, Debug)]
pub struct Write {
    /// The id of the entity.
    pub id: String,
    /// Its document.
    pub doc: Bytes,
}

/// How long the parts of a group took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// Building the batch.
    pub build: Duration,
    /// Committing it (with the sync, unless split).
    pub commit: Duration,
    /// Syncing it.
    pub sync: Duration,
    /// Rotating a memtable.
    pub rotate: Duration,
}

/// The engine in which fjall keeps log and rows.
#[derive(Debug)]
pub struct Fjall {
    store: Store,
    behind: Option<Applier>,
    group: u64,
    options: Options,
    numbering: Numbering,
}

impl Fjall {
    /// Makes the engine for an open store of the log; rows go there too unless written behind.
    ///
    /// # Errors
    /// Fails as fjall does.
    pub fn new(store: Store, options: Options, behind: Option<Applier>) -> Result<Self> {
        let run = next_run(&store)?;
        let numbering = Numbering::new(&options, run);
        Ok(Self { store, behind, group: 0, options, numbering })
    }

    /// Writes a group, giving each write's offset.
    ///
    /// # Errors
    /// Fails as fjall does.
    pub fn write(&mut self, group: Vec<Write>) -> Result<(Vec<u64>, Timing)> {
        let mut timing = Timing::default();
        let start = Instant::now();
        let mut batch =
            OwnedWriteBatch::with_capacity(self.store.db.clone(), group.len() * (TOPICS.len() + 2));
        let mut bytes = 0;
        let offsets = if self.options.pack {
            self.packed(&group, &mut batch, &mut bytes)
        } else {
            self.single(&group, &mut batch, &mut bytes)
        };
        if self.behind.is_none() {
            for write in &group {
                batch.insert(&self.store.entities, write.id.as_bytes(), write.doc.clone());
            }
        }
        timing.build = start.elapsed();

        let start = Instant::now();
        let mode = (self.options.sync == Sync::Batch).then_some(PersistMode::SyncData);
        batch.durability(mode).commit()?;
        timing.commit = start.elapsed();

        if self.options.sync == Sync::Split {
            let start = Instant::now();
            self.store.db.persist(PersistMode::SyncData)?;
            timing.sync = start.elapsed();
        }
        let start = Instant::now();
        if self.numbering.fill(bytes) {
            self.store.topics[0].rotate_memtable()?;
        }
        if let Some(behind) = &self.behind {
            self.group += 1;
            behind.send(self.group, group)?;
        }
        timing.rotate = start.elapsed();
        Ok((offsets, timing))
    }

    fn single(&mut self, group: &[Write], batch: &mut OwnedWriteBatch, sum: &mut u64) -> Vec<u64> {
        let mut offsets = Vec::with_capacity(group.len());
        for write in group {
            let partition = self.numbering.partition(&write.id);
            let mut last = 0;
            for topic in 0..TOPICS.len() {
                last = self.numbering.take(topic, partition, 1);
                let value = records::value(topic, &write.doc, self.options.thin);
                *sum += value.len() as u64;
                let key = self.numbering.key(topic, partition, last);
                batch.insert(&self.store.topics[topic], key, value);
            }
            self.position(batch, partition, last);
            offsets.push(last);
        }
        offsets
    }

    fn packed(&mut self, group: &[Write], batch: &mut OwnedWriteBatch, sum: &mut u64) -> Vec<u64> {
        let mut offsets = vec![0; group.len()];
        for (partition, members) in by_partition(&self.numbering, group) {
            let mut last = 0;
            for topic in 0..TOPICS.len() {
                let first = self.numbering.take(topic, partition, members.len() as u64);
                let item = pack(group, &members, topic, self.options.thin);
                *sum += item.len() as u64;
                batch.insert(
                    &self.store.topics[topic],
                    self.numbering.key(topic, partition, first),
                    item,
                );
                for (slot, member) in members.iter().enumerate() {
                    last = first + slot as u64;
                    offsets[*member] = last;
                }
            }
            self.position(batch, partition, last);
        }
        offsets
    }

    fn position(&self, batch: &mut OwnedWriteBatch, partition: u16, offset: u64) {
        if self.behind.is_some() {
            return;
        }
        let key = records::position_key(partition);
        batch.insert(&self.store.positions, key, offset.to_be_bytes());
    }
}

/// The members of a group by partition.
#[must_use]
pub fn by_partition(numbering: &Numbering, group: &[Write]) -> HashMap<u16, Vec<usize>> {
    let mut parts: HashMap<u16, Vec<usize>> = HashMap::new();
    for (at, write) in group.iter().enumerate() {
        parts.entry(numbering.partition(&write.id)).or_default().push(at);
    }
    parts
}

/// All of a topic's records of some members of a group, in one item.
#[must_use]
pub fn pack(group: &[Write], members: &[usize], topic: usize, thin: bool) -> Bytes {
    let mut item = BytesMut::with_capacity(members.len() * 448);
    for member in members {
        let write = &group[*member];
        let value = records::value(topic, &write.doc, thin);
        item.put_u16(u16::try_from(write.id.len()).unwrap_or(u16::MAX));
        item.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        item.put_slice(write.id.as_bytes());
        item.put_slice(&value);
    }
    item.freeze()
}

/// Counts the runs over a store, so that each has log keys of its own.
fn next_run(store: &Store) -> Result<u32> {
    let key = "run";
    let last = store
        .positions
        .get(key)?
        .map_or(0, |v| v.iter().take(4).fold(0_u32, |n, b| (n << 8) | u32::from(*b)));
    // Leaves room for the segments of a run.
    let next = last + 65_536;
    store.positions.insert(key, next.to_be_bytes())?;
    Ok(last)
}
