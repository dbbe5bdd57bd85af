//! The topics on the broker: creating what the table in `core` says, and saying what differs.

mod difference;
mod error;
mod shapes;
mod tombstones;
mod wanted;

pub use difference::{Described, Difference};
pub use error::TopicsError;
use shapes::Shape;
pub(crate) use tombstones::Kept;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, thread,
    time::Instant,
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
};
use tidelog_core::Topic;

use crate::{Settings, context::Logging};

/// The topics of an installation.
///
/// Its calls block, for twice [`Settings::request_timeout`] at most: they are for commands and for
/// starting up.
pub struct Topics {
    settings: Settings,
    admin: AdminClient<Logging>,
}

impl Topics {
    /// Connects to the brokers of the settings.
    ///
    /// # Errors
    ///
    /// If the settings make no client.
    pub fn connect(settings: &Settings) -> Result<Self, TopicsError> {
        let admin = settings.client().create_with_context(Logging);
        let admin = admin.map_err(|error| TopicsError::of(settings, "reached", &error))?;
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
        let outcomes = outcomes.map_err(|error| self.failed("created", &error))?;
        let mut created = Vec::new();
        for (topic, outcome) in topics.iter().zip(outcomes) {
            match outcome {
                Ok(_) => created.push(*topic),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(TopicsError::said(&self.settings, "created", &name, code));
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
                let Shape { partitions, replication, offline } = *shapes.get(&name)?;
                let settings = BTreeMap::new();
                Some(Described { topic, name, partitions, replication, offline, settings })
            })
            .collect();
        let resources: Vec<_> =
            found.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
        if resources.is_empty() {
            return Ok(found);
        }
        let configs = pollster::block_on(self.admin.describe_configs(&resources, &self.options()));
        let configs = configs.map_err(|error| self.failed("described", &error))?;
        let described = found.clone().into_iter().zip(configs).map(|(mut described, config)| {
            let config = config.map_err(|code| {
                TopicsError::said(&self.settings, "described", &described.name, code)
            })?;
            if config.entries.is_empty() {
                return Err(TopicsError::withheld(&self.settings, &described.name));
            }
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
                Some(described) => differences.extend(described.differences(&self.settings)),
                None => differences.push(Difference::Missing { name: self.settings.topic(topic) }),
            }
        }
        Ok(differences)
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
                .find(|name| shapes.get(name).is_none_or(|shape| shape.offline > 0));
            let Some(missing) = missing else { return Ok(()) };
            if Instant::now() >= deadline {
                let reason = format!("{missing} has not got its {partitions} partition(s) in time");
                return Err(TopicsError::new(&self.settings, "created", reason));
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn options(&self) -> AdminOptions {
        let timeout = Some(self.settings.request_timeout);
        AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
    }

    fn failed(&self, what: &'static str, error: &KafkaError) -> TopicsError {
        TopicsError::of(&self.settings, what, error)
    }
}

/// The topics that a service needs: its inputs and outputs, its changelog, and where it sets records
/// aside.
pub fn of_service(spec: &tidelog_core::Spec) -> impl Iterator<Item = Topic> {
    let own = [Topic::Changelog(spec.name), Topic::DeadLetters];
    spec.inputs.iter().chain(spec.outputs).copied().chain(own)
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topics({}*, on {})", self.settings.prefix, self.settings.brokers)
    }
}
