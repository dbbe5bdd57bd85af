//! Short ways to write down by hand what became of zones and devices: of the database `shop`, whose topics
//! have one partition, and of the device `a` and its subscription `1`.

use serde_json::{Value, json};
use tidelog_core::{
    Document, EntityId, Message, Offset, PartitionId, Revision, Timestamp,
    message::{
        Acknowledgement, Connect, DeviceCall, DeviceNotification, DeviceUpdate, DeviceUpdateKind,
        EntityUpdate, ForDevice, ForgetZone, News, Part, Removal, SubscriptionChange, UpdateKind,
        UpdateSource, ZoneChange, ZoneMessage,
    },
    query::{NotificationsView, Scope, UnreadView},
    subscription::Terms,
};

use crate::{
    log::build::{log, request},
    observed::{AtLeast, NotificationsSeen, Observed, Watched},
    workload::Limits,
};

/// The subscription that all is about.
pub(super) const SUBSCRIPTION: &str = "shop/$zoneSubscription/a/1";

/// A run that is over, with these messages in its log.
pub(super) fn observed(messages: Vec<Message>) -> Observed {
    let limits =
        Limits { feed_changes: 3, devices: 1, subscriptions: 1, zones_max: 2, lease_ms: 1_000 };
    let watched = Watched { limits, partitions: 1, clocks_hold: true, is_still: true };
    Observed { log: log(messages), watched: Some(watched), ..Observed::default() }
}

/// An entity came to be.
pub(super) fn made(entity: &str, revision: u64) -> Message {
    update(entity, UpdateKind::Created, revision, None, Some(json!({})))
}

/// An entity was deleted.
pub(super) fn gone(entity: &str, revision: u64) -> Message {
    update(entity, UpdateKind::Deleted, revision, Some(json!({})), None)
}

/// The subscription is about a zone, and was about another one.
pub(super) fn subscription(revision: u64, before: Option<&str>, after: Option<&str>) -> Message {
    let document = |zone: &str| json!({ "zone": zone });
    let (before, after) = (before.map(document), after.map(document));
    let kind = match (&before, &after) {
        (None, _) => UpdateKind::Created,
        (Some(_), Some(_)) => UpdateKind::Updated,
        (Some(_), None) => UpdateKind::Deleted,
    };
    update(SUBSCRIPTION, kind, revision, before, after)
}

fn update(
    entity: &str,
    kind: UpdateKind,
    revision: u64,
    before: Option<Value>,
    after: Option<Value>,
) -> Message {
    let document = |value: Value| Document::from_value(&value).expect("a document");
    Message::EntityUpdate(EntityUpdate {
        entity: id(entity),
        kind,
        revision: Revision(revision),
        before: before.map(document),
        after: after.map(document),
        request: request(revision).name,
        part: Part::ONLY,
        user: None,
        device: None,
        time: Timestamp::from_millis(1_000),
    })
}

/// A zone hears of an entity that came to be, of the update at an offset.
pub(super) fn change(offset: u64, number: u32, entity: &str, revision: u64) -> Message {
    let kind = match (entity == SUBSCRIPTION, revision) {
        (true, 2..) => UpdateKind::Updated,
        _ => UpdateKind::Created,
    };
    zone_change(offset, number, entity, kind, revision)
}

/// A zone hears of an entity, of the update at an offset.
pub(super) fn changed(offset: u64, entity: &str, kind: UpdateKind, revision: u64) -> Message {
    zone_change(offset, 1, entity, kind, revision)
}

fn zone_change(offset: u64, number: u32, entity: &str, kind: UpdateKind, revision: u64) -> Message {
    Message::Zone(ZoneMessage::Change(ZoneChange {
        entity: id(entity),
        kind,
        revision: Revision(revision),
        device: None,
        source: source(offset, number),
        time: Timestamp::from_millis(1_000),
    }))
}

/// A zone hears that the subscription is about it.
pub(super) fn subscribed(offset: u64, number: u32, zone: &str) -> Message {
    terms(offset, number, zone, Some(Terms::ALL))
}

/// A zone hears that the subscription is not about it any more.
pub(super) fn unsubscribed(offset: u64, number: u32, zone: &str) -> Message {
    terms(offset, number, zone, None)
}

