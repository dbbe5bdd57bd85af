//! A model of librdkafka: consumers, group members and producers as tasks of simulated machines.
//!
//! A `Cluster` is what one client instance knows and holds: its connections, and who leads and
//! coordinates. A consumer, a group member and a producer have one each, as they have connections of
//! their own in librdkafka, so that what waits on one of them holds up no other. Time limits are by the
//! machine's monotonic clock.

mod failure;
mod fetcher;
mod group;
mod metadata;
mod names;
mod producer;
mod producing;
mod reading;
mod settings;
mod tasks;
mod watched;

pub use settings::{ClientSettings, TransactionVersion};

pub(crate) use self::{
    failure::Failure,
    fetcher::{Fetched, Fetcher, Read},
    group::{GroupEvent, GroupMetadata, GroupView, Member},
    metadata::Leader,
    names::Names,
    producer::{Appender, Delivery, Producer, TransactionError, TransactionalProducer, Unsent},
    reading::{Chunk, Which},
    tasks::Task,
    watched::Watched,
};

use std::{cell::RefCell, fmt, pin::pin, rc::Rc, time::Duration};

use futures_util::future::{Either, select};
use tidelog_core::{PartitionId, Timestamp, Topic};

use self::metadata::Metadata;
use crate::{
    choice::Entity,
    clock::Clock,
    fault::{Draw, FaultKind},
    net::{Caller, Net},
    sim::micros,
    wire::{ErrorCode, Instant, Node, Reply, Request},
};

/// A partition of a topic.
pub(crate) type Place = (Topic, PartitionId);

/// A client's connections to the cluster, and what it knows of it. Clones are handles to the same ones.
#[derive(Clone)]
pub(crate) struct Cluster(Rc<Shared>);

struct Shared {
    caller: Caller,
    net: Net,
    clock: Clock,
    /// Whose inputs they are, in the trace.
    name: Box<str>,
    /// What choices about it are keyed by.
    entity: Entity,
    names: Names,
    settings: ClientSettings,
    metadata: RefCell<Metadata>,
}

impl Cluster {
    /// A client that connects from a machine. To be made by a task of that machine.
    pub(crate) fn connect(net: &Net, node: Node, name: &str, settings: &ClientSettings) -> Self {
        Self(Rc::new(Shared {
            caller: net.caller(node),
            net: net.clone(),
            clock: net.sim().machine(node).clock().clone(),
            name: name.into(),
            entity: net.sim().entity(name),
            names: Names::new(&settings.prefix),
            metadata: RefCell::new(Metadata::new(settings.brokers.clone())),
            settings: settings.clone(),
        }))
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    /// What the monotonic clock shows.
    pub(crate) fn now(&self) -> Instant {
        self.0.clock.instant()
    }

    /// What the clock on the wall shows.
    pub(crate) fn wall(&self) -> Timestamp {
        self.0.clock.wall()
    }

    /// When some time will have gone by.
    pub(crate) fn after(&self, time: Duration) -> Instant {
        Instant(self.now().0.saturating_add(micros(time)))
    }

    pub(crate) fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static + use<> {
        self.0.clock.sleep_until(at)
    }

    /// Waits a little before something is tried again.
    pub(crate) async fn back_off(&self) {
        self.0.clock.sleep(self.0.settings.back_off).await;
    }

    /// Waits a little before something is tried again that failed in this way.
    pub(crate) async fn back_off_after(&self, failure: &Failure) {
        // The transaction before has still to end, which is a matter of milliseconds.
        let is_quick = failure.code() == Some(ErrorCode::ConcurrentTransactions);
        let time = if is_quick { CONCURRENT_BACK_OFF } else { self.0.settings.back_off };
        self.0.clock.sleep(time).await;
    }

    /// What a future comes to, if it does before a time.
    pub(crate) async fn before<T>(
        &self,
        until: Instant,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        match select(pin!(future), pin!(self.sleep_until(until))).await {
            Either::Left((found, _)) => Some(found),
            Either::Right(((), _)) => None,
        }
    }

    /// Tries something again while it fails in a way that passes, for as long as patience lasts.
    pub(crate) async fn patiently<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.retry_until(self.after(self.0.settings.patience), attempt).await
    }

    /// Tries something again while it fails in a way that passes, until a time.
    pub(crate) async fn retry_until<T>(
        &self,
        until: Instant,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            match attempt().await {
                Err(failure) if failure.is_retriable() && self.now() < until => {
                    self.back_off_after(&failure).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether a fault of clients strikes at this opportunity.
    pub(crate) fn fault(&self, kind: FaultKind) -> Option<Draw> {
        self.0.net.sim().fault(kind, self.0.entity)
    }

    /// Waits as long as a fault has it, if that strikes now.
    pub(crate) async fn stand_still(&self, kind: FaultKind, at_most_ms: u64) {
        if let Some(draw) = self.fault(kind) {
            self.0.clock.sleep(draw.millis("length", 5, at_most_ms)).await;
        }
    }

    /// Asks a broker. The request is on its way with the call, not with the first poll.
    fn request<R: Into<Request>>(
        &self,
        to: Node,
        request: R,
    ) -> impl Future<Output = Result<Reply, Failure>> + 'static + use<R> {
        self.request_within(to, request, self.0.settings.request_timeout)
    }

    /// As [`Cluster::request`], for what takes another time.
    fn request_within<R: Into<Request>>(
        &self,
        to: Node,
        request: R,
        timeout: Duration,
    ) -> impl Future<Output = Result<Reply, Failure>> + 'static + use<R> {
        let asked = self.0.caller.request(to, request, timeout);
        let cluster = self.clone();
        async move {
            let asked = asked.await;
            let what = asked.as_ref().map_or("no answer", Reply::name);
            cluster.0.net.sim().event(&cluster.0.name, what, &asked);
            asked.map_err(Failure::Net)
        }
    }
}

/// How long a producer waits for its transaction before to end, each time.
const CONCURRENT_BACK_OFF: Duration = Duration::from_millis(20);

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.0.name)
    }
}

/// A time in whole milliseconds, as requests have it.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("less than half a milliard years")
}

#[cfg(test)]
mod tests;
