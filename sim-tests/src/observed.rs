//! What is known of a run when it is over: everything that the oracles look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tidelog_core::{
    Topic,
    message::PartAnswer,
    port::TaskId,
    query::{DefinitionView, DeviceView, FeedView, NotificationsView},
};

use crate::{
    history::{History, Name, Outcome, Place},
    log::LogView,
    workload::Limits,
};

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What clients observed.
    pub history: History,
    /// What batches were answered with.
    pub batches: Vec<BatchSeen>,
    /// The log as it is at the end.
    pub log: LogView,
    /// The stores of the nodes as they are at the end, of the tasks that each owns.
    pub stores: Vec<StoreView>,
    /// The same tasks, rebuilt from nothing, if everything was caught up before.
    pub rebuilt: Option<Vec<StoreView>>,
    /// Who restored and committed what.
    pub ledger: CommitLedger,
    /// Records that readers got.
    pub seen: Vec<Seen>,
    /// Records that the log said it has.
    pub appended: Vec<Appended>,
    /// The zones that were listed when all was caught up, if they could be.
    pub zones: Option<BTreeSet<Box<str>>>,
    /// How far tasks and clients were when the time for catching up was over.
    pub after_heal: Option<AfterHeal>,
    /// What became of a record of a newer format, if one came at last.
    pub newer: Option<NewerRecord>,
    /// What clients were told of schemas.
    pub schemas: SchemasSeen,
    /// How the partitions of `schema-patches` were after the last write, if it was waited for.
    pub settled: Option<Settled>,
    /// What devices and followers of zones were told.
    pub zones_seen: ZonesSeen,
    /// How the services that tell them were set, and how they came to rest, if that was waited for.
    pub watched: Option<Watched>,
    /// Places of records that were made to be set aside.
    pub spoilt: BTreeSet<Spot>,
    /// The virtual time of the end, in microseconds.
    pub end_us: u64,
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
}

/// What became of a record of a newer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewerRecord {
    /// Where it stands.
    pub spot: Spot,
    /// Its task says that it has stopped.
    pub has_stopped: bool,
    /// It was read, and that is committed.
    pub was_read: bool,
    /// It has a dead letter.
    pub is_set_aside: bool,
}

/// What a batch was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchSeen {
    /// The request, as in `app-1:0:17`.
    pub request: Box<str>,
    /// How many parts it has.
    pub parts: usize,
    /// The answers that came for it, in their order.
    pub answers: Vec<Vec<Option<PartAnswer>>>,
}

/// What clients were told of schemas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchemasSeen {
    /// The changes that they asked for.
    pub changes: Vec<SchemaChanged>,
    /// The definitions that they were shown.
    pub shown: Vec<SchemaShown>,
}

/// A change of a schema that a client asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaChanged {
    /// The number of the step.
    pub step: u32,
    /// The request, once it has a name.
    pub name: Option<Name>,
    /// What the client was told.
    pub outcome: Outcome,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
}

/// A definition that a client was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaShown {
    /// The number of the step.
    pub step: u32,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// The collection.
    pub collection: Box<str>,
    /// What it must have seen: a partition of `schema-patches`, and an offset.
    pub at_least: Option<Place>,
    /// The definition, if there was one.
    pub definition: Option<DefinitionView>,
}

/// What devices and followers of zones were told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZonesSeen {
    /// The writes that clients asked for, with the device that they named, if any.
    pub writes: Vec<(Name, Option<Box<str>>)>,
    /// Pages of zones' feeds.
    pub pages: Vec<PageSeen>,
    /// Followers of zones, each for a time.
    pub follows: Vec<Followed>,
    /// What devices were told that they have not read.
    pub notifications: Vec<NotificationsSeen>,
    /// What devices were told when they connected, and what was said of them at last.
    pub devices: Vec<DeviceSeen>,
}

/// A page of a zone's feed.
#[derive(Clone, Debug, PartialEq)]
pub struct PageSeen {
    /// The number of the step.
    pub step: u32,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// The zone.
    pub zone: Box<str>,
    /// Only changes after this number were asked for.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// The record of `zone-changes` that it must have seen.
    pub at_least: Option<u64>,
    /// The page.
    pub view: FeedView,
}

/// A follower of a zone, for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// The number of the step.
    pub step: u32,
    /// When it began, in microseconds of virtual time.
    pub at_us: u64,
    /// The zone.
    pub zone: Box<str>,
    /// Where it went on: the feed, and the number of the last change that it had seen.
    pub token: Option<(u64, u64)>,
    /// What it was told.
    pub events: Vec<FollowEvent>,
}

/// What a follower of a zone was told.
#[derive(Clone, Debug, PartialEq)]
pub enum FollowEvent {
    /// The next changes.
    Changes(FeedView),
    /// It knows all that there is.
    UpToDate {
        /// The feed.
        feed: u64,
        /// The number of the last change.
        last: u64,
    },
    /// What is not kept any more.
    Gap {
        /// The feed.
        feed: u64,
        /// The first number that is gone.
        first: u64,
        /// The last one.
        last: u64,
    },
}

