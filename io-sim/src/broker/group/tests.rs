//! Scripts: what a coordinator of groups does.

mod client;
mod laws;
mod membership;
mod world;

use self::{client::Me, world::World};
use crate::wire::{TransactionResult::*, *};

#[test]
fn a_commit_counts_once_all_in_sync_replicas_have_it() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.holds_replication = true;
    let token = world.send(me.commit(5));
    assert_eq!(world.reply(token), None);
    assert_eq!(world.fetches(), Ok(None));
    world.replicate();
    assert_eq!(world.committed(token), Ok(()));
    assert_eq!(world.fetches(), Ok(Some(5)));
}

#[test]
fn a_commit_of_an_older_generation_or_of_a_stranger_is_refused() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    let old = Me { generation: me.generation - 1, ..me.clone() };
    let stranger = Me { id: "nobody".into(), ..me };
    for in_transaction in [false, true] {
        let mut commit = |by: &Me| match in_transaction {
            true => world.commits_in_transaction(by, 5),
            false => world.commits(by, 5),
        };
        assert_eq!(commit(&old), Err(ErrorCode::IllegalGeneration));
        assert_eq!(commit(&stranger), Err(ErrorCode::UnknownMemberId));
    }
    assert_eq!(world.fetches(), Ok(None));
}

#[test]
fn a_commit_without_a_name_is_only_for_empty_groups_and_transactions() {
    let mut world = World::new();
    let nobody = Me::dynamic();
    assert_eq!(world.commits(&nobody, 3), Ok(()));
    world.alone(Me::dynamic());
    assert_eq!(world.commits(&nobody, 4), Err(ErrorCode::UnknownMemberId));
    assert_eq!(world.commits_in_transaction(&nobody, 4), Ok(()));
}

#[test]
fn a_commit_to_a_group_that_is_not_known_is_of_no_generation() {
    let mut world = World::new();
    let me = Me { id: "somebody".into(), generation: 3, ..Me::dynamic() };
    assert_eq!(world.commits(&me, 5), Err(ErrorCode::IllegalGeneration));
}

#[test]
fn while_the_assignment_is_made_a_member_cannot_commit_outside_of_a_transaction() {
    let mut world = World::new();
    let mut me = Me::dynamic();
    let token = world.joins(&mut me);
    world.pass(100);
    world.hears(&mut me, token);
    assert_eq!(world.commits(&me, 5), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.commits_in_transaction(&me, 5), Ok(()));
}

#[test]
fn while_members_join_again_a_member_can_still_commit() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.joins(&mut Me::dynamic());
    assert_eq!(world.beats(&me), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.commits(&me, 5), Ok(()));
    assert_eq!(world.fetches(), Ok(Some(5)));
}

#[test]
fn the_offsets_of_a_transaction_count_when_it_is_committed() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.commits(&me, 5).expect("a member can commit");
    assert_eq!(world.commits_in_transaction(&me, 9), Ok(()));
    assert_eq!(world.fetches(), Err(ErrorCode::UnstableOffsetCommit));
    assert_eq!(world.fetches_any(false), Ok(Some(5)));
    world.ends(Commit);
    assert_eq!(world.fetches(), Ok(Some(9)));
}

#[test]
fn the_offsets_of_a_transaction_never_count_when_it_is_aborted() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.commits(&me, 5).expect("a member can commit");
    world.commits_in_transaction(&me, 9).expect("a member can commit");
    world.ends(Abort);
    assert_eq!(world.fetches(), Ok(Some(5)));
}

#[test]
fn an_offset_is_unstable_while_its_transaction_is_verified() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.holds_verification = true;
    let token = world.send(me.commit_in_transaction(9));
    assert_eq!(world.fetches(), Err(ErrorCode::UnstableOffsetCommit));
    assert_eq!(world.reply(token), None);
    world.verify(Err(ErrorCode::TransactionAbortable));
    assert_eq!(world.committed(token), Err(ErrorCode::TransactionAbortable));
    assert_eq!(world.fetches(), Ok(None));
}

