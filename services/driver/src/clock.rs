//! The client's clock without the client's type, so that [`Driver`](crate::Driver) needs none.

use tidelog_core::{
    Timestamp,
    port::{BoxFuture, Client},
};

/// A clock of some client.
pub(crate) trait Clock: Send + Sync {
    /// What time it is.
    fn time(&self) -> Timestamp;

    /// Waits until the clock has got that far.
    fn wait_until(&self, at: Timestamp) -> BoxFuture<'_, ()>;
}

impl<C: Client> Clock for C {
    fn time(&self) -> Timestamp {
        self.now()
    }

    fn wait_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(self.sleep_until(at))
    }
}
