//! The messages of zones and devices.

use tidelog_core::{
    Message, Offset, PartitionId, Revision, Timestamp,
    message::{
        Acknowledgement, Connect, DeviceCall, DeviceNotification, DeviceUpdate, DeviceUpdateKind,
        ForDevice, ForgetZone, News, Removal, SubscriptionChange, UpdateKind, UpdateSource,
        ZoneChange, ZoneMessage,
    },
    query::Scope,
    subscription::Terms,
};

pub(super) fn messages() -> Vec<(&'static str, Message)> {
    let zone = Scope::Zone(id("shop/orders/eu"));
    let collection = Scope::Collection(id("shop/orders"));
    let terms = Terms { created: true, updated: false, deleted: true, own: false };
    let device = |message| Message::ForDevice(message);
    let through = Acknowledgement { device: id("phone"), through: 300 };
    vec![
        ("zone-change", zone_change()),
        ("subscribed", subscription(zone.clone(), Some(terms))),
        ("subscribed-to-a-collection", subscription(collection, Some(Terms::ALL))),
        ("unsubscribed", subscription(zone, None)),
        ("news", device(ForDevice::News(news()))),
        ("acknowledged", device(ForDevice::Acknowledgement(through))),
        ("device-removed", device(ForDevice::Removal(removal()))),
        ("notification", notification()),
        ("connect", Message::DeviceCall(DeviceCall::Connect(connect()))),
        ("forget-device", Message::DeviceCall(DeviceCall::Forget(id("ann/phone")))),
        ("device-added", device_update(DeviceUpdateKind::Added)),
        ("device-forgotten", device_update(DeviceUpdateKind::Forgotten)),
        ("device-expired", device_update(DeviceUpdateKind::Expired)),
        ("forget-zone", forget_zone()),
    ]
}

fn zone_change() -> Message {
    Message::Zone(ZoneMessage::Change(ZoneChange {
        entity: id("shop/orders/eu/42"),
        kind: UpdateKind::Updated,
        revision: Revision(300),
        device: Some(id("phone")),
        source: source(),
        time: time(),
    }))
}

fn subscription(subject: Scope, terms: Option<Terms>) -> Message {
    Message::Zone(ZoneMessage::Subscription(SubscriptionChange {
        subscription: id("shop/$zoneSubscription/phone/1"),
        subject,
        terms,
        source: source(),
        time: time(),
    }))
}

fn news() -> News {
    News {
        device: id("phone"),
        zone: id("shop/orders/eu"),
        sequence: 300,
        kind: UpdateKind::Deleted,
        time: time(),
    }
}

fn removal() -> Removal {
    Removal { device: id("phone"), partition: PartitionId(3), number: 7, time: time() }
}

fn notification() -> Message {
    Message::DeviceNotification(DeviceNotification {
        device: id("phone"),
        number: 7,
        zone: id("shop/orders/eu"),
        sequence: 300,
        kind: UpdateKind::Created,
        unread_zones: 2,
        overflowed: true,
        time: time(),
    })
}

fn connect() -> Connect {
    Connect {
        device: id("ann/phone"),
        app_version: Some("1.2".into()),
        databases: vec![id("shop"), id("blog")],
    }
}

fn device_update(kind: DeviceUpdateKind) -> Message {
    let Connect { device, app_version, databases } = connect();
    let (added, time) = (Timestamp::from_millis(5), time());
    Message::DeviceUpdate(DeviceUpdate { device, kind, app_version, databases, added, time })
}

fn forget_zone() -> Message {
    let (zone, partition) = (id("shop/$zoneSubscription/phone"), PartitionId(3));
    Message::ForgetZone(ForgetZone { zone, partition, number: 7, time: time() })
}

fn source() -> UpdateSource {
    UpdateSource { partition: PartitionId(3), offset: Offset(1_042), number: 2 }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good id")
}

fn time() -> Timestamp {
    Timestamp::from_millis(1_764_000_000_456)
}
