//! The embedded log and the store of Tidelog, on fjall.
//!
//! [`LocalLog`] is a log for one process: the sends, rows and positions of a commit are one atomic
//! batch of the database, and the commits of all workers share one `fdatasync`. There is one
//! journal, so a crash loses a suffix of what happened, the same for everything. That is why a
//! commit may be seen by the other tasks at once: whatever they make of it stands behind it in the
//! journal. To the outside (answers, queries) it shows only once it is durable.
//!
//! [`FjallStore`] keeps the tables of a node whose log is elsewhere.

mod batch;
mod client;
mod commit;
mod database;
mod error;
mod first_start;
mod group;
mod keys;
mod lock;
mod log;
mod lost;
mod memtables;
mod partition;
mod pending;
mod retention;
mod segments;
mod session;
mod settings;
mod snapshot;
mod store;
mod tables;
mod torn_tail;
mod unsynced;
mod waiters;
mod writer;

pub use client::LocalClient;
pub use error::OpenError;
pub use log::LocalLog;
pub use lost::{InputProgress, LocalProgress, LostRange, SkipError};
pub use session::{LocalSession, LocalTransport};
pub use settings::{Clock, Settings, SystemClock};
pub use snapshot::{LocalSnapshots, SnapshotTables};
pub use store::{FjallStore, FrozenTables, StoreTables};
pub use tables::LocalTables;
