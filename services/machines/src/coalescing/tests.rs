mod model;

use insta::assert_snapshot;
use tidelog_core::{
    Answer, PartitionId, Query,
    message::{
        UpdateKind::{Created, Deleted, Updated},
        encode_row,
    },
    query::NotificationsView,
    state::TableKey,
};

use super::{
    Coalescing,
    rows::{Notified, Unread, ZoneOfDevice},
};
use crate::harness::{
    Harness, Step, acknowledged, at, batch, check_crashes, check_repeats, dump_line, news, parsed,
    record, removed, script,
};

#[test]
fn what_a_device_is_told_is_numbered_and_gathered() {
    assert_snapshot!(script(SMALL, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(SMALL, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing() {
    check_repeats(SMALL, &steps(), |_, _| {});
}

#[test]
fn an_acknowledgement_takes_away_what_was_read_and_nothing_later() {
    let mut harness = Harness::new(Coalescing::default());
    for (n, (zone, sequence, kind)) in
        (1..).zip([(EU, 4, Created), (US, 1, Created), (EU, 5, Updated), (EU, 6, Deleted)])
    {
        harness.record(at(n), news("phone", zone, sequence, kind));
    }
    let view = read(&harness);
    assert_eq!((view.last, view.acknowledged, view.zones.len()), (4, 0, 2));
    let eu = &view.zones[0];
    assert_eq!((eu.number, eu.first, eu.last), (4, 4, 6));
    assert_eq!((eu.created, eu.updated, eu.deleted), (1, 1, 1));
    harness.record(at(5), acknowledged("phone", 3));
    let view = read(&harness);
    assert_eq!((view.acknowledged, view.zones.len()), (3, 1), "what came later is kept");
    harness.record(at(6), acknowledged("phone", 9));
    assert_eq!(read(&harness).acknowledged, 3, "one from the future says nothing");
    harness.record(at(7), acknowledged("phone", 4));
    assert!(read(&harness).zones.is_empty());
    harness.record(at(8), news("phone", EU, 6, Deleted));
    assert_eq!(read(&harness).last, 4, "what was read does not count again");
}

#[test]
fn beyond_the_bound_a_device_is_told_that_there_is_more() {
    let mut harness = Harness::new(SMALL);
    for (n, zone) in (1..).zip(["shop/o/a", "shop/o/b", "shop/o/c"]) {
        harness.record(at(n), news("phone", zone, 1, Created));
    }
    let view = read(&harness);
    assert_eq!((view.last, view.overflowed, view.zones.len()), (3, true, 2));
    harness.record(at(4), acknowledged("phone", 2));
    assert!(read(&harness).overflowed, "it has not read that there is more");
    harness.record(at(5), acknowledged("phone", 3));
    assert!(!read(&harness).overflowed);
}

#[test]
fn rows_keep_their_bytes() {
    let key = ZoneOfDevice { device: parsed("phone"), zone: parsed(EU) };
    assert_eq!(dump_line(&key.to_bytes()), r"phone\x00shop/orders/eu");
    assert_eq!(ZoneOfDevice::from_bytes(&key.to_bytes()), Some(key));
    let notified = Notified {
        last: 300,
        acknowledged: 1,
        unread_zones: 2,
        overflowed_at: Some(3),
        removed: Some((PartitionId(4), 5)),
    };
    assert_eq!(dump_line(&encode_row(&notified)), r"\x01\xac\x02\x01\x02\x01\x03\x01\x04\x05");
    let (created, updated, deleted) = (4, 5, 6);
    let unread = Unread { number: 1, first: 2, last: 3, created, updated, deleted, time: at(7) };
    assert_eq!(dump_line(&encode_row(&unread)), r"\x01\x01\x02\x03\x04\x05\x06\x07");
}

/// One that keeps two zones.
const SMALL: Coalescing = Coalescing { zones_max: 2 };

const EU: &str = "shop/orders/eu";
const US: &str = "shop/orders/us";

fn read(harness: &Harness<Coalescing>) -> NotificationsView {
    match harness.query(&Query::Notifications(parsed("phone"))) {
        Answer::Notifications(view) => view,
        other => panic!("{other:?}"),
    }
}

fn steps() -> Vec<Step> {
    vec![
        record(1_000, acknowledged("phone", 1)),
        record(1_001, news("phone", EU, 7, Created)),
        record(1_002, news("phone", EU, 8, Updated)),
        record(1_003, news("tablet", EU, 8, Updated)),
        record(1_004, news("phone", EU, 8, Updated)),
        record(1_005, news("phone", US, 1, Created)),
        record(1_006, news("phone", "shop/users/eu", 1, Created)),
        record(1_007, acknowledged("phone", 2)),
        record(1_008, news("phone", EU, 9, Deleted)),
        record(1_009, removed("phone", 1)),
        record(1_010, news("phone", EU, 10, Created)),
        record(1_011, removed("phone", 1)),
        record(1_012, batch(1, Vec::new())),
    ]
}
