//! What the keeper of devices knows.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    DatabaseId, Offset, PartitionId, TableId, Timestamp, UserDevice,
    state::{Table, TableKey},
};

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(super) app_version: Option<Box<str>>,
    /// The databases that it has named, ever since it was added.
    pub(super) databases: Vec<DatabaseId>,
    pub(super) added: Timestamp,
    /// The record that added it.
    pub(super) added_by: Offset,
    pub(super) used: Timestamp,
    /// When it is forgotten, if it does not connect before.
    pub(super) until: Timestamp,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keeper {
    /// The offset after the last record.
    pub(super) next: Offset,
    /// Counts what it has had forgotten.
    pub(super) forgotten: u64,
}

impl Keeper {
    /// The number of the next thing that is to be forgotten.
    pub(super) fn next_number(&mut self) -> u64 {
        self.forgotten += 1;
        self.forgotten
    }
}

/// A device by when it is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Lease {
    pub(super) until: Timestamp,
    pub(super) device: UserDevice,
}

impl TableKey for Lease {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.until.as_millis().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.device.as_str().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (until, device) = bytes.split_first_chunk()?;
        let until = Timestamp::from_millis(u64::from_be_bytes(*until));
        Some(Self { until, device: UserDevice::from_bytes(device)? })
    }
}

pub(crate) const DEVICES: Table<UserDevice, Device> = Table::new(TableId::Devices);
/// With the partition of the task, which a timeout does not tell.
pub(crate) const LEASES: Table<Lease, PartitionId> = Table::new(TableId::Leases);
pub(crate) const KEEPER: Table<(), Keeper> = Table::new(TableId::DeviceKeeper);
