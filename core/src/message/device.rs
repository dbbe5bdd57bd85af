//! Devices: who connects, what they are told, and how far they have read it.

use serde::{Deserialize, Serialize};

use super::entity::UpdateKind;
use crate::{
    id::{DatabaseId, DeviceId, PartitionId, UserDevice, ZoneId},
    time::Timestamp,
};

/// A message about what a device is told.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForDevice {
    /// A zone changed that the device subscribes to.
    News(News),
    /// The device has read what it was told.
    Acknowledgement(Acknowledgement),
    /// The device was forgotten.
    Removal(Removal),
}

impl ForDevice {
    /// The device.
    #[must_use]
    pub fn device(&self) -> &DeviceId {
        match self {
            Self::News(news) => &news.device,
            Self::Acknowledgement(acknowledgement) => &acknowledgement.device,
            Self::Removal(removal) => &removal.device,
        }
    }
}

/// A zone changed that a device subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The device.
    pub device: DeviceId,
    /// The zone.
    pub zone: ZoneId,
    /// The number of the change in the zone.
    pub sequence: u64,
    /// What became of the entity.
    pub kind: UpdateKind,
    /// The task time of the change.
    pub time: Timestamp,
}

/// A device has read what it was told, up to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The device.
    pub device: DeviceId,
    /// The number of the last notification that it has read.
    pub through: u64,
}

/// A device was forgotten: what it has not read is worth nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The device.
    pub device: DeviceId,
    /// The task of device that says so.
    pub partition: PartitionId,
    /// Counts what that task has forgotten, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
}

/// A device was told something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceNotification {
    /// The device.
    pub device: DeviceId,
    /// Counts what the device was told, from 1, without gaps.
    pub number: u64,
    /// The zone that changed.
    pub zone: ZoneId,
    /// The number of the change in the zone.
    pub sequence: u64,
    /// What became of the entity.
    pub kind: UpdateKind,
    /// How many zones have something that the device has not read.
    pub unread_zones: u64,
    /// Whether there are more such zones than are kept for a device.
    pub overflowed: bool,
    /// The task time of the change.
    pub time: Timestamp,
}

/// What a user's device asks of the devices' keeper.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceCall {
    /// It is there.
    Connect(Connect),
    /// It is to be forgotten.
    Forget(UserDevice),
}

impl DeviceCall {
    /// Whose, and which.
    #[must_use]
    pub fn device(&self) -> &UserDevice {
        match self {
            Self::Connect(connect) => &connect.device,
            Self::Forget(device) => device,
        }
    }
}

/// A device connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// Whose, and which.
    pub device: UserDevice,
    /// The version of the app on it.
    pub app_version: Option<Box<str>>,
    /// The databases that the app uses.
    pub databases: Vec<DatabaseId>,
}

/// A device came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceUpdate {
    /// Whose, and which.
    pub device: UserDevice,
    /// What became of it.
    pub kind: DeviceUpdateKind,
    /// The version of the app on it.
    pub app_version: Option<Box<str>>,
    /// The databases that it has used.
    pub databases: Vec<DatabaseId>,
    /// When it was first used since it was last forgotten.
    pub added: Timestamp,
    /// When that happened.
    pub time: Timestamp,
}

/// What became of a device.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceUpdateKind {
    /// It is new.
    Added,
    /// It was forgotten because somebody said so.
    Forgotten,
    /// It was forgotten because it was silent for too long.
    Expired,
}
