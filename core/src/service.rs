//! The contract of a service: a pure state machine over the records of its partitions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    effects::Effects,
    message::Message,
    query::{Answer, Query},
    state::{State, TableId},
    time::Timestamp,
    topic::{Position, Topic},
};

/// A service: what it decides, and nothing about where it runs.
///
/// A service holds nothing between two calls. All that it knows is in [`State`], which is why a
/// crash between any two calls is harmless. The same state, `now` and input give the same effects,
/// in the same order, with the same bytes.
pub trait Service {
    /// The service's name, inputs, outputs and tables.
    fn spec(&self) -> &'static Spec;

    /// Takes one input. It does not fail: bad input is an effect (a failed response, a dead letter),
    /// and a broken invariant is an assertion.
    ///
    /// `now` is the task time for a record, and the session's clock for a timeout.
    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects);

    /// When the service wants an [`Input::Timeout`], if at all, and why. Asked after each batch.
    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        let _ = state;
        None
    }

    /// Answers a read of the state, if the service has any to offer.
    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        let _ = (state, query);
        Answer::NotOffered
    }
}

/// What a service is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a timeout is rare, and no input is stored")]
pub enum Input {
    /// A record of one of its inputs.
    Record {
        /// Where it stands, and when it was appended.
        source: Source,
        /// What it says.
        message: Message,
    },
    /// The point in time has come that [`Service::poll_timeout`] asked for, and everything has been
    /// read that the inputs held then.
    Timeout,
}

/// Where a record stands in the log, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Topic, partition and offset.
    pub position: Position,
    /// The log's append time.
    pub time: Timestamp,
}

/// A point in time at which a service wants to be called, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Why, for people who wonder what keeps a service busy.
    pub reason: &'static str,
}

impl Wake {
    /// Wants to be called at once, whatever clocks say: task time is that of a broker, and may be ahead.
    #[must_use]
    pub fn at_once(reason: &'static str) -> Self {
        Self { at: Timestamp::ZERO, reason }
    }
}

/// What a service is made of. Two specs of one name are the same.
#[derive(Debug)]
pub struct Spec {
    /// Its name, which is also its consumer group's.
    pub name: ServiceName,
    /// The topics that it reads, one partition of each a task.
    pub inputs: &'static [Topic],
    /// The topics that it writes. Any service may write dead letters besides.
    pub outputs: &'static [Topic],
    /// The tables that it keeps.
    pub tables: &'static [TableId],
}

/// The services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceName {
    /// Splits batches.
    EntityBatch,
    /// Keeps entities.
    EntityStorage,
    /// Keeps schemas.
    SchemaStorage,
    /// Sorts updates by collection.
    SchemaLearningPartitioner,
    /// Learns schemas.
    SchemaLearning,
    /// Gathers the answers to the parts of a request.
    ResponseAccumulator,
    /// Sorts updates by zone.
    ChangesInZone,
    /// Numbers the changes of each zone and tells them to the devices that asked for it.
    ZoneWatch,
    /// Gathers what each device is to be told.
    Coalescing,
    /// Keeps the devices of each user.
    Device,
    /// Tells connectors what changed.
    ChangeStream,
}

impl ServiceName {
    /// Every service, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::EntityBatch,
        Self::EntityStorage,
        Self::SchemaStorage,
        Self::SchemaLearningPartitioner,
        Self::SchemaLearning,
        Self::ResponseAccumulator,
        Self::ChangesInZone,
        Self::ZoneWatch,
        Self::Coalescing,
        Self::Device,
        Self::ChangeStream,
    ];

    /// The service's name: of its folder, its consumer group, its metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The name of the topic that its store can be rebuilt from.
    #[must_use]
    pub fn changelog(self) -> &'static str {
        self.row().1
    }

    /// A number for the service that never changes, for keys of stores. Below 128.
    #[must_use]
    pub fn code(self) -> u8 {
        self.row().2
    }

    #[rustfmt::skip]
    fn row(self) -> (&'static str, &'static str, u8) {
        match self {
            Self::EntityBatch => ("entity-batch", "entity-batch-changelog", 0),
            Self::EntityStorage => ("entity-storage", "entity-storage-changelog", 1),
            Self::SchemaStorage => ("schema-storage", "schema-storage-changelog", 2),
            Self::SchemaLearningPartitioner =>
                ("schema-learning-partitioner", "schema-learning-partitioner-changelog", 3),
            Self::SchemaLearning => ("schema-learning", "schema-learning-changelog", 4),
            Self::ResponseAccumulator =>
                ("response-accumulator", "response-accumulator-changelog", 5),
            Self::ChangesInZone => ("changes-in-zone", "changes-in-zone-changelog", 6),
            Self::ZoneWatch => ("zone-watch", "zone-watch-changelog", 7),
            Self::Coalescing => ("coalescing", "coalescing-changelog", 8),
            Self::Device => ("device", "device-changelog", 9),
            Self::ChangeStream => ("change-stream", "change-stream-changelog", 10),
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
