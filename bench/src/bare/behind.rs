//! Rows written behind: a thread of its own puts them into fjall, without syncing.
//!
//! Each batch has the number of the last group applied, so that after a crash the rest of the log
//! can be applied again. Until fjall has a row, readers find it in memory.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, RwLock};

use bytes::Bytes;

use super::engine::Write;
use super::store::Store;
use crate::Result;

/// Rows that fjall does not have yet, with the number of the group that wrote them.
pub type Pending = Arc<RwLock<HashMap<String, (u64, Bytes)>>>;

/// Hands groups to the thread that applies them.
#[derive(Clone, Debug)]
pub struct Applier {
    pending: Pending,
    queue: SyncSender<(u64, Vec<Write>)>,
}

impl Applier {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails if no thread can be started.
    pub fn start(store: Store, pending: Pending) -> Result<Self> {
        // At most this many groups wait to be applied.
        let (queue, groups) = sync_channel(256);
        let rows = Arc::clone(&pending);
        std::thread::Builder::new().name("applier".into()).spawn(move || {
            if let Err(error) = apply(&store, &groups, &rows) {
                eprintln!("applier: {error}");
            }
        })?;
        Ok(Self { pending, queue })
    }

    /// Hands over a group that is durable; it can be read from here on.
    ///
    /// # Errors
    /// Fails if the thread stopped.
    pub fn send(&self, number: u64, group: Vec<Write>) -> Result<()> {
        {
            let mut pending = self.pending.write().map_err(|_| "poisoned")?;
            for write in &group {
                pending.insert(write.id.clone(), (number, write.doc.clone()));
            }
        }
        Ok(self.queue.send((number, group))?)
    }
}

/// Puts everything queued into fjall, one batch at a time.
fn apply(store: &Store, groups: &Receiver<(u64, Vec<Write>)>, pending: &Pending) -> Result<()> {
    while let Ok((mut last, mut writes)) = groups.recv() {
        while writes.len() < 512 {
            let Ok((group, more)) = groups.try_recv() else { break };
            last = group;
            writes.extend(more);
        }
        let mut batch = store.db.batch();
        for write in &writes {
            batch.insert(&store.entities, write.id.as_bytes(), write.doc.clone());
        }
        batch.insert(&store.positions, "applied", last.to_be_bytes());
        batch.commit()?;
        let mut pending = pending.write().map_err(|_| "poisoned")?;
        for write in &writes {
            if pending.get(&write.id).is_some_and(|(group, _)| *group <= last) {
                pending.remove(&write.id);
            }
        }
    }
    Ok(())
}