/// What a device was told that it has not read.
#[derive(Clone, Debug, PartialEq)]
pub struct NotificationsSeen {
    /// The number of the step.
    pub step: u32,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// The device.
    pub device: Box<str>,
    /// What it must have seen.
    pub at_least: AtLeast,
    /// Only what has a higher number is told of zones.
    pub after: u64,
    /// What it was told.
    pub view: NotificationsView,
}

/// What whoever answers a device must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLeast {
    /// Nothing in particular.
    Nothing,
    /// An acknowledgement through this number.
    Acknowledgement(u64),
    /// This record of `changes-by-device`.
    Offset(u64),
}

/// What was said of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSeen {
    /// The number of the step.
    pub step: u32,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// Whose and which, as in `u1/d4`.
    pub device: Box<str>,
    /// The version of the app that connected, and was told that; none, if it was asked for at last.
    pub version: Option<Box<str>>,
    /// What was said, if it was known.
    pub view: Option<DeviceView>,
}

/// How the services that tell devices of changes were set, and how they came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Their limits.
    pub limits: Limits,
    /// How many partitions each topic has.
    pub partitions: u32,
    /// Whether the clocks were right.
    pub clocks_hold: bool,
    /// Whether nothing more came in time.
    pub is_still: bool,
}

/// How the partitions of `schema-patches` were after the last write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// When it had to be quiet, in microseconds of virtual time.
    pub at_us: u64,
    /// Where each partition ended then.
    pub ends: BTreeMap<u32, u64>,
    /// Where each ended a while later.
    pub later: BTreeMap<u32, u64>,
    /// How often what was learned may be published, where the clocks are right.
    pub paces: Option<Paces>,
}

/// How often what was learned of a collection may be published, and by how many it is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paces {
    /// The shortest time between two definitions.
    pub definition: Duration,
    /// The shortest time between two that only count otherwise.
    pub counts: Duration,
    /// How many partitions each topic has.
    pub partitions: u32,
}

/// The tables of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreView {
    /// The task.
    pub task: TaskId,
    /// Whose store it is.
    pub node: Box<str>,
    /// The changelog's offset to be read next, where there is state.
    pub changelog: Option<u64>,
    /// For each input, the offset to be read next.
    pub positions: BTreeMap<Topic, u64>,
    /// The rows, by the table's code and the row's key.
    pub rows: BTreeMap<(u8, Bytes), Bytes>,
}

/// Who restored and committed what, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct CommitLedger {
    /// What happened.
    pub entries: Vec<LedgerEntry>,
}

/// Something that a session did with a task.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// The session, which nobody shares.
    pub session: Box<str>,
    /// The task.
    pub task: TaskId,
    /// What.
    pub act: Act,
}

/// What a session did with a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It restored it, and goes on reading there.
    Restored(BTreeMap<Topic, u64>),
    /// It was told that a commit is real, with these positions.
    Committed(BTreeMap<Topic, u64>),
    /// It was told that a commit is not real, and never will be.
    Rejected(BTreeMap<Topic, u64>),
    /// It was told that nobody knows.
    Unknown(BTreeMap<Topic, u64>),
}

/// A record that a reader got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub reader: Box<str>,
    /// When, in microseconds of virtual time.
    pub at_us: u64,
    /// Where the record stood.
    pub spot: Spot,
    /// A digest of its key and payload.
    pub digest: u64,
    /// The last stable offset of the partition at that time, as far as it is known.
    pub stable: Option<u64>,
}

/// A record that the log said it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Who appended it.
    pub client: Box<str>,
    /// When that was told, in microseconds of virtual time.
    pub at_us: u64,
    /// Where.
    pub spot: Spot,
    /// A digest of its key and payload.
    pub digest: u64,
}

/// How far everything was when the time for catching up was over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AfterHeal {
    /// When faults ended, in microseconds of virtual time.
    pub healed_us: u64,
    /// When this was looked at.
    pub looked_us: u64,
    /// Tasks that had not read everything: the input, how far they were, and its end.
    pub behind: Vec<Behind>,
    /// Operations that had no outcome yet.
    pub waiting: Vec<u32>,
    /// The states of the nodes, in words.
    pub states: Vec<Box<str>>,
}

/// A task that has not read everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The task.
    pub task: TaskId,
    /// The input.
    pub topic: Topic,
    /// How far it was; nothing, if nobody has it.
    pub position: Option<u64>,
    /// The end of the input.
    pub end: u64,
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} at {}", self.topic, self.partition, self.offset)
    }
}

/// What tells a record from others.
#[must_use]
pub fn digest(key: &[u8], payload: &[u8]) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(&(key.len() as u64).to_le_bytes());
    hash.update(key);
    hash.update(payload);
    hash.digest()
}
