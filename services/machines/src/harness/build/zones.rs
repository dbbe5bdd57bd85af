//! Messages of zones and devices in few words.

use tidelog_core::{
    Message, Offset, PartitionId, Revision,
    message::{
        Acknowledgement, Connect, DeviceCall, EntityUpdate, ForDevice, News, Part, Removal,
        SubscriptionChange, UpdateKind, UpdateSource, ZoneChange, ZoneMessage,
    },
    query::Scope,
    subscription::Terms,
};

use super::{at, document, id, origin};

/// A change, which is the `n`-th thing that comes of the first partition of `entity-updates`.
pub(crate) fn changed(n: u64, entity: &str, kind: UpdateKind, by: Option<&str>) -> Message {
    Message::Zone(ZoneMessage::Change(ZoneChange {
        entity: id(entity),
        kind,
        revision: Revision(n),
        device: by.map(parsed),
        source: update_source(n),
        time: at(1_000 + n),
    }))
}

/// A subscription of a device to a zone, or to a collection, begins or ends.
pub(crate) fn subscribed(
    n: u64,
    device: &str,
    name: &str,
    subject: &str,
    terms: Option<Terms>,
) -> Message {
    Message::Zone(ZoneMessage::Subscription(SubscriptionChange {
        subscription: id(&format!("shop/$zoneSubscription/{device}/{name}")),
        subject: scope_of(subject),
        terms,
        source: update_source(n),
        time: at(1_000 + n),
    }))
}

pub(crate) fn scope_of(text: &str) -> Scope {
    match text.parse() {
        Ok(zone) => Scope::Zone(zone),
        Err(_) => Scope::Collection(parsed(text)),
    }
}

pub(crate) fn update_source(n: u64) -> UpdateSource {
    UpdateSource { partition: PartitionId(0), offset: Offset(n), number: 1 }
}

/// A device is told of a zone's change.
pub(crate) fn news(device: &str, zone: &str, sequence: u64, kind: UpdateKind) -> Message {
    Message::ForDevice(ForDevice::News(News {
        device: parsed(device),
        zone: parsed(zone),
        sequence,
        kind,
        time: at(1_000 + sequence),
    }))
}

/// A device has read what it was told.
pub(crate) fn acknowledged(device: &str, through: u64) -> Message {
    let device = parsed(device);
    Message::ForDevice(ForDevice::Acknowledgement(Acknowledgement { device, through }))
}

/// A device was forgotten.
pub(crate) fn removed(device: &str, number: u64) -> Message {
    let (device, partition) = (parsed(device), PartitionId(0));
    Message::ForDevice(ForDevice::Removal(Removal { device, partition, number, time: at(1_000) }))
}

/// A device connects: `ann/phone`.
pub(crate) fn connect(device: &str, databases: &[&str]) -> Message {
    Message::DeviceCall(DeviceCall::Connect(Connect {
        device: parsed(device),
        app_version: Some("1.2".into()),
        databases: databases.iter().map(|text| parsed(text)).collect(),
    }))
}

/// A device is to be forgotten.
pub(crate) fn forget(device: &str) -> Message {
    Message::DeviceCall(DeviceCall::Forget(parsed(device)))
}

/// An entity changed from one document to another.
pub(crate) fn updated(entity: &str, before: Option<&str>, after: Option<&str>) -> Message {
    let kind = match (before, after) {
        (None, _) => UpdateKind::Created,
        (Some(_), Some(_)) => UpdateKind::Updated,
        (Some(_), None) => UpdateKind::Deleted,
    };
    Message::EntityUpdate(EntityUpdate {
        entity: id(entity),
        kind,
        revision: Revision(3),
        before: before.map(document),
        after: after.map(document),
        request: origin(1).name,
        part: Part::ONLY,
        user: None,
        device: Some(parsed("phone")),
        time: at(999),
    })
}

pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good id")
}
