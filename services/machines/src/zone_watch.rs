//! zone-watch numbers the changes of each zone, keeps the last ones, and tells the devices that asked.
//!
//! - Input: `zone-changes`. Output: `changes-by-device`.
//! - Tables: feeds and their changes, subscriptions, those that have ended, fan-outs that are not over, and
//!   how far each source was read.
//! - The numbers of a zone are 1, 2, 3 … without gaps. A change that comes twice is known by its source.
//! - A subscription holds for the changes whose offset lies in [from, to): from the record that began it
//!   to the one that changed or ended it. It is kept until the changes before `to` have been told.
//! - A zone's changes are told one after another, each to the devices in the order of their ids, once to
//!   each however many of its subscriptions ask for it. What a call does not get through goes on with the
//!   next timeout, from the device where it stopped. So it makes no difference how the work is cut up.
//! - The feed keeps the last changes, and those that have not been told to all.
//! - After a crash a call is made again on the state before it: same effects, same state.

mod fan_out;
mod feed;
mod query;
pub(crate) mod rows;
mod subscriptions;
#[cfg(test)]
mod tests;

use tidelog_core::{
    Answer, Effects, Input, Message, Probe, Query, Service, ServiceName, Source, Spec, State,
    TableId, Timestamp, Topic, Wake, limits::FEED_CHANGES_DEFAULT, message::ZoneMessage,
};

use self::rows::SOURCES;
use crate::set_aside::set_aside_as_foreign;

/// The service zone-watch.
#[derive(Clone, Copy, Debug)]
pub struct ZoneWatch {
    /// How many changes of each zone are kept at least.
    pub feed_changes: u64,
    /// How much a call does.
    pub chunk: Chunk,
}

/// How much of a fan-out one call does, so that no commit gets large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Devices that are told.
    pub devices: usize,
    /// Subscriptions that are looked at.
    pub subscriptions: usize,
}

impl Default for ZoneWatch {
    fn default() -> Self {
        let chunk = Chunk { devices: 1_000, subscriptions: 2_000 };
        Self { feed_changes: FEED_CHANGES_DEFAULT, chunk }
    }
}

impl Service for ZoneWatch {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let (source, message) = match input {
            Input::Record { source, message } => (source, message),
            Input::Timeout => return fan_out::go_on(self.chunk, state, effects),
        };
        let Message::Zone(message) = message else {
            return set_aside_as_foreign(SPEC.name, source, &message, effects);
        };
        if is_known(&message, state) {
            return;
        }
        self.take(source, message, state, effects);
    }

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        fan_out::wake(state)
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

impl ZoneWatch {
    fn take(
        &self,
        source: Source,
        message: ZoneMessage,
        state: &mut State<'_>,
        effects: &mut Effects,
    ) {
        match message {
            ZoneMessage::Change(change) => {
                let zone = change.entity.zone();
                let mut feed = feed::append(source, &zone, change, state);
                Probe::ChangeCameBehind.hit_if(feed.telling.is_some());
                if feed.telling.is_none() {
                    feed.telling = Some(rows::Telling { sequence: feed.last, after: None });
                    let now = state.task_time();
                    feed = fan_out::tell(self.chunk, now, &zone, feed, state, effects);
                }
                feed::trim(self.feed_changes, &zone, &mut feed, state);
                state.put(&rows::FEEDS, &zone, &feed);
            }
            ZoneMessage::Subscription(change) => subscriptions::change(source, &change, state),
        }
    }
}

/// Whether a message has come before. If not, it has now.
fn is_known(message: &ZoneMessage, state: &mut State<'_>) -> bool {
    let source = message.source();
    let last = state.get(&SOURCES, &source.partition);
    if last.is_some_and(|last| source <= last) {
        return true;
    }
    state.put(&SOURCES, &source.partition, &source);
    false
}

static SPEC: Spec = Spec {
    name: ServiceName::ZoneWatch,
    inputs: &[Topic::ZoneChanges],
    outputs: &[Topic::ChangesByDevice],
    tables: &[
        TableId::Feeds,
        TableId::ZoneChanges,
        TableId::Subscriptions,
        TableId::EndedSubscriptions,
        TableId::FanOuts,
        TableId::ChangeSources,
    ],
};
