//! The names of topics, partitions and groups in the protocol.

use std::collections::BTreeMap;

use tidelog_core::{PartitionId, ServiceName, Topic};

use super::Place;
use crate::wire::{TopicName, TopicPartition};

/// The topics of an installation by name, and the other way round.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: Box<str>,
    names: BTreeMap<Topic, TopicName>,
    topics: BTreeMap<TopicName, Topic>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        let name = |topic| TopicName::from(&*format!("{prefix}{topic}"));
        let names: BTreeMap<_, _> = Topic::all().map(|topic| (topic, name(topic))).collect();
        let topics = names.iter().map(|(topic, name)| (name.clone(), *topic)).collect();
        Self { prefix: prefix.into(), names, topics }
    }

    pub(crate) fn name(&self, topic: Topic) -> TopicName {
        self.names.get(&topic).expect("every topic has a name").clone()
    }

    pub(crate) fn partition(&self, (topic, partition): Place) -> TopicPartition {
        TopicPartition::new(&self.name(topic), partition.0)
    }

    /// The topic of a name, if it is one of ours.
    pub(crate) fn topic(&self, name: &TopicName) -> Option<Topic> {
        self.topics.get(name).copied()
    }

    pub(crate) fn place(&self, at: &TopicPartition) -> Option<Place> {
        Some((self.topic(&at.topic)?, PartitionId(at.partition)))
    }

    /// A service's consumer group.
    pub(crate) fn group(&self, service: ServiceName) -> String {
        format!("{}{service}", self.prefix)
    }
}
