//! Scripts: what a coordinator of transactions does.

mod client;
mod laws;
mod world;

use self::{
    client::{Version::*, with_epoch},
    world::World,
};
use crate::wire::{TransactionResult::*, *};

#[test]
fn a_new_id_gets_a_producer_of_epoch_zero_and_then_the_next_epoch() {
    let mut world = World::new();
    let first = world.begin();
    assert_eq!(first.epoch, ProducerEpoch(0));
    assert_eq!(world.init(), Ok(with_epoch(first, 1)));
}

#[test]
fn a_producer_is_told_nothing_before_all_in_sync_replicas_know() {
    let mut world = World::new();
    world.holds_replication = true;
    let token = world.send(client::init(None));
    assert_eq!(world.reply(token), None);
    assert_eq!(world.init(), Err(ErrorCode::ConcurrentTransactions));
    world.replicate();
    assert!(matches!(world.reply(token), Some(Reply::InitProducerId(Ok(_)))));
}

#[test]
fn a_commit_marks_every_partition_and_leaves_the_epoch_with_the_old_protocol() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.writes(producer, 1, 2);
    assert_eq!(world.end(V1, producer, Commit), Ok(producer));
    assert_eq!(world.outcome(0), [(vec![1], Commit)]);
    assert_eq!(world.outcome(1), [(vec![2], Commit)]);
    world.writes(producer, 0, 3);
    assert_eq!(world.end(V1, producer, Abort), Ok(producer));
    assert_eq!(world.outcome(0), [(vec![1], Commit), (vec![3], Abort)]);
}

#[test]
fn each_end_raises_the_epoch_with_the_new_protocol() {
    let mut world = World::new();
    let first = world.begin();
    world.writes(first, 0, 1);
    let second = world.ends(V2, first, Commit);
    assert_eq!(second, with_epoch(first, 1));
    assert_eq!(world.write(first, 0, 2), Err(ErrorCode::ProducerFenced));
    world.writes(second, 0, 2);
    assert_eq!(world.end(V2, second, Commit), Ok(with_epoch(first, 2)));
    assert_eq!(world.outcome(0), [(vec![1], Commit), (vec![2], Commit)]);
}

#[test]
fn a_repeated_end_is_answered_like_the_first() {
    for version in [V1, V2] {
        let mut world = World::new();
        let producer = world.begin();
        world.writes(producer, 0, 1);
        let next = world.ends(version, producer, Commit);
        assert_eq!(world.end(version, producer, Commit), Ok(next));
        assert_eq!(world.end(version, producer, Abort), Err(ErrorCode::InvalidTxnState));
        assert_eq!(world.outcome(0), [(vec![1], Commit)]);
    }
}

#[test]
fn a_repeated_end_waits_while_markers_are_on_their_way() {
    for version in [V1, V2] {
        let mut world = World::new();
        let producer = world.begin();
        world.writes(producer, 0, 1);
        world.leader(0).is_down = true;
        let next = world.ends(version, producer, Commit);
        let concurrent = ErrorCode::ConcurrentTransactions;
        assert_eq!(world.end(version, producer, Commit), Err(concurrent));
        assert_eq!(world.end(version, producer, Abort), Err(ErrorCode::InvalidTxnState));
        assert_eq!(world.add(next, 0), Err(concurrent));
        assert_eq!(world.init(), Err(concurrent));
        world.leader(0).is_down = false;
        world.pass(100);
        assert_eq!(world.end(version, producer, Commit), Ok(next));
    }
}

#[test]
fn with_the_old_protocol_a_delayed_end_closes_the_next_transaction() {
    // KAFKA-17754.
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.ends(V1, producer, Commit);
    world.writes(producer, 0, 2);
    let delayed = world.end(V1, producer, Commit);
    assert_eq!(delayed, Ok(producer));
    assert_eq!(world.outcome(0), [(vec![1], Commit), (vec![2], Commit)]);
}

#[test]
fn with_the_new_protocol_a_delayed_end_closes_nothing() {
    let mut world = World::new();
    let first = world.begin();
    world.writes(first, 0, 1);
    let second = world.ends(V2, first, Commit);
    world.writes(second, 0, 2);
    assert_eq!(world.end(V2, first, Commit), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.open_labels(), [2]);
}

