use insta::assert_snapshot;
use tidelog_core::{
    TableId, Timestamp,
    message::UpdateKind::{Created, Deleted, Updated},
    subscription::Terms,
};

use super::{
    super::{Chunk, ZoneWatch},
    SMALL, drain, feed, told,
};
use crate::harness::{
    Harness, Step, batch, changed, check_crashes, check_repeats, record, script, subscribed,
    timeout,
};

#[test]
fn changes_are_numbered_and_told_to_whoever_asked_for_them() {
    assert_snapshot!(script(SMALL, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(SMALL, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing() {
    let records: Vec<_> =
        steps().into_iter().filter(|step| matches!(step, Step::Record(..))).collect();
    let is_ours = |sent: &[tidelog_core::Message]| {
        sent.iter().all(|sent| matches!(sent, tidelog_core::Message::ForDevice(_)))
    };
    check_repeats(SMALL, &records, |first, again| {
        assert!(again.is_empty() || !is_ours(first), "{again:?}");
    });
}

#[test]
fn a_subscription_that_ends_during_the_telling_still_holds_for_what_came_before() {
    let mut harness = Harness::new(SMALL);
    for (n, device) in (1..).zip(["a", "b", "c", "d"]) {
        harness.step(n, &record(n, subscribed(n, device, "1", EU, Some(Terms::ALL))));
    }
    let mut sent = harness.step(5, &record(5, changed(5, "shop/orders/eu/1", Created, None)));
    harness.step(6, &record(6, subscribed(6, "d", "1", EU, None)));
    harness.step(7, &record(7, subscribed(7, "e", "1", EU, Some(Terms::ALL))));
    sent.extend(harness.step(8, &record(8, changed(8, "shop/orders/eu/1", Updated, None))));
    harness.commit();
    sent.extend(drain(&mut harness));
    let first = ["a", "b", "c", "d"].map(|device| format!("{device} {EU} #1"));
    let second = ["a", "b", "c", "e"].map(|device| format!("{device} {EU} #2"));
    assert_eq!(told(&sent), [first, second].concat());
    assert_eq!(harness.count(TableId::Subscriptions), 4);
    assert_eq!(harness.count(TableId::EndedSubscriptions), 0);
}

/// What was wrong: what could not be told at once waited for the time of a broker whose clock was ahead
/// (scenario `zones`, seeds 15 and 30).
#[test]
fn a_clock_that_is_ahead_puts_no_telling_off() {
    let mut harness = Harness::new(SMALL);
    for (n, device) in (1..).zip(["a", "b", "c", "d"]) {
        harness.step(n, &record(n, subscribed(n, device, "1", EU, Some(Terms::ALL))));
    }
    let ahead = 3_600_000;
    harness.step(5, &record(ahead, changed(5, "shop/orders/eu/1", Created, None)));
    assert_eq!(harness.wake().map(|wake| wake.at), Some(Timestamp::ZERO));
    harness.step(6, &record(ahead, subscribed(6, "d", "1", EU, None)));
    harness.commit();
    assert_eq!(told(&drain(&mut harness)), ["c", "d"].map(|device| format!("{device} {EU} #1")));
}

#[test]
fn a_small_zone_does_not_wait_for_a_large_one() {
    let mut harness = Harness::new(SMALL);
    for n in 1..=20 {
        let device = format!("d{n:02}");
        harness.step(n, &record(n, subscribed(n, &device, "1", EU, Some(Terms::ALL))));
    }
    harness.step(21, &record(21, subscribed(21, "phone", "1", US, Some(Terms::ALL))));
    let large = harness.step(22, &record(22, changed(22, "shop/orders/eu/1", Created, None)));
    assert_eq!(large.len(), 2);
    let small = harness.step(23, &record(23, changed(23, "shop/orders/us/1", Created, None)));
    assert_eq!(told(&small), [format!("phone {US} #1")]);
    assert_eq!(drain(&mut harness).len(), 18);
}

#[test]
fn many_devices_are_told_in_many_calls_of_bounded_size() {
    let watch = ZoneWatch::default();
    let mut harness = Harness::new(watch);
    for n in 1..=3_500 {
        let step = record(n, subscribed(n, &format!("d{n:04}"), "1", EU, Some(Terms::ALL)));
        harness.quick_step(n, &step);
    }
    harness.commit();
    let change = record(4_000, changed(4_000, "shop/orders/eu/1", Created, None));
    let mut sizes = vec![harness.quick_step(4_000, &change).len()];
    while harness.wake().is_some() {
        sizes.push(harness.quick_step(0, &timeout(5_000)).len());
    }
    assert_eq!(sizes, [1_000, 1_000, 1_000, 500]);
}

#[test]
fn the_feed_keeps_the_last_changes() {
    let watch = ZoneWatch { feed_changes: 3, ..ZoneWatch::default() };
    let mut harness = Harness::new(watch);
    assert_eq!(feed(&harness, EU, None, 10).last, 0);
    for n in 1..=10 {
        harness.step(n, &record(n, changed(n, "shop/orders/eu/1", Updated, None)));
    }
    let numbers = |after, limit| -> Vec<u64> {
        let changes = feed(&harness, EU, after, limit).changes;
        changes.iter().map(|change| change.sequence).collect()
    };
    let view = feed(&harness, EU, Some(5), 10);
    assert_eq!((view.oldest, view.last, view.changes.len()), (8, 10, 0), "that is too old");
    assert_eq!(numbers(None, 10), [8, 9, 10]);
    assert_eq!(numbers(Some(7), 2), [8, 9]);
    assert_eq!(numbers(Some(9), 10), [10]);
    assert!(numbers(Some(10), 10).is_empty());
    assert!(numbers(Some(u64::MAX), 10).is_empty());
    assert_eq!(harness.count(TableId::ZoneChanges), 3);
}

#[test]
fn what_was_not_told_to_all_is_kept_in_the_feed() {
    let chunk = Chunk { devices: 1, subscriptions: 10 };
    let mut harness = Harness::new(ZoneWatch { feed_changes: 1, chunk });
    for (n, device) in (1..).zip(["a", "b", "c"]) {
        harness.step(n, &record(n, subscribed(n, device, "1", EU, Some(Terms::ALL))));
    }
    let mut sent = Vec::new();
    for n in 4..8 {
        let step = record(n, changed(n, "shop/orders/eu/1", Updated, None));
        sent.extend(harness.step(n, &step));
    }
    assert_eq!(feed(&harness, EU, None, 10).oldest, 1);
    sent.extend(drain(&mut harness));
    let expected = (1..=4).flat_map(|n| ["a", "b", "c"].map(|d| format!("{d} {EU} #{n}")));
    assert_eq!(told(&sent), expected.collect::<Vec<_>>());
    harness.step(9, &record(9, changed(9, "shop/orders/eu/1", Deleted, None)));
    drain(&mut harness);
    harness.step(10, &record(10, changed(10, "shop/orders/eu/1", Created, None)));
    assert!(feed(&harness, EU, None, 10).oldest >= 5, "what was told is forgotten");
}

const EU: &str = "shop/orders/eu";
const US: &str = "shop/orders/us";

fn steps() -> Vec<Step> {
    let created = Terms { updated: false, deleted: false, ..Terms::ALL };
    let deleted = Terms { created: true, own: false, ..created };
    let change = |n, kind, by| record(1_000 + n, changed(n, "shop/orders/eu/42", kind, by));
    vec![
        record(1_001, subscribed(1, "phone", "1", EU, Some(created))),
        record(1_002, subscribed(2, "phone", "2", EU, Some(deleted))),
        record(1_003, subscribed(3, "tablet", "1", "shop/orders", Some(Terms::ALL))),
        record(1_004, subscribed(4, "laptop", "1", EU, Some(Terms::ALL))),
        change(5, Created, Some("phone")),
        timeout(1_005),
        change(6, Updated, Some("tablet")),
        record(1_007, subscribed(7, "laptop", "1", EU, None)),
        change(8, Deleted, Some("phone")),
        timeout(1_009),
        timeout(1_009),
        timeout(1_009),
        record(1_010, changed(9, "shop/orders/us/1", Created, None)),
        record(1_011, batch(1, Vec::new())),
    ]
}
