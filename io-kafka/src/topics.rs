//! The topics on the broker: creating what the table in `core` says, and saying what differs.

mod shapes;
mod wanted;

pub(crate) use wanted::TOMBSTONES_KEPT_FOR;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, thread,
    time::Instant,
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    error::RDKafkaErrorCode,
};
use tidelog_core::{Topic, port::SessionError};

use crate::{Settings, context::Logging};

/// The topics of an installation.
///
/// Its calls block, for twice [`Settings::request_timeout`] at most: they are for commands and for
/// starting up.
pub struct Topics {
    settings: Settings,
    admin: AdminClient<Logging>,
}

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

/// Why topics could not be created or looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the topics of {brokers} cannot be {what}: {reason}")]
pub struct TopicsError {
    brokers: String,
    what: &'static str,
    reason: Box<str>,
    is_refused: bool,
}

impl Topics {
    /// Connects to the brokers of the settings.
    ///
    /// # Errors
    ///
    /// If the settings make no client.
    pub fn connect(settings: &Settings) -> Result<Self, TopicsError> {
        let admin = settings.client().create_with_context(Logging);
        let admin = admin.map_err(|error| failed(settings, "reached", error))?;
        Ok(Self { settings: settings.clone(), admin })
    }

    /// Creates those of the topics that are not there, and says which they were.
    ///
    /// # Errors
    ///
    /// If one of them could not be created. Others may have been.
    pub fn create(
        &self,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Result<Vec<Topic>, TopicsError> {
        // Each once: rust-rdkafka reads through a null pointer if a topic is named twice.
        let topics: BTreeSet<_> = topics.into_iter().collect();
        let names: Vec<_> = topics.iter().map(|topic| self.settings.topic(*topic)).collect();
        let wanted: Vec<_> =
            topics.iter().map(|topic| wanted::settings(*topic, &self.settings)).collect();
        let new: Vec<_> = names
            .iter()
            .zip(&wanted)
            .map(|(name, wanted)| {
                let partitions = self.settings.layout.partitions().cast_signed();
                let replication = TopicReplication::Fixed(i32::from(self.settings.replication));
                let topic = NewTopic::new(name, partitions, replication);
                wanted.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
            })
            .collect();
        let outcomes = pollster::block_on(self.admin.create_topics(&new, &self.options()));
        let outcomes = outcomes.map_err(|error| self.failed("created", error))?;
        let mut created = Vec::new();
        for (topic, outcome) in topics.iter().zip(outcomes) {
            match outcome {
                Ok(_) => created.push(*topic),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(self.failed("created", format!("{name}: {code}")));
                }
            }
        }
        self.wait_for(&topics)?;
        Ok(created)
    }

