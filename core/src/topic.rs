//! The closed table of topics: nothing else in the system spells one.

mod partition;

pub use partition::{Layout, murmur2};

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    headers::{JSON_TYPE, MESSAGE_TYPE},
    id::PartitionId,
    limits::{RETENTION_MEDIUM, RETENTION_SHORT},
    service::ServiceName,
};

/// A topic of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// Requests of many parts, as drivers send them.
    EntityBatches,
    /// Requests for one entity each.
    EntityPatches,
    /// What changed, entity by entity.
    EntityUpdates,
    /// Answers to parts of requests.
    PartialResponses,
    /// Answers to whole requests of many parts.
    CompleteResponses,
    /// Requests for one database's schema each.
    SchemaPatches,
    /// The schema of each database as it stands.
    SchemaUpdates,
    /// Updates to learn schemas from.
    SchemaLearning,
    /// What changed, zone by zone, and the subscriptions to it.
    ZoneChanges,
    /// What each device is to be told.
    ChangesByDevice,
    /// What each device has been told.
    DeviceNotifications,
    /// Devices that connect.
    Connections,
    /// The devices of each user as they stand.
    DeviceUpdates,
    /// Who owns which partition of which service.
    Owners,
    /// Records that a service set aside.
    DeadLetters,
    /// What a service's store can be rebuilt from.
    Changelog(ServiceName),
    // The order is part of the format of positions: new topics go to the end.
    /// What changed, entity by entity, as JSON for connectors.
    EntityChanges,
}

/// What a topic is partitioned by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The database's id.
    Database,
    /// The collection's id.
    Collection,
    /// The zone's id.
    Zone,
    /// The entity's id.
    Entity,
    /// The client's prefix.
    Client,
    /// The device's id.
    Device,
    /// The user's id.
    User,
    /// The service and its partition.
    Task,
    /// The partition of the record that it is about.
    SourcePartition,
    /// As the input of its service.
    Input,
}

/// How long a topic's records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// 7 days.
    Short,
    /// 30 days.
    Medium,
    /// Without end.
    Long,
    /// The last record of each key, without end.
    Compacted,
}

impl Retention {
    /// How long a record is kept, where time is what decides.
    #[must_use]
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::Short => Some(RETENTION_SHORT),
            Self::Medium => Some(RETENTION_MEDIUM),
            Self::Long | Self::Compacted => None,
        }
    }
}

impl Topic {
    /// Every topic but the changelogs, in the order of their codes.
    pub const ALL: [Self; 16] = [
        Self::EntityBatches,
        Self::EntityPatches,
        Self::EntityUpdates,
        Self::PartialResponses,
        Self::CompleteResponses,
        Self::SchemaPatches,
        Self::SchemaUpdates,
        Self::SchemaLearning,
        Self::ZoneChanges,
        Self::ChangesByDevice,
        Self::DeviceNotifications,
        Self::Connections,
        Self::DeviceUpdates,
        Self::Owners,
        Self::DeadLetters,
        Self::EntityChanges,
    ];

    /// The topic's name, without the installation's prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is partitioned by.
    #[must_use]
    pub fn key(self) -> KeyKind {
        self.row().1
    }

    /// How long its records are kept.
    #[must_use]
    pub fn retention(self) -> Retention {
        self.row().2
    }

    /// What its payloads are, for those who look at the log from outside.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        if self == Self::EntityChanges { JSON_TYPE } else { MESSAGE_TYPE }
    }

    /// A number for the topic that never changes, for keys of stores.
    #[must_use]
    pub fn code(self) -> u8 {
        self.row().3
    }

    /// The topic of a code, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::all().find(|topic| topic.code() == code)
    }

    /// Every topic, the changelogs of all services included.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(ServiceName::ALL.into_iter().map(Self::Changelog))
    }

    /// The table: name, key, retention, code.
    #[rustfmt::skip]
    fn row(self) -> (&'static str, KeyKind, Retention, u8) {
        use Retention::{Compacted, Long, Medium, Short};
        match self {
            Self::EntityBatches       => ("entity-batches",       KeyKind::Database,        Long,      0),
            Self::EntityPatches       => ("entity-patches",       KeyKind::Entity,          Long,      1),
            Self::EntityUpdates       => ("entity-updates",       KeyKind::Entity,          Long,      2),
            Self::PartialResponses    => ("partial-responses",    KeyKind::Client,          Short,     3),
            Self::CompleteResponses   => ("complete-responses",   KeyKind::Client,          Short,     4),
            Self::SchemaPatches       => ("schema-patches",       KeyKind::Database,        Long,      5),
            Self::SchemaUpdates       => ("schema-updates",       KeyKind::Database,        Compacted, 6),
            Self::SchemaLearning      => ("schema-learning",      KeyKind::Collection,      Short,     7),
            Self::ZoneChanges         => ("zone-changes",         KeyKind::Zone,            Medium,    8),
            Self::ChangesByDevice     => ("changes-by-device",    KeyKind::Device,          Short,     9),
            Self::DeviceNotifications => ("device-notifications", KeyKind::Device,          Short,     10),
            Self::Connections         => ("connections",          KeyKind::User,            Medium,    11),
            Self::DeviceUpdates       => ("device-updates",       KeyKind::User,            Compacted, 12),
            Self::Owners              => ("owners",               KeyKind::Task,            Compacted, 13),
            Self::DeadLetters         => ("dead-letters",         KeyKind::SourcePartition, Long,      14),
            Self::EntityChanges       => ("entity-changes",       KeyKind::Entity,          Medium,    15),
            Self::Changelog(service)  => (service.changelog(), KeyKind::Input, Compacted, 128 + service.code()),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::all().find(|topic| topic.name() == text).ok_or_else(|| UnknownTopic(text.into()))
    }
}

/// A text that is no topic's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic {0:?}")]
pub struct UnknownTopic(Box<str>);

/// A record's place in its partition, from 0. Offsets rise, and may have gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's place in the log. Prints as `topic:partition:offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: PartitionId,
    /// The offset.
    pub offset: Offset,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(PositionError);
        let topic = part()?.parse().map_err(|_| PositionError)?;
        let partition = PartitionId(part()?.parse().map_err(|_| PositionError)?);
        let offset = Offset(part()?.parse().map_err(|_| PositionError)?);
        if parts.next().is_some() {
            return Err(PositionError);
        }
        Ok(Self { topic, partition, offset })
    }
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is written topic:partition:offset, as in entity-patches:3:1042")]
pub struct PositionError;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_codes_are_unique_and_lead_back_to_their_topic() {
        let names: BTreeSet<_> = Topic::all().map(Topic::name).collect();
        let codes: BTreeSet<_> = Topic::all().map(Topic::code).collect();
        assert_eq!(names.len(), Topic::all().count());
        assert_eq!(codes.len(), Topic::all().count());
        for topic in Topic::all() {
            assert_eq!(topic.name().parse(), Ok(topic));
            assert_eq!(Topic::from_code(topic.code()), Some(topic));
        }
    }

    #[test]
    fn a_position_reads_back_as_printed() {
        let text = "entity-patches:3:1042";
        assert_eq!(text.parse::<Position>().map(|p| p.to_string()), Ok(text.into()));
        for bad in ["", "entity-patches", "entity-patches:1", "nothing:1:2", "owners:1:2:3"] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }
}
