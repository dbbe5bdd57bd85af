//! The index of aborted transactions.

use crate::wire::{AbortedTransaction, Offset, ProducerId};

/// Aborted transactions, in the order of their markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AbortedIndex(Vec<Aborted>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Aborted {
    producer: ProducerId,
    first: Offset,
    marker: Offset,
    /// Where the first transaction began that was open when the marker was appended: nothing that is
    /// later in this index begins before it.
    stable: Offset,
}

impl AbortedIndex {
    /// A transaction of a producer, which began at `first` and was ended by `marker`.
    pub(super) fn push(
        &mut self,
        producer: ProducerId,
        first: Offset,
        marker: Offset,
        stable: Offset,
    ) {
        self.0.push(Aborted { producer, first, marker, stable });
    }

    /// The transactions with records in `from..until`, by their first offset.
    pub(super) fn overlapping(&self, from: Offset, until: Offset) -> Vec<AbortedTransaction> {
        let begin = self.0.partition_point(|it| it.marker < from);
        let mut found = Vec::new();
        for it in &self.0[begin..] {
            if it.first < until {
                found.push(AbortedTransaction { first_offset: it.first, producer: it.producer });
            }
            if it.stable >= until {
                break;
            }
        }
        found.sort_unstable();
        found
    }

    /// Forgets transactions whose markers are not before `end`.
    pub(super) fn truncate_end(&mut self, end: Offset) {
        let keep = self.0.partition_point(|it| it.marker < end);
        self.0.truncate(keep);
    }

    /// Forgets transactions whose markers are before `start`.
    pub(super) fn truncate_start(&mut self, start: Offset) {
        let gone = self.0.partition_point(|it| it.marker < start);
        self.0.drain(..gone);
    }

    /// Forgets the transaction that this marker ended.
    pub(super) fn remove(&mut self, marker: Offset) {
        self.0.retain(|it| it.marker != marker);
    }

    /// The transaction that this marker ended, if it was an aborted one: its producer and first offset.
    pub(super) fn list(&self) -> impl Iterator<Item = (ProducerId, Offset, Offset)> {
        self.0.iter().map(|it| (it.producer, it.first, it.marker))
    }
}
