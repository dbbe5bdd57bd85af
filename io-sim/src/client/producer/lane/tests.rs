use super::*;
use crate::wire::{ProducerEpoch, ProducerId};

const ID: ProducerIdentity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(0) };
const NEXT: ProducerIdentity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(1) };

const HERE: BrokerId = BrokerId(1);

fn time(millis: u64) -> Instant {
    Instant::default().plus_ms(millis)
}

fn lane(records: u64) -> Lane {
    let mut lane = Lane::new();
    lane.renew(ID);
    for n in 0..records {
        lane.push(waiting(n));
        // Each a batch of its own.
        lane.fill();
    }
    lane
}

fn waiting(n: u64) -> Waiting {
    let record = Unsent { key: bytes::Bytes::new(), value: None, trace: None };
    Waiting { record, ticket: (n, 0), expires: time(1_000) }
}

fn sequences(lane: &mut Lane, now: u64) -> Vec<i32> {
    std::iter::from_fn(|| lane.send(time(now), HERE).map(|batch| batch.sequence.0)).collect()
}

#[test]
fn five_batches_are_in_flight_and_answers_make_room() {
    let mut lane = lane(5);
    lane.push(waiting(5));
    assert_eq!(sequences(&mut lane, 0), [0, 1, 2, 3, 4]);
    let told = lane.answer(ID, Sequence(0), Said::Appended(Offset(40)), time(0));
    assert_eq!(told, [((0, 0), Delivery::Appended(Offset(40)))]);
    assert_eq!(sequences(&mut lane, 0), [5]);
}

#[test]
fn what_was_overtaken_fails_and_is_not_appended_behind_what_came_after_it() {
    let mut lane = lane(3);
    assert_eq!(sequences(&mut lane, 0), [0, 1, 2]);
    lane.answer(ID, Sequence(0), Said::NotYet("too few replicas".into()), time(0));
    let told = lane.answer(ID, Sequence(1), Said::Appended(Offset(9)), time(0));
    assert_eq!(told, [((1, 0), Delivery::Appended(Offset(9)))]);
    lane.answer(ID, Sequence(2), Said::NotYet("too few replicas".into()), time(0));
    assert_eq!(sequences(&mut lane, 0), [0, 2]);
    lane.answer(ID, Sequence(0), Said::OutOfOrder, time(0));
    lane.answer(ID, Sequence(2), Said::NotYet("too few replicas".into()), time(0));
    assert!(lane.needs_identity());
    assert!(matches!(lane.renew(NEXT)[..], [((0, 0), Delivery::Failed(_))]));
    assert_eq!(sequences(&mut lane, 0), [0], "the third batch, with a new number");
}

#[test]
fn a_new_leader_gets_nothing_before_the_old_one_has_answered() {
    let mut lane = lane(2);
    assert!(lane.send(time(0), HERE).is_some());
    assert!(lane.send(time(0), BrokerId(2)).is_none());
    lane.answer(ID, Sequence(0), Said::NotYet("it leads no more".into()), time(0));
    let next = lane.send(time(0), BrokerId(2)).map(|batch| batch.sequence);
    assert_eq!(next, Some(Sequence(0)));
}

#[test]
fn a_lost_batch_is_sent_again_with_its_number_and_those_behind_it_after_it() {
    let mut lane = lane(3);
    assert_eq!(sequences(&mut lane, 0), [0, 1, 2]);
    assert_eq!(lane.answer(ID, Sequence(0), Said::Perhaps("no answer".into()), time(100)), []);
    assert_eq!(lane.answer(ID, Sequence(1), Said::OutOfOrder, time(100)), []);
    assert_eq!(sequences(&mut lane, 99), [] as [i32; 0]);
    assert_eq!(lane.wake(time(99)), Some(time(100)));
    assert_eq!(sequences(&mut lane, 100), [0, 1]);
}

#[test]
fn what_may_have_been_appended_ends_unknown_and_what_was_not_gets_new_numbers() {
    let mut lane = lane(3);
    assert_eq!(sequences(&mut lane, 0), [0, 1, 2]);
    lane.answer(ID, Sequence(0), Said::Perhaps("no answer".into()), time(100));
    lane.answer(ID, Sequence(1), Said::OutOfOrder, time(100));
    lane.answer(ID, Sequence(2), Said::OutOfOrder, time(100));
    let told = lane.expire(time(1_000));
    assert!(matches!(
        told[..],
        [
            ((0, 0), Delivery::Unknown(_)),
            ((1, 0), Delivery::Failed(_)),
            ((2, 0), Delivery::Failed(_)),
        ]
    ));
    lane.push(waiting(3));
    assert!(lane.needs_identity());
    assert_eq!(lane.renew(NEXT), []);
    let next = lane.send(time(1_000), HERE).map(|batch| (batch.identity, batch.sequence));
    assert_eq!(next, Some((NEXT, Sequence(0))));
}

#[test]
fn a_refused_batch_leaves_a_hole_and_the_rest_goes_on_under_a_new_identity() {
    let mut lane = lane(2);
    assert_eq!(sequences(&mut lane, 0), [0, 1]);
    let told = lane.answer(ID, Sequence(0), Said::Refused("too large".into()), time(0));
    assert_eq!(told, [((0, 0), Delivery::Failed("too large".into()))]);
    assert!(!lane.needs_identity(), "one is in flight");
    lane.answer(ID, Sequence(1), Said::OutOfOrder, time(0));
    assert!(lane.needs_identity());
    lane.renew(NEXT);
    assert_eq!(sequences(&mut lane, 0), [0]);
    let told = lane.answer(NEXT, Sequence(0), Said::Appended(Offset(3)), time(0));
    assert_eq!(told, [((1, 0), Delivery::Appended(Offset(3)))]);
}
