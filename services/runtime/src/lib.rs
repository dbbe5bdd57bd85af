//! The runner: what joins a service to a transport.
//!
//! [`run`] joins the service's group, restores the tasks that it is given, has their records handled,
//! and commits what they did. It is one piece of code, generic over the transport, used unchanged in
//! production (a thread of its own that blocks on it) and in simulation (a local task). It has no
//! executor, no timer, no thread and no clock of its own: everything that it waits for is
//! [`Session::next`], which ends with a record, an outcome or a deadline, and between two sessions
//! [`Transport::pause`].
//!
//! [`LocalQueries`] answers queries from snapshots of the tasks of this process.
//!
//! # Invariants
//!
//! - A batch is committed as a whole: rows, sends and positions of every task that did something.
//! - One commit is under way at a time. The next batch is prepared on top of it, and shares its fate
//!   if it does not become real.
//! - After anything but [`CommitOutcome::Committed`], and after any read that failed, a task is
//!   dropped and restored. There is no rollback.
//! - No record is skipped: it is handled, set aside as a dead letter, or it stops its task with words.
//! - A timeout comes only after the task has read what its inputs held when the deadline passed.
//! - Nothing fails forever in silence, or without pause: what fails again and again ends [`run`].
//!
//! [`Transport::pause`]: tidelog_core::port::Transport::pause
//! [`Session::next`]: tidelog_core::port::Session::next
//! [`CommitOutcome::Committed`]: tidelog_core::port::CommitOutcome::Committed

mod error;
mod queries;
mod runner;
mod settings;
mod watch;

pub use error::RunError;
pub use queries::{LocalQueries, LocalService};
pub use runner::{run, run_watched};
pub use settings::Settings;
pub use watch::{TaskState, Watch};

#[cfg(test)]
mod tests;
