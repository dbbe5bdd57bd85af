//! The names of things: nodes, topics, offsets, epochs, producers, moments.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::{Add, Sub},
    sync::Arc,
};

/// A topic's name. Cheap to clone; two clones compare without looking at the text.
#[derive(Clone)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TopicName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl PartialEq for TopicName {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for TopicName {}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialOrd for TopicName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TopicName {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl Hash for TopicName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A partition of a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The partition's number; first, since it is the cheaper thing to compare.
    pub partition: u32,
    /// The topic.
    pub topic: TopicName,
}

impl TopicPartition {
    /// The partition of that number of that topic.
    pub fn new(topic: &TopicName, partition: u32) -> Self {
        Self { partition, topic: topic.clone() }
    }
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The place of a record in its partition. Where Kafka writes -1 for "none", this model writes
/// `Option`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// The first offset that a partition ever has.
    pub const ZERO: Self = Self(0);

    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Add<u64> for Offset {
    type Output = Self;
    fn add(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl Sub for Offset {
    type Output = u64;
    fn sub(self, other: Self) -> u64 {
        self.0.checked_sub(other.0).expect("the later offset comes first in a subtraction")
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($number:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A broker's node id.
    BrokerId(u32);
    /// A client connection's owner: one per client process, given by the host.
    ClientId(u32);
    /// What the controller gives a broker at each registration; a request with an older one comes
    /// from a dead incarnation.
    BrokerEpoch(u64);
    /// One process of a broker: drawn anew by the host at each start.
    Incarnation(u64);
    /// Raised by the controller at each change of a partition's leader.
    LeaderEpoch(u32);
    /// Raised by the controller at each change of a partition's leader or in-sync set.
    PartitionEpoch(u32);
    /// The controller's metadata log: how much of it a reader has seen.
    ImageVersion(u64);
    /// A producer, as the cluster knows it.
    ProducerId(u64);
    /// Raised at each fencing of a producer (and, with KIP-890, at each end of a transaction).
    ProducerEpoch(u16);
    /// The number of a record within a producer's epoch and partition; wraps after `i32::MAX`.
    Sequence(i32);
    /// A group's generation.
    Generation(i32);
    /// An answer is owed to whom this stands for. Opaque: the host gives it, the broker hands it
    /// back once.
    Token(u64);
    /// A request that a broker or the controller sent itself: the host hands it back with the
    /// reply.
    CallId(u64);
}

impl LeaderEpoch {
    /// The epoch of the next leader.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl PartitionEpoch {
    /// The epoch after the next change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ProducerEpoch {
    /// Beyond this a transactional id gets a new producer id (Kafka: `Short.MAX_VALUE - 1`).
    pub const LAST: Self = Self(i16::MAX as u16 - 1);

    /// The epoch of the next incarnation.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Sequence {
    /// The number of the record that is `count` records later, wrapping as Kafka's does.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(((self.0 as u64 + count as u64) % (i32::MAX as u64 + 1)) as i32)
    }
}

/// A machine that speaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A broker.
    Broker(BrokerId),
    /// The controller.
    Controller,
    /// A client.
    Client(ClientId),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker{id}"),
            Self::Controller => write!(f, "controller"),
            Self::Client(id) => write!(f, "client{id}"),
        }
    }
}

/// A wall-clock time in milliseconds since the Unix epoch: what records carry. It may go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time on a node's monotonic clock, in microseconds since its machine started: what timers are
/// set by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The time so many milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0 + ms * 1000)
    }

    /// Whole milliseconds since an earlier time; 0 if that is not earlier.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.0 / 1000, self.0 % 1000)
    }
}

/// What both clocks of a node show as an input arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// The monotonic clock: never goes back while the machine runs.
    pub instant: Instant,
    /// The wall clock: drifts and steps.
    pub wall: Timestamp,
}
