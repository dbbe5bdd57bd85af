//! Following what comes in partitions of the log, for as long as somebody waits for it.
//!
//! A partition is read from its end on once the first one waits for something in it, and no more when
//! nobody does. Only the keys of its records are looked at, so one reader serves thousands.

use std::collections::BTreeMap;

use tidelog_core::{PartitionId, Topic};
use tokio::sync::oneshot;

use super::{
    reader::Step,
    seen::{Seen, Telling},
};

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
    keys: BTreeMap<Box<str>, Telling>,
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
        let seen = followed.keys.entry(key).or_default().subscribe();
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
                seen.tell(record.offset);
            }
        }
        followed.tell();
        followed.keys.retain(|_, seen| seen.is_wanted());
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use tidelog_core::{Offset, Timestamp, port::Record};

    use super::{
        super::reader::{Begin, Reader},
        *,
    };

    const TOPIC: Topic = Topic::ZoneChanges;
    const PARTITION: PartitionId = PartitionId(3);

    #[test]
    fn who_follows_is_told_once_nothing_can_be_missed_and_of_what_comes_then() {
        let mut following = Following::default();
        let (is_new, mut eu) = follow(&mut following, "shop/orders/eu");
        assert!(is_new);
        let (is_new, mut us) = follow(&mut following, "shop/orders/us");
        assert!(!is_new, "the partition is read already");
        assert!(eu.try_recv().is_err(), "it is not known yet from where on");
        assert!(following.take(&step(true, &[])));
        let (mut eu, mut us) = (eu.try_recv().expect("it is"), us.try_recv().expect("it is"));
        assert!(following.take(&step(false, &[("shop/orders/eu", 7), ("shop/users/eu", 8)])));
        assert_eq!(eu.next().now_or_never(), Some(Ok(Some(Offset(7)))));
        assert_eq!(us.next().now_or_never(), None);
        let (_, mut late) = follow(&mut following, "shop/orders/eu");
        let mut late = late.try_recv().expect("it is known from where on");
        assert_eq!(late.next().now_or_never(), None, "what came before is not told");
    }

    #[test]
    fn what_nobody_follows_any_more_is_read_no_more() {
        let mut following = Following::default();
        let (_, eu) = follow(&mut following, "shop/orders/eu");
        assert!(following.take(&step(true, &[])));
        drop(eu);
        assert!(!following.take(&step(false, &[])));
        let (is_new, _) = follow(&mut following, "shop/orders/eu");
        assert!(is_new, "it is read anew");
    }

    fn follow(following: &mut Following, key: &str) -> (bool, oneshot::Receiver<Seen>) {
        let (reply, told) = oneshot::channel();
        let follow = Follow { topic: TOPIC, partition: PARTITION, key: key.into(), reply };
        (following.add(follow), told)
    }

    fn step(has_located: bool, records: &[(&'static str, u64)]) -> Step {
        let record = |(key, offset): &(&'static str, u64)| Record {
            offset: Offset(*offset),
            time: Timestamp::ZERO,
            key: Bytes::from_static(key.as_bytes()),
            payload: Bytes::new(),
            trace: None,
        };
        let records = records.iter().map(record).collect();
        let reader = Reader::new(TOPIC, PARTITION, Begin::AtEnd);
        Step { reader, records, has_located, has_caught_up: false }
    }
}
