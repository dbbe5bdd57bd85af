//! Following what comes in partitions of the log, for as long as somebody waits for it.
//!
//! A partition is read from its end on once the first one waits for something in it, and no more when
//! nobody does. Only the keys of its records are looked at, so one reader serves thousands.

use std::collections::BTreeMap;

use tidelog_core::{Offset, PartitionId, Topic};
use tokio::sync::{oneshot, watch};

use super::reader::Step;

/// The offset of the last record of a key that has come.
pub(crate) type Seen = watch::Receiver<Option<Offset>>;

/// Somebody wants to be told of records of a key.
#[derive(Debug)]
pub(crate) struct Follow {
    /// The topic.
    pub(crate) topic: Topic,
    /// The partition that the key is in.
    pub(crate) partition: PartitionId,
    /// The key.
    pub(crate) key: Box<str>,
    /// Is told once no record can be missed any more.
    pub(crate) reply: oneshot::Sender<Seen>,
}

/// What is followed.
#[derive(Debug, Default)]
pub(super) struct Following(BTreeMap<(Topic, PartitionId), Followed>);

/// A partition that is followed.
#[derive(Debug, Default)]
struct Followed {
    /// Whether it is known from where on it is read.
    is_located: bool,
    keys: BTreeMap<Box<str>, watch::Sender<Option<Offset>>>,
    /// Those who are to be told when that is known.
    awaiting: Vec<(Seen, oneshot::Sender<Seen>)>,
}

impl Following {
    /// Whether readers of a topic are this one's.
    pub(super) fn has(topic: Topic) -> bool {
        matches!(topic, Topic::ZoneChanges | Topic::DeviceNotifications)
    }

    /// Takes one who follows. Whether the partition is to be read from now on.
    pub(super) fn add(&mut self, follow: Follow) -> bool {
        let Follow { topic, partition, key, reply } = follow;
        let is_new = !self.0.contains_key(&(topic, partition));
        let followed = self.0.entry((topic, partition)).or_default();
        let seen = followed.keys.entry(key).or_insert_with(|| watch::Sender::new(None)).subscribe();
        followed.awaiting.push((seen, reply));
        followed.tell();
        is_new
    }

    /// Takes what a reader has found. Whether it is to read on.
    pub(super) fn take(&mut self, step: &Step) -> bool {
        let place = (step.reader.topic, step.reader.partition);
        let Some(followed) = self.0.get_mut(&place) else { return false };
        followed.is_located |= step.has_located;
        for record in &step.records {
            let key = std::str::from_utf8(&record.key).ok();
            if let Some(seen) = key.and_then(|key| followed.keys.get(key)) {
                seen.send_replace(Some(record.offset));
            }
        }
        followed.tell();
        followed.keys.retain(|_, seen| seen.receiver_count() > 0);
        let is_wanted = !followed.keys.is_empty();
        if !is_wanted {
            self.0.remove(&place);
        }
        is_wanted
    }
}

impl Followed {
    /// Tells those who wait that nothing is missed from here on.
    fn tell(&mut self) {
        if self.is_located {
            for (seen, reply) in self.awaiting.drain(..) {
                // Whoever asked may have gone.
                let _ = reply.send(seen);
            }
        }
    }
}
