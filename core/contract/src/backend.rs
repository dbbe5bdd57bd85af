//! What a backend shows of itself so that the laws can be put to it.

use tidelog_core::{
    Layout, Offset, PartitionId, ServiceName, Topic,
    port::{Client, Snapshots, Transport},
};

/// A log of its own for one test, with everything that a law needs to do to it.
///
/// A law gets its backends from a constructor, `Fn(Layout) -> impl Backend`: each is a fresh and
/// empty log whose topics have that many partitions. What it makes is called inside
/// [`Backend::block_on`].
pub trait Backend {
    /// Joins services to the log.
    type Transport: Transport;
    /// Appends and reads from outside.
    type Client: Client;

    /// How many fresh logs a property test may try. Less where a log is dear.
    const CASES: u32 = 24;

    /// A handle for services. Each may stand for another process.
    fn transport(&self) -> Self::Transport;

    /// A handle for a driver. Each may stand for another process.
    fn client(&self) -> Self::Client;

    /// Runs a law to its end. A law waits for several futures at once on the one thread, so no
    /// `poll` may block. May be called many times, one after another.
    fn block_on<F: Future>(&self, law: F) -> F::Output;

    /// Takes the partitions of all present members of a service's group away, as if they had been
    /// silent for too long. Nobody asks them, and they do not learn of it before they ask for
    /// something; whoever joins next gets the partitions.
    ///
    /// (Kafka: remove the members from the group. Embedded: forget who owns what, under a new
    /// epoch.)
    fn evict(&self, service: ServiceName) -> impl Future<Output = ()>;
}

/// A backend whose log outlives the process.
///
/// Before either method is called, everything that came from the backend (transports, clients,
/// sessions, tables, snapshots and futures of theirs) has been dropped.
pub trait Durable: Backend {
    /// Closes the log in good order and opens it again.
    fn restart(&mut self);

    /// Stops the process without any order, and opens the log again as the disk has it. A backend
    /// that cannot lose what it did not sync may take it for a process that was killed.
    fn crash(&mut self);
}

/// A backend that answers queries in its own process.
pub trait Answering: Backend {
    /// Gives out snapshots.
    type Snapshots: Snapshots;

    /// A handle for queries.
    fn snapshots(&self) -> Self::Snapshots;
}

/// A backend whose retention can be told to hurry.
pub trait Trimming: Backend {
    /// Removes the records before `start` from a partition, read or not.
    fn trim(&self, topic: Topic, partition: PartitionId, start: Offset)
    -> impl Future<Output = ()>;
}

/// Makes fresh logs.
pub type Fresh<'a, B> = &'a dyn Fn(Layout) -> B;
