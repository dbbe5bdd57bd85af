//! What topics look like, and what a node asks on its way: whether the brokers are there, and its topics
//! with them.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::metadata::Metadata;
use tidelog_core::{Offset, PartitionId, Topic};

use super::{Difference, Topics, TopicsError};
use crate::bounds;

/// What a topic looks like.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) partitions: usize,
    pub(super) replication: usize,
    /// How many of its partitions have no leader.
    pub(super) offline: usize,
}

impl Topics {
    /// Asks the brokers for anything.
    ///
    /// # Errors
    ///
    /// If none of them answers in time.
    pub fn reach(&self) -> Result<(), TopicsError> {
        let name = self.settings.topic(Topic::Owners);
        let client = self.admin.inner();
        let answer = client.fetch_metadata(Some(&name), self.settings.request_timeout);
        answer.map(drop).map_err(|error| self.failed("reached", &error))
    }

    /// The offset after the last one of a partition, committed or not.
    ///
    /// # Errors
    ///
    /// If the brokers do not say.
    pub fn end(&self, topic: Topic, partition: PartitionId) -> Result<Offset, TopicsError> {
        let name = self.settings.topic(topic);
        let timeout = self.settings.request_timeout;
        let bounds = bounds::bounds(self.admin.inner(), &name, partition, timeout);
        let (_, end) = bounds.map_err(|error| self.failed("asked for their ends", &error))?;
        Ok(end)
    }

    /// What of the topics keeps a node from working: one is not there, or has another number of
    /// partitions. Anybody may ask that who may write to them.
    ///
    /// # Errors
    ///
    /// If the brokers do not say, or a partition has no leader at this time.
    pub fn check_shapes(
        &self,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Result<Vec<Difference>, TopicsError> {
        let topics: BTreeSet<_> = topics.into_iter().collect();
        let shapes = self.shapes()?;
        let wanted = self.settings.layout.partitions() as usize;
        let mut differences = Vec::new();
        for name in topics.into_iter().map(|topic| self.settings.topic(topic)) {
            match shapes.get(&name) {
                None => differences.push(Difference::Missing { name }),
                Some(Shape { offline: 1.., .. }) => {
                    let reason = format!("{name} has partitions without a leader");
                    return Err(TopicsError::new(&self.settings, "used", reason));
                }
                Some(Shape { partitions: found, .. }) if *found != wanted => {
                    differences.push(Difference::Partitions { name, wanted, found: *found });
                }
                Some(_) => {}
            }
        }
        Ok(differences)
    }

    /// How many brokers the cluster has.
    ///
    /// # Errors
    ///
    /// If no broker says.
    pub fn brokers(&self) -> Result<usize, TopicsError> {
        Ok(self.metadata()?.brokers().len())
    }

    /// What the topics that are there look like.
    pub(super) fn shapes(&self) -> Result<BTreeMap<String, Shape>, TopicsError> {
        let metadata = self.metadata()?;
        let there = metadata.topics().iter().filter(|it| !it.partitions().is_empty());
        let shape = there.map(|topic| {
            let partitions = topic.partitions();
            let replicas = partitions.iter().map(|partition| partition.replicas().len());
            let shape = Shape {
                partitions: partitions.len(),
                replication: replicas.min().unwrap_or(0),
                offline: partitions.iter().filter(|partition| partition.leader() < 0).count(),
            };
            (topic.name().to_owned(), shape)
        });
        Ok(shape.collect())
    }

    fn metadata(&self) -> Result<Metadata, TopicsError> {
        let client = self.admin.inner();
        let metadata = client.fetch_metadata(None, self.settings.request_timeout);
        metadata.map_err(|error| self.failed("listed", &error))
    }
}
