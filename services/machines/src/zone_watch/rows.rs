//! What zone-watch knows.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    CollectionId, DeviceId, EntityId, Offset, PartitionId, Revision, TableId, Timestamp, ZoneId,
    message::{UpdateKind, UpdateSource},
    query::Scope,
    state::{Table, TableKey},
    subscription::Terms,
};

/// How far a zone's feed is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// What tells it from the feed of the same zone in another log.
    pub(super) id: u64,
    /// The number of the oldest change that is kept.
    pub(super) oldest: u64,
    /// The number of the last change.
    pub(super) last: u64,
    /// The change that is being told; none, if all have been.
    pub(super) telling: Option<Telling>,
}

/// How far the telling of a zone's changes has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Telling {
    /// The number of the change.
    pub(super) sequence: u64,
    /// The device up to which all were told.
    pub(super) after: Option<DeviceId>,
}

/// A change of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(super) entity: EntityId,
    pub(super) kind: UpdateKind,
    pub(super) revision: Revision,
    /// From which device it was made, where that is known.
    pub(super) device: Option<DeviceId>,
    pub(super) time: Timestamp,
    /// Where it stands in `zone-changes`.
    pub(super) offset: Offset,
}

/// A change by its zone and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ChangeKey {
    pub(super) zone: ZoneId,
    pub(super) sequence: u64,
}

impl TableKey for ChangeKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = text(self.zone.as_str());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (zone, sequence) = bytes.split_last_chunk()?;
        let zone = ZoneId::from_bytes(zone.strip_suffix(&[0])?)?;
        Some(Self { zone, sequence: u64::from_be_bytes(*sequence) })
    }
}

/// A subscription by what it is about, its device, its id, and the offset from which it holds. One whose
/// terms change ends, and begins anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct SubscriptionKey {
    pub(super) subject: Scope,
    pub(super) device: DeviceId,
    pub(super) name: Box<str>,
    pub(super) from: Offset,
}

impl SubscriptionKey {
    /// What the keys about a subject begin with.
    pub(super) fn of_subject(subject: &Scope) -> Vec<u8> {
        text(subject.as_str())
    }

    /// What the keys of a subscription begin with.
    pub(super) fn of_subscription(subject: &Scope, subscription: &EntityId) -> Vec<u8> {
        let zone = subscription.zone();
        [text(subject.as_str()), text(zone.name()), text(subscription.name())].concat()
    }

    /// The first key that can come after all those of a device.
    pub(super) fn after_device(subject: &Scope, device: &DeviceId) -> Vec<u8> {
        let mut bytes = text(subject.as_str());
        bytes.extend_from_slice(device.as_str().as_bytes());
        bytes.push(1);
        bytes
    }
}

impl TableKey for SubscriptionKey {
    fn to_bytes(&self) -> Vec<u8> {
        let parts = [self.subject.as_str(), self.device.as_str(), &self.name];
        let mut bytes = parts.map(text).concat();
        bytes.extend_from_slice(&self.from.0.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (texts, from) = bytes.split_last_chunk()?;
        let texts = std::str::from_utf8(texts.strip_suffix(&[0])?).ok()?;
        let mut texts = texts.split('\0');
        let (subject, device, name) = (texts.next()?, texts.next()?, texts.next()?);
        let subject = match subject.parse::<CollectionId>() {
            Ok(collection) => Scope::Collection(collection),
            Err(_) => Scope::Zone(subject.parse().ok()?),
        };
        let from = Offset(u64::from_be_bytes(*from));
        Some(Self { subject, device: device.parse().ok()?, name: name.into(), from })
    }
}

/// What a subscription is about, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscribed {
    pub(super) terms: Terms,
    /// The offset from which it no longer holds.
    pub(super) to: Option<Offset>,
}

/// A subscription that has ended, by the offset where it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EndedKey {
    pub(super) to: Offset,
    pub(super) subscription: SubscriptionKey,
}

impl TableKey for EndedKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.to.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.subscription.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (to, subscription) = bytes.split_first_chunk()?;
        let to = Offset(u64::from_be_bytes(*to));
        Some(Self { to, subscription: SubscriptionKey::from_bytes(subscription)? })
    }
}

/// A zone whose changes have not been told to all, by the offset of the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FanOutKey {
    pub(super) offset: Offset,
    pub(super) zone: ZoneId,
}

impl TableKey for FanOutKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.offset.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.zone.as_str().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (offset, zone) = bytes.split_first_chunk()?;
        Some(Self { offset: Offset(u64::from_be_bytes(*offset)), zone: ZoneId::from_bytes(zone)? })
    }
}

/// A text in a key, with the byte that ends it: none of our ids has it.
fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

pub(crate) const FEEDS: Table<ZoneId, Feed> = Table::new(TableId::Feeds);
pub(crate) const CHANGES: Table<ChangeKey, Change> = Table::new(TableId::ZoneChanges);
pub(crate) const SUBSCRIPTIONS: Table<SubscriptionKey, Subscribed> =
    Table::new(TableId::Subscriptions);
/// With the task time at which it ended.
pub(crate) const ENDED: Table<EndedKey, Timestamp> = Table::new(TableId::EndedSubscriptions);
/// With the task time since which the zone is behind.
pub(crate) const FAN_OUTS: Table<FanOutKey, Timestamp> = Table::new(TableId::FanOuts);
/// The last message of each partition of `entity-updates`.
pub(crate) const SOURCES: Table<PartitionId, UpdateSource> = Table::new(TableId::ChangeSources);