fn terms(offset: u64, number: u32, zone: &str, terms: Option<Terms>) -> Message {
    Message::Zone(ZoneMessage::Subscription(SubscriptionChange {
        subscription: id(SUBSCRIPTION),
        subject: Scope::Zone(zone.parse().expect("a zone")),
        terms,
        source: source(offset, number),
        time: Timestamp::from_millis(1_000),
    }))
}

fn source(offset: u64, number: u32) -> UpdateSource {
    UpdateSource { partition: PartitionId(0), offset: Offset(offset), number }
}

/// The device is to be told of a change.
pub(super) fn news(zone: &str, sequence: u64, kind: UpdateKind) -> Message {
    Message::ForDevice(ForDevice::News(News {
        device: "a".parse().expect("a device"),
        zone: zone.parse().expect("a zone"),
        sequence,
        kind,
        time: Timestamp::from_millis(1_000),
    }))
}

/// The device has read so much.
pub(super) fn acknowledged(through: u64) -> Message {
    let device = "a".parse().expect("a device");
    Message::ForDevice(ForDevice::Acknowledgement(Acknowledgement { device, through }))
}

/// The device was forgotten.
pub(super) fn removed(number: u64, time_ms: u64) -> Message {
    let (device, partition) = ("a".parse().expect("a device"), PartitionId(0));
    let time = Timestamp::from_millis(time_ms);
    Message::ForDevice(ForDevice::Removal(Removal { device, partition, number, time }))
}

/// The device of the user `u` connects.
pub(super) fn connect(version: &str) -> Message {
    Message::DeviceCall(DeviceCall::Connect(Connect {
        device: "u/a".parse().expect("a device"),
        app_version: Some(version.into()),
        databases: vec!["shop".parse().expect("a database")],
    }))
}

/// It is to be forgotten.
pub(super) fn forget() -> Message {
    Message::DeviceCall(DeviceCall::Forget("u/a".parse().expect("a device")))
}

/// Its subscriptions are to go.
pub(super) fn forget_zone(number: u64) -> Message {
    let (zone, time) = ("shop/$zoneSubscription/a", Timestamp::from_millis(1_000));
    let (zone, partition) = (zone.parse().expect("a zone"), PartitionId(0));
    Message::ForgetZone(ForgetZone { zone, partition, number, time })
}

/// What became of it is told.
pub(super) fn device_update(kind: DeviceUpdateKind) -> Message {
    Message::DeviceUpdate(DeviceUpdate {
        device: "u/a".parse().expect("a device"),
        kind,
        app_version: None,
        databases: Vec::new(),
        added: Timestamp::from_millis(1_000),
        time: Timestamp::from_millis(1_000),
    })
}

/// The device was told of a change.
pub(super) fn notification(
    number: u64,
    zone: &str,
    sequence: u64,
    unread_zones: u64,
    overflowed: bool,
) -> Message {
    Message::DeviceNotification(DeviceNotification {
        device: "a".parse().expect("a device"),
        number,
        zone: zone.parse().expect("a zone"),
        sequence,
        kind: UpdateKind::Created,
        unread_zones,
        overflowed,
        time: Timestamp::from_millis(1_000),
    })
}

/// What the device was told that it has not read: of each zone its number, and the first and the last of the
/// zone's, all of them of entities that came.
pub(super) fn unread(
    at_least: AtLeast,
    (last, acknowledged, overflowed): (u64, u64, bool),
    zones: &[(&str, u64, u64, u64)],
) -> NotificationsSeen {
    let zone = |(zone, number, first, last): &(&str, u64, u64, u64)| UnreadView {
        zone: zone.parse().expect("a zone"),
        number: *number,
        first: *first,
        last: *last,
        created: last - first + 1,
        updated: 0,
        deleted: 0,
        time: Timestamp::from_millis(1_000),
    };
    let zones = zones.iter().map(zone).collect();
    let view = NotificationsView { last, acknowledged, overflowed, zones };
    NotificationsSeen { step: 1, at_us: 0, device: "a".into(), at_least, after: 0, view }
}

fn id(entity: &str) -> EntityId {
    entity.parse().expect("an entity")
}
