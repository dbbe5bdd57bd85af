use insta::assert_snapshot;
use tidelog_core::{
    Message, PartitionId, Revision, TableId,
    message::{Change, LearningScope, LearningSwitch, encode_row},
    state::TableKey,
};

use super::super::{
    EntityStorage,
    learning::{Epoch, Walk, WalkKey, Walked},
};
use crate::harness::{
    Harness, Step, ask, at, check_crashes, check_repeats, create, dump_line, id, merge, record,
    script, timeout,
};

#[test]
fn what_was_there_is_walked_over_and_what_comes_later_is_marked() {
    assert_snapshot!(script(EntityStorage, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(EntityStorage, &steps());
}

#[test]
fn a_switch_handled_again_changes_nothing() {
    let records: Vec<_> =
        steps().into_iter().filter(|step| matches!(step, Step::Record(..))).collect();
    check_repeats(EntityStorage, &records, |_, _| {});
}

#[test]
fn a_walk_is_made_in_chunks_and_marks_only_what_it_has_passed() {
    let mut harness = Harness::new(EntityStorage);
    for n in 0..1_200 {
        let patch = ask(n + 1, &format!("shop/orders/eu/{n:04}"), create("1"));
        harness.quick_step(n, &Step::Record(at(1_000), Message::EntityPatch(patch)));
    }
    harness.step(2_000, &record(2_000, on("shop", 7)));
    let walked = harness.step(0, &timeout(2_001));
    assert_eq!(walked.len(), 500);
    let mut change = |number, entity: &str| {
        let patch = ask(number, entity, merge("2"));
        matches!(
            harness.record(at(3_000 + number), patch_message(patch))[0],
            Message::MarkedUpdate(_)
        )
    };
    assert!(change(2_000, "shop/orders/eu/0499"));
    assert!(!change(2_001, "shop/orders/eu/0500"));
    assert!(!change(2_002, "shop/users/eu/1"));
    let mut sent = Vec::new();
    while harness.wake().is_some() {
        sent.extend(harness.step(0, &timeout(4_000)));
    }
    assert_eq!(sent.len(), 701 + 1, "the rest, and that it has ended");
    assert_eq!(harness.count(TableId::Walks), 0);
}

#[test]
fn rows_keep_their_bytes() {
    let entity = id("shop/orders/eu/42");
    let walked = Walked::To(Some(entity));
    let epoch = Epoch { number: Revision(7), is_on: true, follows: false, walked };
    assert_eq!(
        dump_line(&encode_row(&epoch)),
        "\\x01\\x07\\x01\\x00\\x00\\x01\\x11shop/orders/eu/42"
    );
    let epoch = Epoch { walked: Walked::All, ..epoch };
    assert_eq!(dump_line(&encode_row(&epoch)), "\\x01\\x07\\x01\\x00\\x01");
    let scope = LearningScope::Collection("shop/orders".parse().expect("a good id"));
    let walk = Walk { scope, partition: PartitionId(3) };
    assert_eq!(dump_line(&encode_row(&walk)), "\\x01\\x01\\x0bshop/orders\\x03");
    let key = WalkKey { database: "shop".parse().expect("a good id"), epoch: Revision(7) };
    assert_eq!(dump_line(&key.to_bytes()), "shop\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07");
    assert_eq!(WalkKey::from_bytes(&key.to_bytes()), Some(key));
}

fn steps() -> Vec<Step> {
    let write = |number: u64, entity: &str, change: Change| {
        record(1_000 + number, patch_message(ask(number, entity, change)))
    };
    vec![
        write(1, "shop/orders/eu/1", create("1")),
        write(2, "shop/users/eu/1", create("1")),
        write(3, "shop/$zoneSubscription/phone/1", create(SUBSCRIPTION)),
        record(1_004, on("shop", 7)),
        record(1_005, on("shop/users", 8)),
        // Neither walk has begun.
        write(6, "shop/orders/eu/1", merge("2")),
        timeout(1_007),
        timeout(1_008),
        write(9, "shop/orders/eu/1", merge("3")),
        write(10, "shop/users/eu/1", merge("3")),
        timeout(1_011),
        timeout(1_012),
        write(13, "shop/users/eu/1", Change::Delete),
        write(14, "shop/$zoneSubscription/phone/1", Change::Delete),
        // Known already, and over already.
        record(1_015, on("shop/users", 8)),
        record(1_016, on("shop/users", 6)),
        record(1_017, switch("shop", 9, false)),
        write(18, "shop/orders/eu/1", merge("4")),
        timeout(1_019),
    ]
}

fn on(scope: &str, epoch: u64) -> Message {
    switch(scope, epoch, true)
}

fn switch(scope: &str, epoch: u64, is_on: bool) -> Message {
    let scope = match scope.parse() {
        Ok(collection) => LearningScope::Collection(collection),
        Err(_) => LearningScope::Database(scope.parse().expect("a good id")),
    };
    Message::LearningSwitch(LearningSwitch { scope, epoch: Revision(epoch), is_on, follows: false })
}

fn patch_message(patch: tidelog_core::message::EntityPatch) -> Message {
    Message::EntityPatch(patch)
}

const SUBSCRIPTION: &str = r#"{"zone":"shop/orders/eu"}"#;
