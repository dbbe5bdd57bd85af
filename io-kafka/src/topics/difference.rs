//! A topic as the broker has it, and what of it is not as it should be.

use std::{collections::BTreeMap, fmt};

use tidelog_core::Topic;

use super::wanted;
use crate::Settings;

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

impl Described {
    /// What is not as it should be.
    pub(super) fn differences(&self, settings: &Settings) -> Vec<Difference> {
        let mut differences = Vec::new();
        let name = &self.name;
        let (wanted, found) = (settings.layout.partitions() as usize, self.partitions);
        if wanted != found {
            differences.push(Difference::Partitions { name: name.clone(), wanted, found });
        }
        if self.offline > 0 {
            differences.push(Difference::Offline { name: name.clone(), partitions: self.offline });
        }
        let (wanted, found) = (usize::from(settings.replication), self.replication);
        if found < wanted {
            differences.push(Difference::Replication { name: name.clone(), wanted, found });
        }
        for (setting, wanted) in wanted::settings(self.topic, settings) {
            let found = self.settings.get(setting).cloned();
            if found.is_none() && wanted::is_unknown_to_some(setting) {
                continue;
            }
            if !found.as_deref().is_some_and(|found| wanted::is_same(&wanted, found)) {
                let (name, setting) = (name.clone(), setting.into());
                differences.push(Difference::Setting { name, setting, wanted, found });
            }
        }
        differences
    }
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

#[cfg(test)]
mod tests {
    use tidelog_core::{Layout, ServiceName};

    use super::*;

    #[test]
    fn what_differs_is_told_setting_by_setting() {
        let settings = settings();
        let mut topic = as_wanted(&settings);
        assert_eq!(topic.differences(&settings), []);
        topic.settings.insert("cleanup.policy".into(), "delete".into());
        topic.settings.remove("segment.ms");
        topic.replication = 1;
        topic.offline = 1;
        let lines: Vec<_> = topic.differences(&settings).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "test-t has 1 partition(s) without a leader: start the brokers that have them",
                "test-t has 1 copies instead of 3: reassign its partitions",
                "test-t has cleanup.policy=delete instead of compact: alter it",
                "test-t has no segment.ms, which should be 3600000: alter it",
            ]
        );
    }

    #[test]
    fn a_broker_that_always_writes_to_most_copies_has_no_setting_for_it() {
        let settings = settings();
        let mut topic = as_wanted(&settings);
        topic.settings.remove("min.insync.replicas");
        assert_eq!(topic.differences(&settings), []);
        topic.settings.insert("min.insync.replicas".into(), "1".into());
        assert_eq!(topic.differences(&settings).len(), 1);
    }

    fn settings() -> Settings {
        let layout = Layout::new(2).expect("two partitions");
        Settings { replication: 3, ..Settings::new("localhost:1", "test-", layout) }
    }

    fn as_wanted(settings: &Settings) -> Described {
        let topic = Topic::Changelog(ServiceName::EntityStorage);
        let wanted = wanted::settings(topic, settings).into_iter();
        let settings = wanted.map(|(setting, value)| (setting.to_owned(), value)).collect();
        let name = "test-t".into();
        Described { topic, name, partitions: 2, replication: 3, offline: 0, settings }
    }
}