#[test]
fn a_member_that_was_left_behind_while_its_transaction_was_verified_is_told_so() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.holds_verification = true;
    let token = world.send(me.commit_in_transaction(9));
    world.joins(&mut Me::dynamic());
    world.leaves(me.leave()).expect("a member can leave");
    world.verify(Ok(()));
    world.settle();
    assert_eq!(world.committed(token), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn of_two_commits_the_later_one_in_the_log_counts() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.commits_in_transaction(&me, 9).expect("a member can commit");
    world.commits(&me, 12).expect("a member can commit");
    world.ends(Commit);
    assert_eq!(world.fetches(), Ok(Some(12)));
    world.take_over(0);
    assert_eq!(world.fetches(), Ok(Some(12)));
}

#[test]
fn the_next_coordinator_knows_offsets_and_open_transactions() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.commits(&me, 5).expect("a member can commit");
    world.commits_in_transaction(&me, 9).expect("a member can commit");
    world.take_over(0);
    assert_eq!(world.fetches(), Err(ErrorCode::UnstableOffsetCommit));
    world.ends(Commit);
    assert_eq!(world.fetches(), Ok(Some(9)));
    world.take_over(0);
    assert_eq!(world.fetches(), Ok(Some(9)));
}

#[test]
fn what_was_not_replicated_before_the_coordinator_moved_was_never_committed() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.holds_replication = true;
    let token = world.send(me.commit(5));
    world.holds_replication = false;
    world.take_over(0);
    assert_eq!(world.committed(token), Err(ErrorCode::NotCoordinator));
    assert_eq!(world.fetches(), Ok(None));
}

#[test]
fn a_coordinator_serves_once_all_in_sync_replicas_have_what_it_has_read() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.holds_replication = true;
    world.send(me.commit(5));
    world.take_over(1);
    let loading = ErrorCode::CoordinatorLoadInProgress;
    assert_eq!(world.fetches(), Err(loading));
    assert_eq!(world.beats(&me), Err(loading));
    world.replicate();
    assert_eq!(world.fetches(), Ok(Some(5)));
    assert_eq!(world.beats(&me), Ok(()));
}

#[test]
fn a_commit_that_cannot_be_written_is_refused() {
    let mut world = World::new();
    let me = world.alone(Me::dynamic());
    world.is_read_only = true;
    let refused = Err(ErrorCode::CoordinatorNotAvailable);
    assert_eq!(world.commits(&me, 5), refused);
    assert_eq!(world.commits_in_transaction(&me, 5), refused);
    assert_eq!(world.fetches(), Ok(None));
}

#[test]
fn offsets_of_an_empty_group_are_forgotten_after_a_time_and_then_the_group() {
    let mut world = World::new();
    world.config.offsets_retention_ms = 60 * 60 * 1000;
    let me = world.alone(Me::dynamic());
    world.commits(&me, 5).expect("a member can commit");
    world.leaves(me.leave()).expect("a member can leave");
    assert_eq!(world.state(), Ok("Empty".into()));
    world.pass(50 * 60 * 1000);
    assert_eq!(world.fetches(), Ok(Some(5)));
    world.pass(30 * 60 * 1000);
    assert_eq!(world.fetches(), Ok(None));
    assert_eq!(world.state(), Err(ErrorCode::GroupIdNotFound));
    world.take_over(0);
    assert_eq!(world.state(), Err(ErrorCode::GroupIdNotFound));
}

#[test]
fn offsets_of_a_group_with_members_and_of_open_transactions_are_kept() {
    let mut world = World::new();
    world.config.offsets_retention_ms = 1_000;
    let nobody = Me::dynamic();
    world.commits(&nobody, 4).expect("the group is empty");
    world.commits_in_transaction(&nobody, 5).expect("the group is empty");
    world.pass(20 * 60 * 1000);
    world.ends(Commit);
    assert_eq!(world.fetches(), Ok(Some(5)));
    world.pass(20 * 60 * 1000);
    assert_eq!(world.fetches(), Ok(None));
}