#[test]
fn a_delayed_marker_closes_nothing_with_the_new_protocol() {
    let mut world = World::new();
    let first = world.begin();
    world.writes(first, 0, 1);
    world.holds_calls = true;
    let second = world.ends(V2, first, Commit);
    world.give_up(0, false, true);
    world.holds_calls = false;
    world.pass(100);
    world.writes(second, 0, 2);
    world.deliver_stray(0);
    assert_eq!(world.outcome(0), [(vec![1], Commit)]);
    assert_eq!(world.open_labels(), [2]);
}

#[test]
fn a_transaction_that_was_never_begun_can_be_aborted_with_the_new_protocol_only() {
    let mut world = World::new();
    let producer = world.begin();
    assert_eq!(world.end(V1, producer, Abort), Err(ErrorCode::InvalidTxnState));
    assert_eq!(world.end(V1, producer, Commit), Err(ErrorCode::InvalidTxnState));
    assert_eq!(world.end(V2, producer, Commit), Err(ErrorCode::InvalidTxnState));
    assert_eq!(world.end(V2, producer, Abort), Ok(with_epoch(producer, 1)));
}

#[test]
fn a_new_producer_first_aborts_what_the_old_one_left_open() {
    let mut world = World::new();
    let old = world.begin();
    world.writes(old, 0, 1);
    assert_eq!(world.init(), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(world.outcome(0), [(vec![1], Abort)]);
    let new = world.begin();
    assert_eq!(new, with_epoch(old, 2));
    for version in [V1, V2] {
        assert_eq!(world.end(version, old, Commit), Err(ErrorCode::ProducerFenced));
    }
    assert_eq!(world.add(old, 0), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.produce(old, 0, 2), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn a_producer_that_says_who_it_was_is_fenced_if_another_has_come() {
    let mut world = World::new();
    let old = world.begin();
    let new = world.begin();
    assert_eq!(world.init_as(Some(old)), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.init_as(Some(new)), Ok(with_epoch(new, 2)));
}

#[test]
fn a_producer_whose_new_identity_was_lost_gets_it_again() {
    let mut world = World::new();
    let old = world.begin();
    let new = world.begins(Some(old));
    assert_eq!(world.init_as(Some(old)), Ok(new));
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.pass(9_000);
    assert_eq!(world.outcome(0), []);
    world.pass(3_000);
    assert_eq!(world.outcome(0), [(vec![1], Abort)]);
    assert_eq!(world.end(V1, producer, Abort), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.end(V2, producer, Commit), Err(ErrorCode::InvalidTxnState));
    // It has what it asks for, and goes on as whoever it is now.
    let next = ProducerIdentity { epoch: producer.epoch.next(), ..producer };
    assert_eq!(world.end(V2, producer, Abort), Ok(next));
    assert_eq!(world.produce(producer, 0, 2), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn a_timeout_of_zero_or_beyond_the_brokers_is_refused() {
    let mut world = World::new();
    for transaction_timeout_ms in [0, world.config.transaction_max_timeout_ms + 1] {
        let request = InitProducerIdRequest { transaction_timeout_ms, ..client::init(None) };
        let token = world.send(request);
        let refused = Err(ErrorCode::InvalidTransactionTimeout);
        assert_eq!(world.reply(token), Some(Reply::InitProducerId(refused)));
    }
}

#[test]
fn a_used_up_epoch_leads_to_a_new_producer_id() {
    let mut world = World::new();
    let mut producer = world.begin();
    let id = producer.id;
    while producer.epoch < ProducerEpoch::LAST {
        producer = world.begins(Some(producer));
    }
    assert_eq!(producer.id, id);
    world.writes(producer, 0, 1);
    let next = world.ends(V2, producer, Commit);
    assert_ne!(next.id, id);
    assert_eq!(next.epoch, ProducerEpoch(0));
    assert_eq!(world.outcome(0), [(vec![1], Commit)]);
    assert_eq!(world.end(V2, producer, Commit), Ok(next));
    assert_eq!(world.init_as(Some(producer)), Ok(next));
}

#[test]
fn a_partition_that_was_not_added_is_not_verified() {
    let mut world = World::new();
    let producer = world.begin();
    assert_eq!(world.verify(producer, 0), Err(ErrorCode::TransactionAbortable));
    world.adds(producer, 0);
    assert_eq!(world.verify(producer, 0), Ok(()));
    assert_eq!(world.verify(producer, 1), Err(ErrorCode::TransactionAbortable));
    let stranger = ProducerIdentity { id: ProducerId(9_999), ..producer };
    assert_eq!(world.verify(stranger, 0), Err(ErrorCode::InvalidProducerIdMapping));
}

#[test]
fn the_offsets_of_a_group_become_a_part_of_the_transaction() {
    let mut world = World::new();
    let producer = world.begin();
    let (transactional_id, group_id) = ("writer".into(), "readers".into());
    let token = world.send(AddOffsetsToTxnRequest { transactional_id, producer, group_id });
    assert_eq!(world.reply(token), Some(Reply::AddOffsetsToTxn(Ok(()))));
    world.holds_calls = true;
    world.ends(V2, producer, Commit);
    assert_eq!(world.calls(), 1);
}

#[test]
fn markers_go_to_each_leader_on_its_own_and_are_sent_until_they_are_written() {
    let mut world = World::new();
    let producer = world.begin();
    for partition in 0..3 {
        world.writes(producer, partition, u64::from(partition));
    }
    world.leader(1).is_down = true;
    world.ends(V2, producer, Abort);
    assert_eq!(world.outcome(0), [(vec![0], Abort)]);
    assert_eq!(world.outcome(2), [(vec![2], Abort)]);
    world.pass(60_000);
    assert_eq!(world.open_labels(), [1]);
    world.leader(1).is_down = false;
    world.pass(100);
    assert_eq!(world.outcome(1), [(vec![1], Abort)]);
}

#[test]
fn the_next_coordinator_ends_what_was_decided() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.writes(producer, 1, 2);
    world.holds_calls = true;
    let next = world.ends(V2, producer, Commit);
    world.deliver(0);
    world.holds_calls = false;
    world.take_over(0);
    assert_eq!(world.outcome(0), [(vec![1], Commit)]);
    assert_eq!(world.outcome(1), [(vec![2], Commit)]);
    assert_eq!(world.end(V2, producer, Commit), Ok(next));
}

#[test]
fn what_was_not_replicated_before_the_coordinator_moved_was_never_decided() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.holds_replication = true;
    let token = world.send(client::end(V2, producer, Commit));
    world.holds_replication = false;
    world.take_over(0);
    let gone = Some(Reply::EndTxn(Err(ErrorCode::NotCoordinator)));
    assert_eq!(world.reply(token), gone);
    assert_eq!(world.open_labels(), [1]);
    assert_eq!(world.end(V2, producer, Abort), Ok(with_epoch(producer, 1)));
}

#[test]
fn a_coordinator_serves_once_all_in_sync_replicas_have_what_it_has_read() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.holds_replication = true;
    world.send(client::end(V2, producer, Commit));
    world.take_over(1);
    let loading = Err(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(world.end(V2, producer, Commit), loading);
    assert_eq!(world.verify(producer, 0), Err(ErrorCode::CoordinatorLoadInProgress));
    assert_eq!(world.open_labels(), [1]);
    world.replicate();
    world.settle();
    assert_eq!(world.outcome(0), [(vec![1], Commit)]);
}

#[test]
fn a_replaced_coordinator_cannot_write_markers_any_more() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.holds_calls = true;
    world.ends(V1, producer, Commit);
    world.holds_calls = false;
    world.take_over(0);
    world.writes(producer, 0, 2);
    world.deliver_stray(0);
    assert_eq!(world.open_labels(), [2]);
}

#[test]
fn a_change_that_cannot_be_written_is_refused_and_leaves_all_as_it_was() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.is_read_only = true;
    let refused = Err(ErrorCode::CoordinatorNotAvailable);
    assert_eq!(world.end(V2, producer, Commit), refused);
    assert_eq!(world.init(), refused);
    world.is_read_only = false;
    assert_eq!(world.end(V2, producer, Commit), Ok(with_epoch(producer, 1)));
}

#[test]
fn an_end_whose_last_record_cannot_be_written_is_completed_later() {
    let mut world = World::new();
    let producer = world.begin();
    world.writes(producer, 0, 1);
    world.holds_calls = true;
    let next = world.ends(V2, producer, Commit);
    world.is_read_only = true;
    world.holds_calls = false;
    world.settle();
    assert_eq!(world.add(next, 0), Err(ErrorCode::ConcurrentTransactions));
    world.is_read_only = false;
    world.pass(100);
    assert_eq!(world.add(next, 0), Ok(()));
}

#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    let mut world = World::new();
    world.config.transactional_id_expiration_ms = 60_000;
    let producer = world.begin();
    // The first look comes an hour after the start.
    world.pass(2 * 60 * 60 * 1000);
    assert_eq!(world.add(producer, 0), Err(ErrorCode::InvalidProducerIdMapping));
    assert_ne!(world.begin().id, producer.id);
}
