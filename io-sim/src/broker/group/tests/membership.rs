//! Scripts: members, rounds and generations.

use bytes::Bytes;

use super::{
    client::{Me, leave},
    world::World,
};
use crate::wire::*;

#[test]
fn a_new_member_first_gets_an_id_and_joins_with_it() {
    let mut world = World::new();
    let me = Me::dynamic();
    let token = world.send(me.join());
    let first = world.joined(token);
    assert_eq!(first.error, Some(ErrorCode::MemberIdRequired));
    let token = world.send(me.join());
    assert_ne!(world.joined(token).member_id, first.member_id);
}

#[test]
fn the_first_round_waits_for_others_as_long_as_some_come() {
    let mut world = World::new();
    let (mut one, mut two, mut three) = (Me::dynamic(), Me::dynamic(), Me::dynamic());
    let first = world.joins(&mut one);
    world.pass(90);
    let second = world.joins(&mut two);
    world.pass(90);
    let third = world.joins(&mut three);
    assert_eq!(world.reply(first), None);
    world.pass(300);
    for (token, me) in [(first, &mut one), (second, &mut two), (third, &mut three)] {
        assert_eq!(world.hears(me, token).generation, Generation(1));
    }
}

#[test]
fn the_leader_learns_who_is_there_and_hands_in_who_gets_what() {
    let mut world = World::new();
    let (mut one, mut two) = (Me::dynamic(), Me::dynamic());
    let tokens = (world.joins(&mut one), world.joins(&mut two));
    world.pass(200);
    let led = world.hears(&mut one, tokens.0);
    let follows = world.hears(&mut two, tokens.1);
    assert_eq!((led.members.len(), follows.members.len()), (2, 0));
    assert_eq!((led.leader, follows.leader), (one.id.clone(), one.id.clone()));
    let waits = world.send(two.sync(&[]));
    assert_eq!(world.reply(waits), None);
    world.holds_replication = true;
    let leads = world.send(one.sync(&[(&one, "left"), (&two, "right")]));
    assert_eq!(world.reply(leads), None);
    world.replicate();
    assert_eq!(world.synced(leads), Ok(Bytes::from("left")));
    assert_eq!(world.synced(waits), Ok(Bytes::from("right")));
    assert_eq!(world.syncs(&two), Ok(Bytes::from("right")));
}

#[test]
fn a_member_more_makes_a_new_generation() {
    let mut world = World::new();
    let mut one = world.alone(Me::dynamic());
    let mut two = Me::dynamic();
    let second = world.joins(&mut two);
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.reply(second), None);
    let old = one.clone();
    let first = world.joins(&mut one);
    assert_eq!(world.hears(&mut one, first).generation, Generation(2));
    world.hears(&mut two, second);
    world.shares(&one, &two);
    assert_eq!(world.beats(&old), Err(ErrorCode::IllegalGeneration));
    assert_eq!(world.beats(&one), Ok(()));
}

