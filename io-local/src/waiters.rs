//! Futures that wait for something that the writer does.

use std::{collections::BTreeMap, task::Waker};

/// The wakers of futures that wait for the same thing. One that is dropped takes its waker away, so
/// that nothing is left of those who gave up.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// Names a waiter among those of one thing.
pub(crate) type WaiterId = Option<u64>;

impl Waiters {
    /// Lets the future that is named be woken; names it if it has no name yet.
    pub(crate) fn wait(&mut self, id: &mut WaiterId, waker: &Waker) {
        let id = *id.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        self.wakers.insert(id, waker.clone());
    }

    /// Takes a waker away.
    pub(crate) fn leave(&mut self, id: WaiterId) {
        if let Some(id) = id {
            self.wakers.remove(&id);
        }
    }

    /// Takes every waker, to wake them.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.wakers).into_values()
    }
}
