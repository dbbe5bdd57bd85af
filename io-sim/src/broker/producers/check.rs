//! Which batches and markers a leader takes from a producer and its coordinator.

use super::{Producers, Recent};
use crate::wire::{ErrorCode, ProducerStamp, Sequence, TxnMarker};

/// A batch that may be appended, or has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is new, and the next of its producer.
    New,
    /// It is in the log: the same answer is due.
    Repeated(Recent),
}

/// Checks epoch and sequence of a batch of `count` records.
///
/// # Errors
///
/// `InvalidProducerEpoch` from a producer that has been replaced, `InvalidTxnState` for a record
/// outside of the producer's own open transaction, `OutOfOrderSequenceNumber` where a batch is missing
/// or too old to be remembered.
pub fn check_batch(
    producers: &Producers,
    stamp: ProducerStamp,
    count: u32,
) -> Result<Check, ErrorCode> {
    // Nothing is known of a producer whose records are gone, or of a new one: any sequence will do.
    let Some(producer) = producers.of(stamp.id) else { return Ok(Check::New) };
    if stamp.epoch < producer.epoch {
        return Err(ErrorCode::InvalidProducerEpoch);
    }
    if let Some(first) = stamp.sequence {
        if stamp.epoch == producer.epoch {
            let last = first.plus(count - 1);
            let same = producer.recent.iter().find(|it| it.first == first && it.last == last);
            if let Some(recent) = same {
                return Ok(Check::Repeated(*recent));
            }
        }
        let newest = producer.recent.back().filter(|_| stamp.epoch == producer.epoch);
        let expected = newest.map_or(Sequence(0), |newest| newest.last.plus(1));
        if first != expected {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
    }
    if !stamp.transactional && producer.transaction.is_some() {
        return Err(ErrorCode::InvalidTxnState);
    }
    Ok(Check::New)
}

/// Checks the epochs of a marker.
///
/// # Errors
///
/// `InvalidProducerEpoch` for a transaction that has ended, `TransactionCoordinatorFenced` from a
/// coordinator that has been replaced.
pub fn check_marker(producers: &Producers, marker: &TxnMarker) -> Result<(), ErrorCode> {
    let Some(producer) = producers.of(marker.producer) else { return Ok(()) };
    let is_old = match marker.bumps_epoch {
        // Between a transaction's records and its marker the epoch rises: a delayed marker of the
        // transaction before cannot end this one.
        true => producer.transaction.is_some() && marker.epoch <= producer.epoch,
        false => false,
    };
    if is_old || marker.epoch < producer.epoch {
        return Err(ErrorCode::InvalidProducerEpoch);
    }
    if producer.coordinator_epoch.is_some_and(|epoch| marker.coordinator_epoch < epoch) {
        return Err(ErrorCode::TransactionCoordinatorFenced);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        Batch, LeaderEpoch, Offset, Payload, ProducerEpoch, ProducerId, Record, Records, Timestamp,
        TransactionResult, TransactionResult::*,
    };

    #[test]
    fn a_repeated_batch_gets_its_first_answer_again() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 2), Ok("new"));
        assert_eq!(log.send(0, 2, 1), Ok("new"));
        assert_eq!(log.send(0, 0, 2), Ok("repeated at 0"));
        assert_eq!(log.send(0, 2, 1), Ok("repeated at 2"));
    }

    #[test]
    fn five_batches_are_remembered_and_a_sixth_is_not() {
        let mut log = Script::default();
        for sequence in 0..6 {
            assert_eq!(log.send(0, sequence, 1), Ok("new"));
        }
        assert_eq!(log.send(0, 1, 1), Ok("repeated at 1"));
        assert_eq!(log.send(0, 0, 1), Err(ErrorCode::OutOfOrderSequenceNumber));
    }

    #[test]
    fn a_gap_is_refused() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.send(0, 2, 1), Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(log.send(0, 1, 1), Ok("new"));
    }

    #[test]
    fn a_producer_that_is_not_known_may_begin_anywhere() {
        assert_eq!(Script::default().send(0, 17, 1), Ok("new"));
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.send(1, 1, 1), Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(log.send(1, 0, 1), Ok("new"));
        assert_eq!(log.send(0, 1, 1), Err(ErrorCode::InvalidProducerEpoch));
    }

    #[test]
    fn sequences_wrap() {
        let mut log = Script::default();
        assert_eq!(log.send(0, i32::MAX - 1, 2), Ok("new"));
        assert_eq!(log.send(0, 0, 1), Ok("new"));
    }

    #[test]
    fn a_marker_of_the_same_epoch_lets_the_sequence_go_on() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.mark(0, 1, false, Commit), Ok(()));
        assert_eq!(log.send(0, 1, 1), Ok("new"));
    }

    #[test]
    fn a_marker_of_a_newer_epoch_fences_what_was_on_its_way() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.mark(1, 1, false, Abort), Ok(()));
        assert_eq!(log.send(0, 1, 1), Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(log.send(1, 0, 1), Ok("new"));
    }

    #[test]
    fn a_delayed_marker_does_not_end_the_next_transaction() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.mark(1, 1, true, Commit), Ok(()));
        assert_eq!(log.send(1, 0, 1), Ok("new"));
        assert_eq!(log.mark(1, 1, true, Commit), Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(log.mark(2, 1, true, Commit), Ok(()));
    }

    #[test]
    fn a_marker_that_comes_twice_is_taken_twice() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.mark(1, 1, true, Commit), Ok(()));
        assert_eq!(log.mark(1, 1, true, Commit), Ok(()));
    }

    #[test]
    fn a_replaced_coordinator_is_refused() {
        let mut log = Script::default();
        assert_eq!(log.send(0, 0, 1), Ok("new"));
        assert_eq!(log.mark(0, 3, false, Commit), Ok(()));
        let fenced = Err(ErrorCode::TransactionCoordinatorFenced);
        assert_eq!(log.mark(0, 2, false, Commit), fenced);
    }

    #[derive(Default)]
    struct Script {
        producers: Producers,
        end: Offset,
    }

    const PRODUCER: ProducerId = ProducerId(7);

    impl Script {
        fn send(
            &mut self,
            epoch: u16,
            sequence: i32,
            count: u32,
        ) -> Result<&'static str, ErrorCode> {
            let stamp = ProducerStamp {
                id: PRODUCER,
                epoch: ProducerEpoch(epoch),
                sequence: Some(Sequence(sequence)),
                transactional: true,
            };
            match check_batch(&self.producers, stamp, count)? {
                Check::Repeated(recent) => Ok(match recent.base_offset.0 {
                    0 => "repeated at 0",
                    1 => "repeated at 1",
                    2 => "repeated at 2",
                    _ => "repeated elsewhere",
                }),
                Check::New => {
                    let records = vec![Record::new("key", "value"); count as usize];
                    self.append(stamp, u64::from(count), Payload::Records(Records::new(records)));
                    Ok("new")
                }
            }
        }

        fn mark(
            &mut self,
            epoch: u16,
            coordinator: u32,
            bumps_epoch: bool,
            result: TransactionResult,
        ) -> Result<(), ErrorCode> {
            let coordinator_epoch = LeaderEpoch(coordinator);
            let epoch = ProducerEpoch(epoch);
            let (producer, partitions) = (PRODUCER, Vec::new());
            check_marker(
                &self.producers,
                &TxnMarker { producer, epoch, result, coordinator_epoch, bumps_epoch, partitions },
            )?;
            let stamp = ProducerStamp { id: PRODUCER, epoch, sequence: None, transactional: true };
            self.append(stamp, 1, Payload::Marker { result, coordinator_epoch });
            Ok(())
        }

        fn append(&mut self, stamp: ProducerStamp, count: u64, payload: Payload) {
            let batch = Batch {
                base_offset: self.end,
                last_offset: self.end + (count - 1),
                leader_epoch: LeaderEpoch(0),
                timestamp: Timestamp(0),
                producer: Some(stamp),
                payload,
            };
            self.end = batch.last_offset.next();
            self.producers.apply(&batch);
        }
    }
}
