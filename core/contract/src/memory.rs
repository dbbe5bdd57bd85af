//! The reference backend: a log in memory, with a clock of its own.
//!
//! It obeys the laws in as few words as possible, for one thread. Nothing in it takes real time:
//! [`Memory::block_on`] lets its clock leap to the next deadline whenever nothing else can happen.
//! Like Kafka it leaves a gap in the offsets after each commit, so that nobody counts on there being
//! none, and a commit takes a while.
//!
//! Tests can tell it what is to become of commits ([`Fate`]), take partitions away, let reads fail,
//! and look at everything. A [`Flaw`] makes it break one law.

#![expect(clippy::disallowed_types, reason = "a client of the log goes to any thread, so it locks")]

mod client;
mod commit;
mod control;
mod flaw;
mod group;
mod session;
mod tables;
mod world;

pub use control::{Committed, Fate};
pub use flaw::Flaw;
pub use session::MemorySession;
pub use tables::{MemorySnapshot, MemoryTables};

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tidelog_core::{
    Layout, Offset, PartitionId, ServiceName, Spec, Topic,
    port::{Client, SessionError, Transport},
};

use crate::{Answering, Backend, Durable, Trimming};
use world::World;

/// A log in memory. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Mutex<World>>);

impl Memory {
    /// A fresh log that obeys the laws.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self(Arc::new(Mutex::new(World::new(layout, None))))
    }

    /// A fresh log that breaks one.
    #[must_use]
    pub fn flawed(layout: Layout, flaw: Flaw) -> Self {
        Self(Arc::new(Mutex::new(World::new(layout, Some(flaw)))))
    }

    /// Runs a future to its end, letting the clock leap whenever nothing else can happen.
    ///
    /// # Panics
    ///
    /// If nothing can ever happen again, or nothing seems to come of what does.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        const LEAPS_MAX: u32 = 1_000_000;
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut leaps = 0;
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            while !woken.0.swap(false, Ordering::Relaxed) {
                assert!(self.world().leap(), "nothing can ever happen again");
                leaps += 1;
                assert!(leaps < LEAPS_MAX, "the clock leapt {leaps} times, and nothing came of it");
            }
        }
    }

    /// A law that fails may leave the lock poisoned; its message is what matters.
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Memory {
    type Session = MemorySession;

    async fn join(&self, spec: &'static Spec) -> Result<MemorySession, SessionError> {
        Ok(MemorySession::join(self.clone(), spec))
    }

    async fn pause(&self, length: Duration) {
        if !self.world().has(Flaw::DoesNotPause) {
            self.sleep_until(self.time().plus(length)).await;
        }
    }
}

impl Backend for Memory {
    type Transport = Self;
    type Client = Self;

    fn transport(&self) -> Self {
        self.clone()
    }

    fn client(&self) -> Self {
        self.clone()
    }

    fn block_on<F: Future>(&self, law: F) -> F::Output {
        self.block_on(law)
    }

    async fn evict(&self, service: ServiceName) {
        self.world().evict(service);
    }
}

impl Durable for Memory {
    fn restart(&mut self) {
        self.world().reopen();
    }

    fn crash(&mut self) {
        self.world().reopen();
    }
}

impl Answering for Memory {
    type Snapshots = Self;

    fn snapshots(&self) -> Self {
        self.clone()
    }
}

impl Trimming for Memory {
    async fn trim(&self, topic: Topic, partition: PartitionId, start: Offset) {
        let mut world = self.world();
        world.log(topic, partition).trim(start);
        world.wake();
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
