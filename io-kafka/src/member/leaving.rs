//! Leaving the group.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::consumer::Consumer;
use tidelog_core::port::Store;
use tracing::{debug, warn};

use super::Member;
use crate::Leaving;

/// How long leaving the group may take.
const LEFT_WITHIN: Duration = Duration::from_secs(2);

/// How long it is waited before it is looked again whether the group was left.
const LEFT_POLL: Duration = Duration::from_millis(5);

impl<S: Store> Member<'_, S> {
    /// Leaves the group, if that is wanted.
    pub(super) fn leave(&mut self) {
        self.storer.wait();
        self.shared.gave_all(self.session);
        self.consumer.context().leave();
        if self.settings.leaving == Leaving::AtOnce {
            self.consumer.unsubscribe();
            self.group.release_all(self.consumer);
            self.wait_until_left();
        }
    }

    /// A member of a fixed name leaves by unsubscribing, and only if it is then left the time for it.
    fn wait_until_left(&mut self) {
        let deadline = Instant::now() + self.settings.request_timeout.min(LEFT_WITHIN);
        let group = self.settings.group(self.spec.name);
        while Instant::now() < deadline {
            self.serve();
            match self.consumer.fetch_group_list(Some(&group), LEFT_WITHIN) {
                Ok(groups) => {
                    let members = groups.groups().iter().flat_map(|group| group.members());
                    let prefix = format!("{}-", self.name);
                    if !members.map(|member| member.id()).any(|id| id.starts_with(&prefix)) {
                        return;
                    }
                }
                // All brokers are asked, and one may be away: the group is served for as long as there is time.
                Err(error) => debug!(%error, "it is not known whether the group was left"),
            }
            thread::sleep(LEFT_POLL);
        }
        warn!(member = self.name, "the group was not left in time: its session will time out");
    }
}
