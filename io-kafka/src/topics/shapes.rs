//! What a node asks on its way: whether the brokers are there, and its topics with them.

use std::collections::BTreeSet;

use rdkafka::error::KafkaError;
use tidelog_core::Topic;

use super::{Difference, Topics, TopicsError};
use crate::error::is_refusal;

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
        answer.map(drop).map_err(|error| self.unanswered("reached", &error))
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
        let client = self.admin.inner();
        let metadata = client.fetch_metadata(None, self.settings.request_timeout);
        let metadata = metadata.map_err(|error| self.unanswered("listed", &error))?;
        let wanted = self.settings.layout.partitions() as usize;
        let mut differences = Vec::new();
        for name in topics.into_iter().map(|topic| self.settings.topic(topic)) {
            let found = metadata.topics().iter().find(|topic| topic.name() == name);
            let Some(found) = found.filter(|topic| !topic.partitions().is_empty()) else {
                differences.push(Difference::Missing { name });
                continue;
            };
            let found = found.partitions();
            if let Some(led_by_none) = found.iter().find(|partition| partition.leader() < 0) {
                let reason = format!("{name}/{} has no leader", led_by_none.id());
                return Err(self.failed("used", reason));
            }
            let found = found.len();
            if found != wanted {
                differences.push(Difference::Partitions { name, wanted, found });
            }
        }
        Ok(differences)
    }

    fn unanswered(&self, what: &'static str, error: &KafkaError) -> TopicsError {
        let is_refused = error.rdkafka_error_code().is_some_and(is_refusal);
        TopicsError { is_refused, ..self.failed(what, error) }
    }
}

impl TopicsError {
    /// Whether the brokers will not have us, however often they are asked.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }
}