#[test]
fn who_does_not_join_again_in_time_is_left_behind() {
    let mut world = World::new();
    let slow = world.alone(Me::dynamic());
    let mut other = Me::dynamic();
    let token = world.joins(&mut other);
    world.pass(5_000);
    assert_eq!(world.beats(&slow), Err(ErrorCode::RebalanceInProgress));
    world.pass(5_000);
    world.hears(&mut other, token);
    assert_eq!(world.beats(&slow), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_silent_member_is_removed_and_the_others_join_again() {
    let mut world = World::new();
    let (mut one, two) = world.two(Me::dynamic(), Me::dynamic());
    world.pass(4_000);
    assert_eq!(world.beats(&one), Ok(()));
    world.pass(3_000);
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.beats(&two), Err(ErrorCode::UnknownMemberId));
    let token = world.joins(&mut one);
    assert_eq!(world.hears(&mut one, token).members.len(), 1);
}

#[test]
fn a_member_that_waits_for_the_others_is_not_silent() {
    let mut world = World::new();
    let one = world.alone(Me::dynamic());
    let mut two = Me::dynamic();
    let token = world.joins(&mut two);
    for _ in 0..2 {
        world.pass(4_500);
        assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
    }
    world.pass(1_100);
    world.hears(&mut two, token);
}

#[test]
fn whoever_does_not_ask_for_its_assignment_is_removed() {
    let mut world = World::new();
    let (mut one, mut two) = (Me::dynamic(), Me::dynamic());
    let tokens = (world.joins(&mut one), world.joins(&mut two));
    world.pass(200);
    world.hears(&mut one, tokens.0);
    world.hears(&mut two, tokens.1);
    let waits = world.send(two.sync(&[]));
    world.pass(3_000);
    // The leader is alive, but never assigns.
    assert_eq!(world.beats(&one), Ok(()));
    world.pass(4_000);
    assert_eq!(world.beats(&one), Ok(()));
    world.pass(4_000);
    assert_eq!(world.synced(waits), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.beats(&one), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_member_that_leaves_makes_room_at_once() {
    let mut world = World::new();
    let (mut one, two) = world.two(Me::dynamic(), Me::dynamic());
    assert_eq!(world.leaves(two.leave()), Ok(()));
    assert_eq!(world.leaves(two.leave()), Err(ErrorCode::UnknownMemberId));
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
    let token = world.joins(&mut one);
    assert_eq!(world.hears(&mut one, token).members.len(), 1);
}

#[test]
fn a_repeated_join_gets_the_generation_that_is_there() {
    let mut world = World::new();
    let (one, two) = world.two(Me::dynamic(), Me::dynamic());
    let again = world.send(two.join());
    assert_eq!(world.joined(again).generation, Generation(1));
    assert_eq!(world.beats(&one), Ok(()));
    // The leader joins again where it wants to assign anew, a follower where it wants something else.
    let other = Me { subscription: "more", ..two };
    world.send(other.join());
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn a_leader_that_joins_again_begins_a_round() {
    let mut world = World::new();
    let (mut one, two) = world.two(Me::dynamic(), Me::dynamic());
    let token = world.joins(&mut one);
    assert_eq!(world.reply(token), None);
    assert_eq!(world.beats(&two), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn a_static_member_comes_back_without_a_round() {
    let mut world = World::new();
    let (one, two) = world.two(Me::fixed("one"), Me::fixed("two"));
    let mut back = Me::fixed("two");
    let token = world.joins(&mut back);
    assert_eq!(world.hears(&mut back, token).generation, Generation(1));
    assert_ne!(back.id, two.id);
    assert_eq!(world.syncs(&back), Ok(Bytes::from("right")));
    assert_eq!(world.beats(&one), Ok(()));
    let fenced = Err(ErrorCode::FencedInstanceId);
    assert_eq!(world.beats(&two), fenced);
    assert_eq!(world.commits(&two, 5), fenced);
    assert_eq!(world.commits_in_transaction(&two, 5), fenced);
    world.take_over(0);
    assert_eq!(world.beats(&two), fenced);
    assert_eq!(world.syncs(&back), Ok(Bytes::from("right")));
}

#[test]
fn a_static_leader_that_comes_back_need_not_assign() {
    let mut world = World::new();
    let (one, two) = world.two(Me::fixed("one"), Me::fixed("two"));
    let mut back = Me::fixed("one");
    let token = world.joins(&mut back);
    let reply = world.hears(&mut back, token);
    assert!(reply.skip_assignment);
    assert_eq!((reply.leader, reply.members.len()), (back.id.clone(), 2));
    assert_eq!(world.beats(&two), Ok(()));
    assert_eq!(world.beats(&one), Err(ErrorCode::FencedInstanceId));
}

#[test]
fn a_static_member_is_told_of_its_return_once_it_is_written() {
    let mut world = World::new();
    let (_, two) = world.two(Me::fixed("one"), Me::fixed("two"));
    world.holds_replication = true;
    let mut back = Me::fixed("two");
    let token = world.joins(&mut back);
    assert_eq!(world.reply(token), None);
    world.take_over(0);
    assert_eq!(world.joined(token).error, Some(ErrorCode::NotCoordinator));
    world.replicate();
    assert_eq!(world.beats(&two), Ok(()));
}

#[test]
fn a_return_that_cannot_be_written_did_not_happen() {
    let mut world = World::new();
    let (_, two) = world.two(Me::fixed("one"), Me::fixed("two"));
    world.is_read_only = true;
    let token = world.joins(&mut Me::fixed("two"));
    assert_eq!(world.joined(token).error, Some(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(world.beats(&two), Ok(()));
}

#[test]
fn a_static_member_keeps_its_place_until_its_session_ends() {
    let mut world = World::new();
    let (one, _) = world.two(Me::fixed("one"), Me::fixed("two"));
    world.pass(5_000);
    assert_eq!(world.beats(&one), Ok(()));
    world.pass(2_000);
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let mut world = World::new();
    let (mut one, two) = world.two(Me::fixed("one"), Me::fixed("two"));
    let group_instance_id = Some("two".to_owned());
    let removal = leave(LeavingMember { member_id: String::new(), group_instance_id });
    assert_eq!(world.leaves(removal), Ok(()));
    assert_eq!(world.beats(&two), Err(ErrorCode::UnknownMemberId));
    let token = world.joins(&mut one);
    assert_eq!(world.hears(&mut one, token).members.len(), 1);
}

#[test]
fn an_assignment_that_cannot_be_written_is_given_to_nobody() {
    let mut world = World::new();
    let mut me = Me::dynamic();
    let token = world.joins(&mut me);
    world.pass(100);
    world.hears(&mut me, token);
    world.is_read_only = true;
    let token = world.send(me.sync(&[(&me, "all")]));
    assert_eq!(world.synced(token), Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(world.beats(&me), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn the_next_coordinator_knows_the_stable_group() {
    let mut world = World::new();
    let (one, two) = world.two(Me::dynamic(), Me::dynamic());
    world.take_over(0);
    assert_eq!(world.beats(&one), Ok(()));
    assert_eq!(world.syncs(&two), Ok(Bytes::from("right")));
    // Their sessions begin anew.
    world.pass(5_000);
    assert_eq!(world.beats(&one), Ok(()));
    world.pass(2_000);
    assert_eq!(world.beats(&one), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(world.beats(&two), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_generation_without_an_assignment_dies_with_its_coordinator() {
    let mut world = World::new();
    let mut one = world.alone(Me::dynamic());
    let mut two = Me::dynamic();
    let tokens = (world.joins(&mut two), world.joins(&mut one));
    world.hears(&mut one, tokens.1);
    world.hears(&mut two, tokens.0);
    world.take_over(0);
    assert_eq!(world.beats(&one), Err(ErrorCode::IllegalGeneration));
    assert_eq!(world.beats(&two), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn whoever_waits_when_the_coordinator_moves_is_sent_on() {
    let mut world = World::new();
    let mut me = Me::dynamic();
    let token = world.joins(&mut me);
    world.take_over(0);
    assert_eq!(world.joined(token).error, Some(ErrorCode::NotCoordinator));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new();
    let join = Me::dynamic().join();
    let mut refused = |request: JoinGroupRequest| {
        let token = world.send(request);
        world.joined(token).error
    };
    let nameless = JoinGroupRequest { group_id: String::new(), ..join.clone() };
    assert_eq!(refused(nameless), Some(ErrorCode::InvalidGroupId));
    let short = JoinGroupRequest { session_timeout_ms: 1, ..join.clone() };
    assert_eq!(refused(short), Some(ErrorCode::InvalidSessionTimeout));
    let stranger = JoinGroupRequest { member_id: "nobody".into(), ..join.clone() };
    assert_eq!(refused(stranger), Some(ErrorCode::UnknownMemberId));
    let clueless = JoinGroupRequest { protocols: Vec::new(), ..join };
    assert_eq!(refused(clueless), Some(ErrorCode::InconsistentGroupProtocol));
}

#[test]
fn a_group_takes_only_members_that_share_an_assignor_and_only_so_many() {
    let mut world = World::new();
    world.alone(Me::dynamic());
    let protocols = vec![("sticky".to_owned(), Bytes::new())];
    let token = world.send(JoinGroupRequest { protocols, ..Me::dynamic().join() });
    assert_eq!(world.joined(token).error, Some(ErrorCode::InconsistentGroupProtocol));
    world.config.group_max_size = 1;
    let token = world.send(Me::dynamic().join());
    assert_eq!(world.joined(token).error, Some(ErrorCode::GroupMaxSizeReached));
}
