//! What happens to a run in which nothing happens.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::Sim;

/// Told of a run that stands still: so long, in real time, no event has come, as when the code under test
/// goes round in a loop without waiting for anything. Neither virtual time nor the number of events ends
/// such a run, and no thread can be ended from outside: whoever is told may say what is known, and end the
/// process.
#[derive(Clone)]
pub struct Watchdog {
    /// How long nothing happens, in real time.
    pub patience: Duration,
    /// Told each time, on another thread, with the run as it stands.
    pub tell: Arc<dyn Fn(&Sim) + Send + Sync>,
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchdog").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Watchdog {
    /// Watches over a run until it is over, and the other end of `over` is dropped.
    pub(super) fn watch(&self, over: &Receiver<Infallible>, sim: &Sim) {
        // Looks are counted, and not time: a process that was stopped meanwhile has not stood still.
        let (mut events, mut looks) = (0, 0);
        while over.recv_timeout(self.patience / LOOKS) == Err(RecvTimeoutError::Timeout) {
            let now = sim.events();
            looks = if now == events { looks + 1 } else { 0 };
            events = now;
            if looks == LOOKS {
                (self.tell)(sim);
            }
        }
    }
}

/// So often in a row nothing has happened before somebody is told.
const LOOKS: u32 = 10;
