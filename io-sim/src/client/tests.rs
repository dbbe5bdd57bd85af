//! Clients against a broker that does as it is told.

mod scripted;

use std::time::Duration;

use futures_util::StreamExt;
use tidelog_core::{Offset, PartitionId, Topic, port::SessionError};

use self::scripted::{Scripted, batch, err};
use super::*;
use crate::wire::{
    self, BrokerId, EpochEnd, Generation, JoinGroupReply, LeaderEpoch, ProducerEpoch, ProducerId,
    ProducerIdentity, Sequence,
};

const PLACE: Place = (Topic::EntityPatches, PartitionId(0));
const ONE: ProducerIdentity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(1) };
const TWO: ProducerIdentity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(2) };

#[test]
fn a_batch_without_an_answer_is_sent_again_with_its_sequence() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::Produce(_) if nth == 0 => None,
        Request::Produce(_) => Some(scripted::appended(40)),
        Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let producer = Producer::start(cluster);
        let delivered = producer.appender().append(vec![(PLACE, unsent("v"))]).await;
        assert_eq!(delivered, [Delivery::Appended(Offset(40))]);
    });
    let produced = scripted.produced();
    assert_eq!(produced.len(), 2);
    assert_eq!(produced[0], produced[1]);
}

#[test]
fn a_batch_that_is_never_answered_ends_unknown_and_one_that_was_never_taken_fails() {
    use wire::ErrorCode::{NotEnoughReplicas, NotLeaderOrFollower};
    // A leader that has it, and loses the partition, answers as one that never led.
    let cases = [(None, true), (Some(NotLeaderOrFollower), true), (Some(NotEnoughReplicas), false)];
    for (answer, is_unknown) in cases {
        let scripted = Scripted::new(move |request, _| match request {
            Request::Produce(_) => answer.map(scripted::not_appended),
            Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
            other => unreachable!("{other:?}"),
        });
        scripted.run(async |cluster| {
            let producer = Producer::start(cluster);
            let delivered = producer.appender().append(vec![(PLACE, unsent("v"))]).await;
            let unknown = matches!(delivered[..], [Delivery::Unknown(_)]);
            let failed = matches!(delivered[..], [Delivery::Failed(_)]);
            assert_eq!((unknown, failed), (is_unknown, !is_unknown), "{delivered:?}");
        });
    }
}

#[test]
fn a_commit_that_nobody_answered_is_unknown_whatever_is_said_to_its_retry() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
        Request::Produce(_) => Some(scripted::appended(0)),
        Request::EndTxn(_) if nth == 0 => None,
        Request::EndTxn(_) => Some(Reply::EndTxn(err(wire::ErrorCode::TransactionAbortable))),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut producer = begun(cluster).await;
        let outcome = producer.commit().await;
        assert!(matches!(outcome, Err(TransactionError::Retriable(_))), "{outcome:?}");
    });
}

#[test]
fn a_producer_goes_on_in_the_epoch_that_the_end_of_its_transaction_gave_it() {
    let scripted = Scripted::new(|request, _| match request {
        Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
        Request::Produce(_) => Some(scripted::appended(0)),
        Request::EndTxn(_) => Some(Reply::EndTxn(Ok(TWO))),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut producer = begun(cluster).await;
        assert_eq!(producer.commit().await, Ok(()));
        let records = [(PLACE, vec![unsent("next")])].into();
        assert_eq!(producer.send(records).await.map(drop), Ok(()));
    });
    let stamps: Vec<_> =
        scripted.produced().into_iter().map(|stamp| (stamp.epoch, stamp.sequence)).collect();
    let first = Some(Sequence(0));
    assert_eq!(stamps, [(ProducerEpoch(1), first), (ProducerEpoch(2), first)]);
}

#[test]
fn a_producer_that_is_fenced_can_do_nothing_any_more() {
    let scripted = Scripted::new(|request, _| match request {
        Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
        Request::Produce(_) => Some(scripted::appended(0)),
        Request::EndTxn(_) => Some(Reply::EndTxn(err(wire::ErrorCode::ProducerFenced))),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut producer = begun(cluster).await;
        let outcome = producer.commit().await;
        assert!(matches!(outcome, Err(TransactionError::Fatal(_))), "{outcome:?}");
    });
}

#[test]
fn whoever_coordinates_no_more_is_looked_up_again() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::InitProducerId(_) if nth == 0 => {
            Some(Reply::InitProducerId(err(wire::ErrorCode::NotCoordinator)))
        }
        Request::InitProducerId(_) => Some(Reply::InitProducerId(Ok(ONE))),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut producer = TransactionalProducer::new(cluster, "id".into());
        assert_eq!(producer.init().await, Ok(()));
    });
    assert_eq!(scripted.count("FindCoordinator"), 2);
}

