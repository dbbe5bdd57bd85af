//! A topic as the broker has it, and what of it is not as it should be.

use std::{collections::BTreeMap, fmt};

use tidelog_core::Topic;

/// A topic as the broker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The topic.
    pub topic: Topic,
    /// Its name on the broker.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many copies of each there are.
    pub replication: usize,
    /// How many of its partitions have no leader at this time, and so can neither be read nor written.
    pub offline: usize,
    /// Its settings, as far as Tidelog asks for any.
    pub settings: BTreeMap<String, String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The topic is not there.
    Missing {
        /// Its name on the broker.
        name: String,
    },
    /// It has another number of partitions, which can never be mended: keys would change partitions.
    Partitions {
        /// Its name on the broker.
        name: String,
        /// How many it should have.
        wanted: usize,
        /// How many it has.
        found: usize,
    },
    /// Some of its partitions have no leader at this time.
    Offline {
        /// Its name on the broker.
        name: String,
        /// How many they are.
        partitions: usize,
    },
    /// It has fewer copies.
    Replication {
        /// Its name on the broker.
        name: String,
        /// How many it should have.
        wanted: usize,
        /// How many it has.
        found: usize,
    },
    /// One of its settings is another one.
    Setting {
        /// The topic's name on the broker.
        name: String,
        /// The setting.
        setting: String,
        /// What it should be.
        wanted: String,
        /// What it is.
        found: Option<String>,
    },
}

impl Difference {
    /// The name of the topic on the broker.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name }
            | Self::Partitions { name, .. }
            | Self::Offline { name, .. }
            | Self::Replication { name, .. }
            | Self::Setting { name, .. } => name,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "{name} is not there: create it"),
            Self::Partitions { name, wanted, found } => write!(
                f,
                "{name} has {found} partition(s) instead of {wanted}: this can never be changed, so \
                 set the number of partitions to {found}, or use another prefix"
            ),
            Self::Offline { name, partitions } => write!(
                f,
                "{name} has {partitions} partition(s) without a leader: start the brokers that have them"
            ),
            Self::Replication { name, wanted, found } => {
                write!(f, "{name} has {found} copies instead of {wanted}: reassign its partitions")
            }
            Self::Setting { name, setting, wanted, found: Some(found) } => {
                write!(f, "{name} has {setting}={found} instead of {wanted}: alter it")
            }
            Self::Setting { name, setting, wanted, found: None } => {
                write!(f, "{name} has no {setting}, which should be {wanted}: alter it")
            }
        }
    }
}
