//! Where each leader's records begin (KIP-101).

use crate::wire::{EpochEnd, LeaderEpoch, Offset};

/// The leader epochs of a log, each with the offset of its first record. Both rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Epochs(Vec<(LeaderEpoch, Offset)>);

impl Epochs {
    /// Notes that the epoch's records begin there, unless it, or a newer one, is known.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        while self.0.last().is_some_and(|(_, other)| *other >= start) {
            self.0.pop();
        }
        self.0.push((epoch, start));
    }

    /// The newest epoch.
    pub(super) fn latest(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// Where the newest epoch that is at most `epoch` ends, in a log that ends at `end`. None when the
    /// log has nothing to say: it is empty, or the epoch is newer than any.
    pub(super) fn end_of(&self, epoch: LeaderEpoch, end: Offset) -> Option<EpochEnd> {
        let latest = self.latest()?;
        if epoch == latest {
            return Some(EpochEnd { epoch, end });
        }
        if epoch > latest {
            return None;
        }
        let after = self.0.partition_point(|(other, _)| *other <= epoch);
        let (_, next_start) = self.0[after];
        // Older than all: what the asker has of it parts from this log before the first that is known.
        let epoch = if after == 0 { epoch } else { self.0[after - 1].0 };
        Some(EpochEnd { epoch, end: next_start })
    }

    /// Forgets what begins at `end` or later.
    pub(super) fn truncate_end(&mut self, end: Offset) {
        self.0.retain(|(_, start)| *start < end);
    }

    /// Forgets what ends before `start`; the epoch of the record at `start` begins there.
    pub(super) fn truncate_start(&mut self, start: Offset) {
        let after = self.0.partition_point(|(_, other)| *other <= start);
        if after > 0 {
            self.0.drain(..after - 1);
            self.0[0].1 = start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        epochs.assign(LeaderEpoch(1), Offset(0));
        epochs.assign(LeaderEpoch(3), Offset(10));
        epochs.assign(LeaderEpoch(4), Offset(20));
        epochs
    }

    fn end(epoch: u32) -> Option<(u32, u64)> {
        let end = epochs().end_of(LeaderEpoch(epoch), Offset(25));
        end.map(|end| (end.epoch.0, end.end.0))
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        assert_eq!(end(1), Some((1, 10)));
        assert_eq!(end(3), Some((3, 20)));
    }

    #[test]
    fn the_newest_epoch_ends_where_the_log_does() {
        assert_eq!(end(4), Some((4, 25)));
        assert_eq!(end(5), None);
    }

    #[test]
    fn an_epoch_in_a_gap_is_answered_by_the_one_before() {
        assert_eq!(end(2), Some((1, 10)));
    }

    #[test]
    fn an_epoch_older_than_all_ends_where_the_first_begins() {
        assert_eq!(end(0), Some((0, 0)));
    }

    #[test]
    fn an_epoch_without_records_is_replaced_by_the_next() {
        let mut epochs = epochs();
        epochs.assign(LeaderEpoch(5), Offset(25));
        epochs.assign(LeaderEpoch(6), Offset(25));
        assert_eq!(epochs.end_of(LeaderEpoch(5), Offset(30)).map(|end| end.epoch.0), Some(4));
    }

    #[test]
    fn truncation_moves_the_ends() {
        let mut epochs = epochs();
        epochs.truncate_end(Offset(20));
        assert_eq!(epochs.latest(), Some(LeaderEpoch(3)));
        epochs.truncate_start(Offset(12));
        assert_eq!(epochs.end_of(LeaderEpoch(1), Offset(20)).map(|end| end.end.0), Some(12));
    }
}
