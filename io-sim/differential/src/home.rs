//! A broker that a script can be put to.

use tidelog_io_sim::wire::{Reply, Request};

use crate::Names;

/// A broker that a script can be put to. Requests on one connection are answered in turn.
pub trait Home {
    /// Makes the topic of a script, with two partitions.
    fn begin(&mut self, names: &Names);

    /// Removes it.
    fn end(&mut self, names: &Names);

    /// Sends a request.
    fn send(&mut self, connection: usize, request: Request);

    /// The answer to what was sent on that connection, if it comes within some milliseconds.
    fn glance(&mut self, connection: usize) -> Option<Reply>;

    /// Waits for the answer no longer, and takes no notice should it come.
    fn abandon(&mut self, connection: usize);

    /// Waits a few milliseconds.
    fn pause(&mut self);

    /// Waits until the ends of transactions are in all their partitions.
    fn settle(&mut self, names: &Names);
}
