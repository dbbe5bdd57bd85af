//! Tidelog on Kafka and Redpanda, through librdkafka.
//!
//! [`KafkaTransport`] joins services to a broker: a consumer group for each service, one transactional
//! producer for each session, and the tables of this node's tasks in a [`Store`] that can be rebuilt from
//! their changelogs. [`KafkaClient`] is the side of the drivers. [`Topics`] creates what both need, and
//! says what differs.
//!
//! ```no_run
//! use tidelog_core::{Layout, Spec, port::{Store, Transport}};
//! use tidelog_io_kafka::{KafkaClient, KafkaTransport, Settings, Topics, of_service};
//!
//! # async fn example(spec: &'static Spec, store: impl Store) -> Result<(), Box<dyn std::error::Error>> {
//! let layout = Layout::new(12).expect("a number of partitions");
//! let settings = Settings::new("localhost:9092", "tidelog-", layout);
//! Topics::connect(&settings)?.create(of_service(spec))?;
//!
//! let client = KafkaClient::connect(&settings)?;
//! let session = KafkaTransport::new(settings, store).join(spec).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! librdkafka's calls block, so each is made on a thread that has nothing else to do, and the futures of
//! this crate wait for channels:
//!
//! - A session has three. One owns its consumer and its producer, and every commit is made there. One
//!   restores tables and looks where inputs end, so that a long restore keeps no rebalance waiting. One
//!   writes into the store what has been committed, beside the next commit. Dropping the session joins
//!   them.
//! - A client has one that appends, and one for each read that is under way. Dropping its last clone
//!   joins them.
//!
//! # Invariants
//!
//! - What a task sent, its rows as changelog records, and its positions are one transaction. The
//!   positions are in it twice: as offsets of the group, which is what fences an owner that is none any
//!   more, and as a record of the changelog, since a broker forgets the offsets of an idle group.
//! - Only a commit that the broker has confirmed is written into the store. So a store can be behind its
//!   changelog, and never ahead of it. A task sees the rows of a commit from when it is told of it,
//!   whether the store has them yet or not; it is restored or given away only when the store has them.
//! - The outcome of a commit is never guessed. What can be repeated is repeated for a limited time; what
//!   was aborted is rejected; all else is unknown, and the session goes on with a new producer, whose
//!   initialisation ends whatever was left open.
//! - A restored task has read its changelog up to where it ended after the positions had been fetched,
//!   and not before everything up to there was committed or aborted.
//! - The group is answered when the runner has released what is to go, and not before. A member that has
//!   lost its partitions asks to be taken back when the runner has been told.
//! - Every call has a time limit.
//!
//! # Known limits
//!
//! A position stands after the last record that was read, and the marker of that record's transaction
//! lies behind it. Where retention removes both while a task stands still, the task says that input was
//! lost, though there was none; an operator has to move it on. This can befall topics that are kept for
//! days, in tasks without input for as long.
//!
//! While a group's coordinator cannot be reached at all, sending positions to it waits, beyond its time limit
//! (librdkafka's issue 5456). The session goes on when the coordinator is back; until then it cannot be
//! dropped. Who has to end meanwhile, as a node that is told to stop, ends the process without it: what it had not
//! committed is done again by whoever takes over, as after a crash.
//!
//! A broker that leaves out the markers of a transaction that it has said was committed holds its readers
//! back for ever. Apache Kafka 4.3.1 does so if it dies between deciding and marking, has no other copy of
//! the partitions, and is back before its controller has noticed. No client can tell such a transaction
//! from one that goes on; `kafka-transactions.sh find-hanging` can.
//!
//! [`Store`]: tidelog_core::port::Store

mod board;
mod bounds;
mod browser;
mod changelog;
mod client;
mod clock;
mod context;
mod error;
mod figures;
mod headers;
mod leases;
mod member;
mod owners;
mod record;
mod restorer;
mod roll;
mod session;
mod settings;
mod snapshots;
mod storer;
mod tables;
mod topics;
mod transport;
mod watched;

pub use browser::{Browsed, Browser, Browsing};
pub use changelog::{Entry as ChangelogEntry, EntryError, Progress, entry as changelog_entry};
pub use client::KafkaClient;
pub use error::ConnectError;
pub use figures::{Commits, Figures, Restoring, TaskFigures, WhyRebuilt};
pub use owners::{Owners, Place};
pub use session::KafkaSession;
pub use settings::{Leaving, Settings};
pub use snapshots::KafkaSnapshots;
pub use tables::KafkaTables;
pub use topics::{Described, Difference, Topics, TopicsError, of_service};
pub use transport::KafkaTransport;
