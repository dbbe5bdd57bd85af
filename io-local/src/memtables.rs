//! Memtables that the database is done with are freed here, on a thread of their own.
//!
//! fjall drops its last reference to a flushed memtable while it holds the lock that every insert and
//! every read of the keyspace needs, and freeing tens of thousands of items one by one takes tens of
//! milliseconds. A reference that is held here makes ours the last one.

use std::{any::Any, io, sync::Arc, sync::mpsc, thread};

use fjall::{AbstractTree, Keyspace};

type Memtable = Arc<dyn Any + Send + Sync>;

/// Holds the memtables of some keyspaces until the database has let go of them.
pub(crate) struct Memtables {
    active: Vec<(Keyspace, u64, Memtable)>,
    flushing: Vec<Memtable>,
    free: mpsc::Sender<Memtable>,
}

impl Memtables {
    /// Holds the memtables of these keyspaces. The thread ends when this is dropped.
    pub(crate) fn hold(keyspaces: impl IntoIterator<Item = Keyspace>) -> io::Result<Self> {
        let (free, done) = mpsc::channel::<Memtable>();
        let drop_all = move || done.into_iter().for_each(drop);
        thread::Builder::new().name("tidelog-memtables".into()).spawn(drop_all)?;
        let active = keyspaces.into_iter().map(|keyspace| {
            let (id, memtable) = active(&keyspace);
            (keyspace, id, memtable)
        });
        Ok(Self { active: active.collect(), flushing: Vec::new(), free })
    }

    /// Looks for memtables that have been replaced, and for those that only this holds any more. Says
    /// which keyspaces have a new one. To be called often; it costs next to nothing.
    pub(crate) fn look(&mut self) -> Vec<usize> {
        let mut replaced = Vec::new();
        for (index, (keyspace, id, memtable)) in self.active.iter_mut().enumerate() {
            let (newest_id, newest) = active(keyspace);
            if newest_id != *id {
                *id = newest_id;
                self.flushing.push(std::mem::replace(memtable, newest));
                replaced.push(index);
            }
        }
        for memtable in self.flushing.extract_if(.., |memtable| Arc::strong_count(memtable) == 1) {
            // Without the thread it is freed here.
            let _ = self.free.send(memtable);
        }
        replaced
    }
}

fn active(keyspace: &Keyspace) -> (u64, Memtable) {
    let memtable = keyspace.tree.active_memtable();
    (memtable.id(), memtable)
}
