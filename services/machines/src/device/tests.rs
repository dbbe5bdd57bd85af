use std::time::Duration;

use insta::assert_snapshot;
use tidelog_core::{
    Answer, Message, Offset, PartitionId, Query, TableId,
    limits::{DEVICE_DATABASES_MAX, USER_DEVICES_MAX},
    message::{DeviceUpdateKind, encode_row},
    query::DeviceView,
    state::TableKey,
};

use super::{
    DeviceKeeper,
    rows::{Device, Keeper, Lease},
};
use crate::harness::{
    Harness, Step, at, batch, check_crashes, check_repeats, connect, dump_line, forget, parsed,
    record, script, timeout,
};

#[test]
fn devices_come_stay_and_go() {
    assert_snapshot!(script(KEEPER, &steps()));
}

#[test]
fn a_crash_after_any_step_is_harmless() {
    check_crashes(KEEPER, &steps());
}

#[test]
fn a_record_handled_again_changes_nothing() {
    check_repeats(KEEPER, &steps(), |first, again| {
        assert!(again.is_empty() || matches!(first[0], Message::DeadLetter(_)), "{again:?}");
    });
}

#[test]
fn a_device_is_new_once_and_known_from_then_on() {
    let mut harness = Harness::new(KEEPER);
    harness.record(at(1_000), connect("ann/phone", &["shop"]));
    harness.record(at(2_000), connect("ann/phone", &["blog", "shop"]));
    let device = read(&harness, "ann/phone").expect("it is known");
    assert_eq!((device.added, device.added_by, device.used), (at(1_000), Offset(1_000), at(2_000)));
    assert_eq!(device.databases, [parsed("shop"), parsed("blog")]);
    harness.record(at(3_000), forget("ann/phone"));
    assert_eq!(read(&harness, "ann/phone"), None);
    harness.record(at(4_000), connect("ann/phone", &[]));
    assert_eq!(read(&harness, "ann/phone").expect("it is back").added_by, Offset(4_000));
}

#[test]
fn a_device_that_connects_in_time_is_not_forgotten() {
    let mut harness = Harness::new(KEEPER);
    harness.record(at(1_000), connect("ann/phone", &[]));
    harness.record(at(1_900), connect("ann/phone", &[]));
    assert_eq!(harness.wake().map(|wake| wake.at), Some(at(2_900)));
    assert!(harness.step(0, &timeout(2_899)).is_empty());
    let sent = harness.step(0, &timeout(2_900));
    let kinds = sent.iter().filter_map(|message| match message {
        Message::DeviceUpdate(update) => Some(update.kind),
        _ => None,
    });
    assert_eq!(kinds.collect::<Vec<_>>(), [DeviceUpdateKind::Expired]);
    assert_eq!((harness.wake(), harness.count(TableId::Devices)), (None, 0));
}

#[test]
fn what_is_kept_of_a_device_and_of_a_user_has_bounds() {
    let mut harness = Harness::new(KEEPER);
    for n in 0..3 {
        let names: Vec<_> = (0..60).map(|m| format!("db{}", n * 60 + m)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        harness.record(at(1_000 + n), connect("ann/phone", &names));
    }
    let device = read(&harness, "ann/phone").expect("it is known");
    assert_eq!(device.databases.len(), DEVICE_DATABASES_MAX);
    for n in 0..USER_DEVICES_MAX as u64 {
        let step = record(2_000 + n, connect(&format!("bob/d{n}"), &[]));
        assert!(matches!(harness.quick_step(2_000 + n, &step)[0], Message::DeviceUpdate(_)));
    }
    let one_more = harness.record(at(4_000), connect("bob/one-more", &[]));
    assert!(matches!(one_more[..], [Message::DeadLetter(_)]));
    assert_eq!(read(&harness, "bob/one-more"), None);
    let Answer::Devices(all) = harness.query(&Query::Devices(parsed("bob"))) else {
        panic!("another answer");
    };
    assert_eq!(all.len(), USER_DEVICES_MAX);
}

#[test]
fn rows_keep_their_bytes() {
    let device = Device {
        app_version: Some("1.2".into()),
        databases: vec![parsed("shop")],
        added: at(1),
        added_by: Offset(2),
        used: at(3),
        until: at(4),
    };
    let bytes = r"\x01\x01\x031.2\x01\x04shop\x01\x02\x03\x04";
    assert_eq!(dump_line(&encode_row(&device)), bytes);
    let keeper = Keeper { next: Offset(300), forgotten: 2 };
    assert_eq!(dump_line(&encode_row(&keeper)), r"\x01\xac\x02\x02");
    assert_eq!(dump_line(&encode_row(&PartitionId(3))), r"\x01\x03");
    let lease = Lease { until: at(300), device: parsed("ann/phone") };
    assert_eq!(dump_line(&lease.to_bytes()), r"\x00\x00\x00\x00\x00\x00\x01,ann/phone");
    assert_eq!(Lease::from_bytes(&lease.to_bytes()), Some(lease));
}

/// One that forgets after a second.
const KEEPER: DeviceKeeper = DeviceKeeper { lease: Duration::from_secs(1) };

fn read(harness: &Harness<DeviceKeeper>, device: &str) -> Option<DeviceView> {
    match harness.query(&Query::Device(parsed(device))) {
        Answer::Device(view) => view,
        other => panic!("{other:?}"),
    }
}

fn steps() -> Vec<Step> {
    vec![
        record(1_000, connect("ann/phone", &["shop", "blog"])),
        record(1_100, connect("ann/tablet", &["shop"])),
        record(1_200, forget("ann/laptop")),
        record(1_500, connect("ann/phone", &["shop"])),
        timeout(2_000),
        timeout(2_100),
        record(2_200, forget("ann/phone")),
        record(2_300, connect("ann/phone", &[])),
        timeout(9_000),
        record(2_400, batch(1, Vec::new())),
    ]
}