#[test]
fn a_reader_is_told_when_its_new_leader_has_not_what_it_has_read() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::Fetch(_) if nth == 0 => Some(scripted::fetched(vec![batch(0, 5)])),
        Request::Fetch(_) => Some(scripted::not_fetched(wire::ErrorCode::FencedLeaderEpoch)),
        Request::OffsetForLeaderEpoch(_) => {
            let end = EpochEnd { epoch: LeaderEpoch(1), end: wire::Offset(3) };
            Some(scripted::end_of_epoch(end))
        }
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut fetcher = Fetcher::start(cluster);
        fetcher.read(PLACE, 1, Offset(0));
        let read = fetcher.fetched.next().await.map(|it| it.read);
        assert!(matches!(read, Some(Read::Records { next: Offset(5), .. })), "{read:?}");
        let read = fetcher.fetched.next().await.map(|it| it.read);
        assert!(matches!(read, Some(Read::Diverged { .. })), "{read:?}");
    });
}

#[test]
fn what_was_aborted_takes_no_room_of_what_is_read_ahead() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::Fetch(_) if nth < 4 => {
            Some(scripted::fetched_aborted(nth as u64, ONE.id, 1 << 20))
        }
        Request::Fetch(_) => Some(scripted::fetched(vec![batch(4, 1)])),
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        assert!(cluster.settings().ahead_bytes_max < 4 << 20, "what was aborted is more");
        let mut fetcher = Fetcher::start(cluster);
        fetcher.read(PLACE, 1, Offset(0));
        let mut last = None;
        for _ in 0..5 {
            last = fetcher.fetched.next().await.map(|it| it.read);
        }
        assert!(matches!(last, Some(Read::Records { next: Offset(5), .. })), "{last:?}");
    });
}

#[test]
fn a_member_that_has_missed_a_generation_owns_nothing() {
    let scripted = Scripted::new(|request, nth| match request {
        // The second join comes too late for generation 2.
        Request::JoinGroup(_) => Some(joined(if nth == 0 { 1 } else { 3 })),
        Request::SyncGroup(_) => Some(Reply::SyncGroup(Ok(vec![0, 0, 0, 0].into()))),
        Request::Heartbeat(_) => Some(Reply::Heartbeat(err(wire::ErrorCode::RebalanceInProgress))),
        Request::LeaveGroup(_) => None,
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut member = Member::join(cluster, "group".into(), None);
        let event = member.events.next().await;
        assert_eq!(event, Some(GroupEvent::Assigned(PartitionId(0))));
        let event = member.events.next().await;
        assert!(matches!(event, Some(GroupEvent::Over(SessionError::Lost(_)))), "{event:?}");
        assert!(member.view().with(|view| view.is_over));
    });
}

#[test]
fn a_member_joins_again_with_the_id_that_it_is_given_and_leaves_when_it_is_dropped() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::JoinGroup(_) if nth == 0 => Some(Reply::JoinGroup(JoinGroupReply {
            error: Some(wire::ErrorCode::MemberIdRequired),
            ..join_reply(1)
        })),
        Request::JoinGroup(join) => {
            assert_eq!(join.member_id, "m");
            Some(joined(1))
        }
        Request::SyncGroup(_) => Some(Reply::SyncGroup(Ok(vec![0, 0, 0, 0].into()))),
        Request::Heartbeat(_) => Some(Reply::Heartbeat(Ok(()))),
        Request::LeaveGroup(_) => None,
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let mut member = Member::join(cluster.clone(), "group".into(), None);
        let event = member.events.next().await;
        assert_eq!(event, Some(GroupEvent::Assigned(PartitionId(0))));
        drop(member);
        cluster.sleep_until(cluster.after(Duration::from_secs(1))).await;
    });
    assert_eq!(scripted.count("LeaveGroup"), 1);
}

#[test]
fn a_leader_that_came_back_lets_the_partitions_be_dealt_out_anew() {
    let scripted = Scripted::new(|request, nth| match request {
        Request::JoinGroup(_) => {
            let generation = i32::try_from(nth).expect("few joins") + 1;
            let skip_assignment = nth == 0;
            Some(Reply::JoinGroup(JoinGroupReply { skip_assignment, ..join_reply(generation) }))
        }
        Request::SyncGroup(_) => Some(Reply::SyncGroup(Ok(vec![0, 0, 0, 0].into()))),
        Request::Heartbeat(_) => Some(Reply::Heartbeat(Ok(()))),
        Request::LeaveGroup(_) => None,
        other => unreachable!("{other:?}"),
    });
    scripted.run(async |cluster| {
        let _member = Member::join(cluster.clone(), "group".into(), Some("instance".into()));
        cluster.sleep_until(cluster.after(Duration::from_secs(20))).await;
    });
    assert_eq!(scripted.count("JoinGroup"), 2);
}

async fn begun(cluster: Cluster) -> TransactionalProducer {
    let mut producer = TransactionalProducer::new(cluster, "id".into());
    assert_eq!(producer.init().await, Ok(()));
    let records = [(PLACE, vec![unsent("v")])].into();
    assert_eq!(producer.send(records).await, Ok([(PLACE, Offset(0))].into()));
    producer
}

fn unsent(value: &'static str) -> Unsent {
    Unsent { key: "k".into(), value: Some(value.into()), trace: None }
}

fn joined(generation: i32) -> Reply {
    Reply::JoinGroup(join_reply(generation))
}

fn join_reply(generation: i32) -> JoinGroupReply {
    JoinGroupReply {
        error: None,
        generation: Generation(generation),
        protocol: "cooperative-sticky".into(),
        leader: "other".into(),
        skip_assignment: false,
        member_id: "m".into(),
        members: Vec::new(),
    }
}
