//! Whether a store is so old that what was removed since may have left no trace.

use rdkafka::consumer::Consumer;
use tidelog_core::{
    Offset, Topic,
    port::{SessionError, Store, TaskId},
};
use tracing::warn;

use super::{PATIENCE, Work};
use crate::{Topics, clock, error::session_error, record, topics::Kept};

impl<S: Store> Work<S> {
    /// Whether tombstones may be gone that came at the offset `next` or later.
    pub(super) fn may_have_missed_tombstones(
        &self,
        task: TaskId,
        changelog: &str,
        next: Offset,
    ) -> Result<bool, SessionError> {
        let kept = match self.tombstones_kept()? {
            Kept::For(kept) => kept,
            Kept::Forever => return Ok(false),
            Kept::Unknown => return Ok(true),
        };
        // Half of it, since it is other machines' clocks that wrote the times.
        let since = Offset(clock::now().minus(kept / 2).as_millis());
        let times = record::places([(changelog, task.partition, since)]);
        let timeout = PATIENCE.max(self.settings.request_timeout);
        let found = self.committed.offsets_for_times(times, timeout);
        let found = found.map_err(|error| session_error(changelog, &error))?;
        let found = found.find_partition(changelog, record::number(task.partition));
        let kept_since = found.and_then(|found| match found.offset() {
            rdkafka::Offset::Offset(offset) => Some(Offset(record::unsigned(offset))),
            _ => None,
        });
        Ok(kept_since.is_none_or(|since| next < since))
    }

    /// How long the changelog keeps tombstones, as the topic has it now. Where we are not let know it counts
    /// as unknown, which costs rebuilding.
    fn tombstones_kept(&self) -> Result<Kept, SessionError> {
        let topics = match self.topics.get() {
            Some(topics) => topics,
            None => {
                let topics = Topics::connect(&self.settings)?;
                self.topics.get_or_init(|| topics)
            }
        };
        match topics.tombstones_kept(Topic::Changelog(self.spec.name)) {
            Ok(Kept::Unknown) => {
                let service = self.spec.name;
                warn!(%service, "the broker does not say how long the changelog keeps tombstones: \
                    stores that are behind are rebuilt");
                Ok(Kept::Unknown)
            }
            Err(error) if error.is_refused() => {
                let service = self.spec.name;
                warn!(%service, %error, "it is not known how long the changelog keeps tombstones, and stores \
                    that are behind are rebuilt: let the user describe the configuration of topics");
                Ok(Kept::Unknown)
            }
            kept => Ok(kept?),
        }
    }
}
