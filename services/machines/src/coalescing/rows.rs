//! What coalescing knows.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    DeviceId, PartitionId, TableId, Timestamp, ZoneId,
    state::{Table, TableKey},
};

/// How far a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notified {
    /// How much it was told, ever.
    pub(super) last: u64,
    /// How much of that it has read.
    pub(super) acknowledged: u64,
    /// How many zones have something that it has not read.
    pub(super) unread_zones: u64,
    /// The last number that stands for something that was not kept.
    pub(super) overflowed_at: Option<u64>,
    /// The task of device that has last forgotten it, and which of its removals that was.
    pub(super) removed: Option<(PartitionId, u64)>,
}

/// What a device has not read of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unread {
    /// The device's number for the last change.
    pub(super) number: u64,
    /// The zone's number for the first change.
    pub(super) first: u64,
    /// The zone's number for the last one.
    pub(super) last: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
    /// When the last change was made.
    pub(super) time: Timestamp,
}

/// A zone that a device was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ZoneOfDevice {
    pub(super) device: DeviceId,
    pub(super) zone: ZoneId,
}

impl ZoneOfDevice {
    /// Where the keys of a device begin, and where they have ended.
    pub(super) fn bounds(device: &DeviceId) -> (Vec<u8>, Vec<u8>) {
        let text = device.as_str().as_bytes();
        ([text, b"\0"].concat(), [text, b"\x01"].concat())
    }
}

impl TableKey for ZoneOfDevice {
    fn to_bytes(&self) -> Vec<u8> {
        [self.device.as_str().as_bytes(), b"\0", self.zone.as_str().as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (device, zone) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
        Some(Self { device: device.parse().ok()?, zone: zone.parse().ok()? })
    }
}

pub(crate) const NOTIFIED: Table<DeviceId, Notified> = Table::new(TableId::Notified);
pub(crate) const UNREAD: Table<ZoneOfDevice, Unread> = Table::new(TableId::Unread);
/// The zone's number for the last change that the device was told of, read or not.
pub(crate) const TOLD: Table<ZoneOfDevice, u64> = Table::new(TableId::Told);
