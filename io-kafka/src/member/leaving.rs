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
        let is_left = self.settings.leaving == Leaving::AtOnce;
        if is_left {
            self.consumer.unsubscribe();
        }
        // A group that waits for an answer is never over, and dropping the consumer waits for that.
        self.group.release_all(self.consumer);
        if is_left {
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
                    if !members.map(|member| member.id()).any(|id| is_of(&self.name, id)) {
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

/// Whether a broker has given an id to the member of a name: that is the name, and a UUID behind it.
fn is_of(name: &str, id: &str) -> bool {
    let uuid = id.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    uuid.is_some_and(|uuid| uuid.len() == UUID_LEN)
}

const UUID_LEN: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_by_its_whole_name() {
        let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        assert!(is_of("a-device.x.0", &format!("a-device.x.0-{uuid}")));
        // A node may be called `x.0-y`.
        assert!(!is_of("a-device.x.0", &format!("a-device.x.0-y.0-{uuid}")));
        assert!(!is_of("a-device.x.0", &format!("a-device.x.01-{uuid}")));
    }
}
