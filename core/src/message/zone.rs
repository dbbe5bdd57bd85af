//! What changed, zone by zone, and who wants to know.

use serde::{Deserialize, Serialize};

use super::entity::UpdateKind;
use crate::{
    id::{DeviceId, EntityId, PartitionId, Revision, ZoneId},
    query::Scope,
    subscription::Terms,
    time::Timestamp,
    topic::Offset,
};

/// A message to the one who watches a zone.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneMessage {
    /// An entity of the zone changed.
    Change(ZoneChange),
    /// A subscription to the zone, or to its collection, changed.
    Subscription(SubscriptionChange),
}

impl ZoneMessage {
    /// The text that it is partitioned by. What is about a collection goes to every partition.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Change(change) => change.entity.zone_str(),
            Self::Subscription(change) => change.subject.as_str(),
        }
    }

    /// What it comes from.
    #[must_use]
    pub fn source(&self) -> UpdateSource {
        match self {
            Self::Change(change) => change.source,
            Self::Subscription(change) => change.source,
        }
    }
}

/// What became of an entity, in few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneChange {
    /// The entity.
    pub entity: EntityId,
    /// What became of it.
    pub kind: UpdateKind,
    /// Its revision after the change.
    pub revision: Revision,
    /// From which device it was changed, where that is known.
    pub device: Option<DeviceId>,
    /// What it comes from.
    pub source: UpdateSource,
    /// The task time of the change.
    pub time: Timestamp,
}

/// A subscription began, changed, or ended, as far as one zone or collection is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionChange {
    /// The subscription: `shop/$zoneSubscription/phone/1`.
    pub subscription: EntityId,
    /// The zone, or the collection, that it is about.
    pub subject: Scope,
    /// What holds from here on; nothing, where it ends.
    pub terms: Option<Terms>,
    /// What it comes from.
    pub source: UpdateSource,
    /// The task time of the change.
    pub time: Timestamp,
}

/// What a message comes from, by which a second one is known: those of one partition come in the order
/// of offset and number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct UpdateSource {
    /// The partition of `entity-updates`.
    pub partition: PartitionId,
    /// The offset of the update.
    pub offset: Offset,
    /// Which of the update's messages it is.
    pub number: u32,
}

/// All entities of a zone are to be deleted. To every partition of entity-storage, from device, about the
/// subscriptions of a device that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetZone {
    /// The zone: `shop/$zoneSubscription/phone`.
    pub zone: ZoneId,
    /// The task of device that says so.
    pub partition: PartitionId,
    /// Counts what that task has forgotten, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
}
