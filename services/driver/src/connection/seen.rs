//! The offset of the last record of a key, told to all who wait for one.
//!
//! Those who wait are woken in the order in which they came. `tokio::sync::watch` wakes them in an order that
//! it draws by a counter of the whole process, and a simulated run would not be the same again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidelog_core::Offset;
use tokio::sync::Notify;

/// Tells the offsets. When it is dropped, nothing more will be told.
#[derive(Debug, Default)]
pub(super) struct Telling(Arc<Shared>);

/// Is told the offsets that come from now on.
#[derive(Debug)]
pub(crate) struct Seen {
    shared: Arc<Shared>,
    /// How many had been told when it looked last.
    known: u64,
}

/// Nothing more will be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Over;

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Told {
    count: u64,
    last: Option<Offset>,
    is_over: bool,
}

impl Telling {
    pub(super) fn subscribe(&self) -> Seen {
        Seen { shared: Arc::clone(&self.0), known: self.0.told().count }
    }

    pub(super) fn tell(&self, offset: Offset) {
        let mut told = self.0.told();
        told.count += 1;
        told.last = Some(offset);
        drop(told);
        self.0.more.notify_waiters();
    }

    /// Whether anybody is still to be told.
    pub(super) fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.told().is_over = true;
        self.0.more.notify_waiters();
    }
}

impl Seen {
    /// Waits for an offset that was not told yet, and gives the last one. It can be dropped at any time:
    /// nothing is lost by that.
    pub(crate) async fn next(&mut self) -> Result<Option<Offset>, Over> {
        loop {
            // Who waits from before it looks is woken also by what comes in between.
            let more = self.shared.more.notified();
            {
                let told = self.shared.told();
                if told.count != self.known {
                    self.known = told.count;
                    return Ok(told.last);
                }
                if told.is_over {
                    return Err(Over);
                }
            }
            more.await;
        }
    }
}

impl Shared {
    /// Nothing that is done under the lock can panic half way.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn each_is_told_the_last_of_what_it_has_not_seen() {
        let telling = Telling::default();
        telling.tell(Offset(1));
        let mut seen = telling.subscribe();
        assert_eq!(seen.next().now_or_never(), None, "what came before is not told");
        telling.tell(Offset(2));
        telling.tell(Offset(3));
        assert_eq!(seen.next().now_or_never(), Some(Ok(Some(Offset(3)))));
        assert_eq!(seen.next().now_or_never(), None);
        assert!(telling.is_wanted());
        telling.tell(Offset(4));
        drop(telling);
        assert_eq!(seen.next().now_or_never(), Some(Ok(Some(Offset(4)))));
        assert_eq!(seen.next().now_or_never(), Some(Err(Over)));
    }

    #[test]
    fn who_has_gone_is_not_wanted() {
        let telling = Telling::default();
        let (one, other) = (telling.subscribe(), telling.subscribe());
        drop(one);
        assert!(telling.is_wanted());
        drop(other);
        assert!(!telling.is_wanted());
    }
}
