//! How long a broker keeps the tombstones of a topic.

use std::time::Duration;

use rdkafka::admin::ResourceSpecifier;
use tidelog_core::Topic;

use super::{Topics, TopicsError};

/// How long the tombstones of a compacted topic are kept. After that nothing tells that a row was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    For(Duration),
    Forever,
    /// The broker does not say. They may be gone as soon as they have been compacted.
    Unknown,
}

/// The setting that says it.
pub(super) const SETTING: &str = "delete.retention.ms";

impl Topics {
    /// How long the tombstones of a topic are kept, as the topic itself has it.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or does not let us know.
    pub(crate) fn tombstones_kept(&self, topic: Topic) -> Result<Kept, TopicsError> {
        let name = self.settings.topic(topic);
        let resource = [ResourceSpecifier::Topic(&name)];
        let configs = pollster::block_on(self.admin.describe_configs(&resource, &self.options()));
        let configs = configs.map_err(|error| self.failed("described", &error))?;
        let found = configs.into_iter().next().map(|config| {
            let config = config
                .map_err(|code| TopicsError::said(&self.settings, "described", &name, code))?;
            if config.entries.is_empty() {
                return Err(TopicsError::withheld(&self.settings, &name));
            }
            Ok(Kept::of(config.get(SETTING).and_then(|entry| entry.value.as_deref())))
        });
        found.unwrap_or(Ok(Kept::Unknown))
    }
}

impl Kept {
    fn of(setting: Option<&str>) -> Self {
        match setting.and_then(|setting| setting.parse::<i64>().ok()) {
            None => Self::Unknown,
            Some(millis) => u64::try_from(millis)
                .map_or(Self::Forever, |it| Self::For(Duration::from_millis(it))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_does_not_say_is_not_guessed() {
        for (setting, expected) in [
            (Some("3600000"), Kept::For(Duration::from_secs(3_600))),
            (Some("0"), Kept::For(Duration::ZERO)),
            // Redpanda's word for never.
            (Some("-1"), Kept::Forever),
            (Some(""), Kept::Unknown),
            (None, Kept::Unknown),
        ] {
            assert_eq!(Kept::of(setting), expected, "{setting:?}");
        }
    }
}
