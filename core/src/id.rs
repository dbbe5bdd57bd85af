//! Identifiers: a newtype for each, whose `Display` and `FromStr` round-trip.

mod place;
mod request;
mod segment;
mod user_device;

pub use place::{CollectionId, DEFAULT_ZONE, DatabaseId, EntityId, ZoneId};
pub use request::{ClientId, RequestId, RequestName};
pub use segment::{DeviceId, IdError, UserId};
pub use user_device::UserDevice;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A partition's number, from 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PartitionId(pub u32);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts an entity's changes from 1. Never goes back, and survives deletion.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of an entity that never was.
    pub const NONE: Self = Self(0);

    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
