use super::*;
use crate::wire::{AbortedTransaction, Batch, ProducerEpoch, ProducerStamp, Records, Sequence};

fn batch(base: u64, producer: Option<u64>, payload: Payload) -> Batch {
    let count = match &payload {
        Payload::Records(records) => records.len() as u64,
        Payload::Marker { .. } => 1,
    };
    Batch {
        base_offset: wire::Offset(base),
        last_offset: wire::Offset(base + count - 1),
        leader_epoch: LeaderEpoch(3),
        timestamp: wire::Timestamp(base),
        producer: producer.map(|id| ProducerStamp {
            id: ProducerId(id),
            epoch: ProducerEpoch(0),
            sequence: Some(Sequence(0)),
            transactional: true,
        }),
        payload,
    }
}

fn records(count: usize) -> Payload {
    Payload::Records(Records::new(vec![wire::Record::new("k", "v"); count]))
}

fn marker(result: TransactionResult) -> Payload {
    Payload::Marker { result, coordinator_epoch: LeaderEpoch(0) }
}

fn offsets(from: u64, aborted: &[(u64, u64)], batches: Vec<Batch>) -> (Vec<u64>, u64) {
    let aborted = aborted.iter().map(|(first, producer)| AbortedTransaction {
        first_offset: wire::Offset(*first),
        producer: ProducerId(*producer),
    });
    let end = wire::Offset(99);
    let fetched = Fetched {
        high_watermark: end,
        last_stable_offset: end,
        log_start: wire::Offset::ZERO,
        diverging: None,
        aborted: aborted.collect(),
        batches,
    };
    let chunk = committed(Offset(from), &fetched);
    (chunk.records.iter().map(|it| it.offset.0).collect(), chunk.next.0)
}

#[test]
fn what_was_aborted_is_left_out_up_to_its_marker() {
    let batches = vec![
        batch(0, Some(1), records(2)),
        batch(2, Some(2), records(1)),
        batch(3, Some(1), marker(TransactionResult::Abort)),
        batch(4, Some(1), records(1)),
        batch(5, Some(2), marker(TransactionResult::Commit)),
        batch(6, Some(1), marker(TransactionResult::Commit)),
    ];
    assert_eq!(offsets(0, &[(0, 1)], batches), (vec![2, 4], 7));
}

#[test]
fn a_producer_s_next_transaction_can_be_aborted_too_and_others_go_on() {
    let batches = vec![
        batch(0, Some(1), records(1)),
        batch(1, Some(1), marker(TransactionResult::Abort)),
        batch(2, Some(1), records(1)),
        batch(3, None, records(1)),
        batch(4, Some(1), marker(TransactionResult::Abort)),
    ];
    assert_eq!(offsets(0, &[(2, 1), (0, 1)], batches), (vec![3], 5));
}

#[test]
fn reading_begins_within_a_batch_and_goes_on_after_its_last_offset() {
    let mut gap = batch(4, None, records(3));
    gap.last_offset = wire::Offset(9);
    assert_eq!(offsets(5, &[], vec![gap]), (vec![5, 6], 10));
    assert_eq!(offsets(5, &[], Vec::new()), (vec![], 5));
}
