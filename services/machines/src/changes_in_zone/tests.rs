use insta::assert_snapshot;

use super::ChangesInZone;
use crate::harness::{Harness, Step, batch, check_crashes, check_repeats, record, script, updated};

#[test]
fn every_change_goes_to_its_zone_and_a_subscription_to_its_subject_too() {
    assert_snapshot!(script(ChangesInZone, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(ChangesInZone, &steps());
}

#[test]
fn an_update_handled_again_is_sent_again_as_the_same_messages() {
    check_repeats(ChangesInZone, &steps(), |first, again| assert_eq!(first, again));
}

#[test]
fn what_is_about_a_collection_goes_to_every_partition() {
    let mut harness = Harness::new(ChangesInZone);
    let update = updated(SUBSCRIPTION, None, Some(r#"{"collection":"shop/orders"}"#));
    let sent = harness.sent(1, &record(1_000, update));
    let destinations: Vec<_> = sent.iter().map(|send| send.destination).collect();
    assert!(matches!(destinations[0], tidelog_core::Destination::Partition(_)));
    assert_eq!(destinations[1], tidelog_core::Destination::Every);
}

const SUBSCRIPTION: &str = "shop/$zoneSubscription/phone/1";

fn steps() -> Vec<Step> {
    let eu = r#"{"zone":"shop/orders/eu","changes":["created"],"own_changes":false}"#;
    let us = r#"{"zone":"shop/orders/us"}"#;
    let all = r#"{"collection":"shop/orders"}"#;
    let about = |before, after| updated(SUBSCRIPTION, before, after);
    vec![
        record(1_000, updated("shop/orders/eu/42", None, Some("1"))),
        record(1_001, updated("shop/orders/eu/42", Some("1"), None)),
        record(1_002, about(None, Some(eu))),
        record(1_003, about(Some(eu), Some(eu))),
        record(1_004, about(Some(eu), Some(us))),
        record(1_005, about(Some(us), Some(all))),
        record(1_006, about(Some(all), Some("\"from before there was a rule\""))),
        record(1_007, about(Some(eu), None)),
        record(1_008, batch(1, Vec::new())),
    ]
}
