//! The offsets of a group: what counts, and what will count once its transaction is committed.

use std::collections::BTreeMap;

use crate::wire::{
    CommittedOffset, Offset, ProducerId, Timestamp, TopicPartition, TransactionResult,
};

/// The offsets of a group.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    committed: BTreeMap<TopicPartition, Committed>,
    /// Those of open transactions, in the order of the log.
    pending: BTreeMap<ProducerId, Vec<(TopicPartition, Committed)>>,
    /// How many transactional commits of a partition are not in the log yet.
    unwritten: BTreeMap<TopicPartition, usize>,
}

/// An offset that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) value: CommittedOffset,
    /// When.
    pub(super) time: Timestamp,
    /// Where its record lies: of two the later one counts, whichever becomes known first.
    pub(super) at: Offset,
}

impl Offsets {
    pub(super) fn get(&self, of: &TopicPartition) -> Option<&Committed> {
        self.committed.get(of)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Committed)> {
        self.committed.iter()
    }

    /// Whether a transaction may still change it.
    pub(super) fn is_unstable(&self, of: &TopicPartition) -> bool {
        let mut pending = self.pending.values().flatten();
        self.unwritten.contains_key(of) || pending.any(|(pending, _)| pending == of)
    }

    /// Whether any transaction may still change any.
    pub(super) fn has_unstable(&self) -> bool {
        !self.pending.is_empty() || !self.unwritten.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.committed.is_empty() && !self.has_unstable()
    }

    /// Takes a record of the log.
    pub(super) fn load(
        &mut self,
        producer: Option<ProducerId>,
        of: TopicPartition,
        committed: Option<Committed>,
    ) {
        match (producer, committed) {
            (Some(producer), Some(committed)) => self.add_pending(producer, &[(of, committed)]),
            (None, Some(committed)) => self.commit(of, committed),
            (_, None) => drop(self.committed.remove(&of)),
        }
    }

    /// An offset counts from now on, unless a later one does already.
    pub(super) fn commit(&mut self, of: TopicPartition, committed: Committed) {
        let is_newer = |it: &Committed| it.at < committed.at;
        if self.committed.get(&of).is_none_or(is_newer) {
            self.committed.insert(of, committed);
        }
    }

    /// An offset is forgotten, unless it was committed again since the record that says so.
    pub(super) fn forget(&mut self, of: &TopicPartition, at: Offset) {
        if self.committed.get(of).is_some_and(|it| it.at < at) {
            self.committed.remove(of);
        }
    }

    /// Transactional commits are on their way to the log.
    pub(super) fn announce(&mut self, offsets: &[(TopicPartition, Committed)]) {
        for (of, _) in offsets {
            *self.unwritten.entry(of.clone()).or_default() += 1;
        }
    }

    /// They are there, or will never be.
    pub(super) fn settle(&mut self, offsets: &[(TopicPartition, Committed)]) {
        for (of, _) in offsets {
            let count = self.unwritten.get_mut(of).expect("it was announced");
            *count -= 1;
            if *count == 0 {
                self.unwritten.remove(of);
            }
        }
    }

    /// They will count if the producer's transaction is committed.
    pub(super) fn add_pending(
        &mut self,
        producer: ProducerId,
        offsets: &[(TopicPartition, Committed)],
    ) {
        self.pending.entry(producer).or_default().extend(offsets.iter().cloned());
    }

    /// The producer's transaction has ended, by a marker that lies there. What lies after it is part of
    /// the next one.
    pub(super) fn end(&mut self, producer: ProducerId, result: TransactionResult, at: Offset) {
        let Some(offsets) = self.pending.get_mut(&producer) else { return };
        let ended: Vec<_> = offsets.extract_if(.., |(_, committed)| committed.at < at).collect();
        if offsets.is_empty() {
            self.pending.remove(&producer);
        }
        match result {
            TransactionResult::Commit => {
                for (of, committed) in ended {
                    self.commit(of, committed);
                }
            }
            TransactionResult::Abort => {}
        }
    }
}