    /// What the broker has of the topics, without those that are not there.
    ///
    /// # Errors
    ///
    /// If the broker does not say.
    pub fn describe(
        &self,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Result<Vec<Described>, TopicsError> {
        let shapes = self.shapes()?;
        let found: Vec<_> = topics
            .into_iter()
            .filter_map(|topic| {
                let name = self.settings.topic(topic);
                let (partitions, replication) = *shapes.get(&name)?;
                let settings = BTreeMap::new();
                Some(Described { topic, name, partitions, replication, settings })
            })
            .collect();
        let resources: Vec<_> =
            found.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
        if resources.is_empty() {
            return Ok(found);
        }
        let configs = pollster::block_on(self.admin.describe_configs(&resources, &self.options()));
        let configs = configs.map_err(|error| self.failed("described", error))?;
        let described = found.clone().into_iter().zip(configs).map(|(mut described, config)| {
            let config = config.map_err(|code| self.failed("described", code))?;
            for (key, _) in wanted::settings(described.topic, &self.settings) {
                if let Some(value) = config.get(key).and_then(|entry| entry.value.clone()) {
                    described.settings.insert(key.into(), value);
                }
            }
            Ok(described)
        });
        described.collect()
    }

    /// What of the topics is not as it should be. Nothing if all is well.
    ///
    /// # Errors
    ///
    /// If the broker does not say.
    pub fn check(
        &self,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Result<Vec<Difference>, TopicsError> {
        let topics: BTreeSet<_> = topics.into_iter().collect();
        let described = self.describe(topics.iter().copied())?;
        let mut differences = Vec::new();
        for topic in topics {
            match described.iter().find(|described| described.topic == topic) {
                Some(described) => differences.extend(self.compare(described)),
                None => differences.push(Difference::Missing { name: self.settings.topic(topic) }),
            }
        }
        Ok(differences)
    }

    fn compare(&self, described: &Described) -> Vec<Difference> {
        let mut differences = Vec::new();
        let name = &described.name;
        let (wanted, found) = (self.settings.layout.partitions() as usize, described.partitions);
        if wanted != found {
            differences.push(Difference::Partitions { name: name.clone(), wanted, found });
        }
        let (wanted, found) = (usize::from(self.settings.replication), described.replication);
        if found < wanted {
            differences.push(Difference::Replication { name: name.clone(), wanted, found });
        }
        for (setting, wanted) in wanted::settings(described.topic, &self.settings) {
            let found = described.settings.get(setting).cloned();
            if !found.as_deref().is_some_and(|found| wanted::is_same(&wanted, found)) {
                let (name, setting) = (name.clone(), setting.into());
                differences.push(Difference::Setting { name, setting, wanted, found });
            }
        }
        differences
    }

    /// Waits until every broker's view of the cluster may be taken for having the topics.
    fn wait_for(&self, topics: &BTreeSet<Topic>) -> Result<(), TopicsError> {
        let deadline = Instant::now() + self.settings.request_timeout;
        let partitions = self.settings.layout.partitions() as usize;
        loop {
            let shapes = self.shapes()?;
            let missing = topics
                .iter()
                .map(|topic| self.settings.topic(*topic))
                .find(|name| !shapes.contains_key(name));
            let Some(missing) = missing else { return Ok(()) };
            if Instant::now() >= deadline {
                let reason = format!("{missing} has not got its {partitions} partition(s) in time");
                return Err(self.failed("created", reason));
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The partitions and copies of the topics that are there, and whose partitions have leaders.
    fn shapes(&self) -> Result<BTreeMap<String, (usize, usize)>, TopicsError> {
        let client: &rdkafka::client::Client<Logging> = self.admin.inner();
        let metadata = client.fetch_metadata(None, self.settings.request_timeout);
        let metadata = metadata.map_err(|error| self.failed("listed", error))?;
        let led = metadata.topics().iter().filter(|topic| {
            topic.error().is_none()
                && !topic.partitions().is_empty()
                && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        });
        let shape = led.map(|topic| {
            let replicas = topic.partitions().iter().map(|partition| partition.replicas().len());
            (topic.name().to_owned(), (topic.partitions().len(), replicas.min().unwrap_or(0)))
        });
        Ok(shape.collect())
    }

    fn options(&self) -> AdminOptions {
        let timeout = Some(self.settings.request_timeout);
        AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
    }

    fn failed(&self, what: &'static str, reason: impl ToString) -> TopicsError {
        failed(&self.settings, what, reason)
    }
}

/// The topics that a service needs: its inputs and outputs, its changelog, and where it sets records
/// aside.
pub fn of_service(spec: &tidelog_core::Spec) -> impl Iterator<Item = Topic> {
    let own = [Topic::Changelog(spec.name), Topic::DeadLetters];
    spec.inputs.iter().chain(spec.outputs).copied().chain(own)
}

fn failed(settings: &Settings, what: &'static str, reason: impl ToString) -> TopicsError {
    let (brokers, reason) = (settings.brokers.clone(), reason.to_string().into());
    TopicsError { brokers, what, reason, is_refused: false }
}

impl From<TopicsError> for SessionError {
    fn from(error: TopicsError) -> Self {
        Self::Lost(error.to_string().into())
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

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topics({}*, on {})", self.settings.prefix, self.settings.brokers)
    }
}
