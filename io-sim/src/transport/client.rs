//! The side of the drivers: an idempotent producer, and reading without a group.

use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::{
    FutureExt, StreamExt,
    future::{Either, LocalBoxFuture, select},
    stream::FuturesUnordered,
};
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};

use super::ends;
use crate::{
    client::{Appender, ClientSettings, Cluster, Delivery, Failure, Place, Producer, Unsent},
    clock::Clock,
    net::{Net, NetError},
    wire::Node,
};

/// A client of the modelled log. It does its work in a task of its own on its machine, so that its
/// futures can go to any thread, as the port wants them; none ever does. Clones are handles to the same
/// client, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct SimClient {
    calls: mpsc::UnboundedSender<Call>,
    layout: Layout,
    clock: Clock,
}

#[derive(Debug)]
enum Call {
    Append { records: Vec<Append>, outcomes: oneshot::Sender<Vec<AppendOutcome>> },
    Read { place: Place, from: Offset, until: Timestamp, records: Answer<Vec<Record>> },
    Bounds { place: Place, bounds: Answer<(Offset, Offset)> },
}

type Answer<T> = oneshot::Sender<Result<T, ClientError>>;

impl SimClient {
    /// Starts a client on a machine.
    #[must_use]
    pub fn start(net: &Net, node: Node, name: &str, settings: &ClientSettings) -> Self {
        let (calls, queue) = mpsc::unbounded();
        let machine = net.sim().machine(node);
        let (layout, clock) = (settings.layout, machine.clock().clone());
        let (net, name, settings) = (net.clone(), format!("{name}/client"), settings.clone());
        machine.start(move || async move {
            let consuming = Cluster::connect(&net, node, &name, &settings);
            let producer = Producer::start(Cluster::connect(&net, node, &name, &settings));
            work(&consuming, &producer.appender(), queue).await;
        });
        Self { calls, layout, clock }
    }

    fn call(&self, call: Call) {
        // Where the client's machine has gone, whoever waits for the answer learns it.
        let _ = self.calls.unbounded_send(call);
    }
}

impl Client for SimClient {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.clock.sleep_until_wall(at).await;
    }

    fn append(
        &self,
        records: Vec<Append>,
    ) -> impl Future<Output = Vec<AppendOutcome>> + Send + 'static {
        let count = records.len();
        let (outcomes, told) = oneshot::channel();
        self.call(Call::Append { records, outcomes });
        async move {
            let unknown = || AppendOutcome::Unknown("the client is gone".into());
            told.await.unwrap_or_else(|_| (0..count).map(|_| unknown()).collect())
        }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: PartitionId,
        from: Offset,
        until: Timestamp,
    ) -> Result<Vec<Record>, ClientError> {
        let (records, told) = oneshot::channel();
        self.call(Call::Read { place: (topic, partition), from, until, records });
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        let (bounds, told) = oneshot::channel();
        self.call(Call::Bounds { place: (topic, partition), bounds });
        told.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> ClientError {
    ClientError::Unavailable("the client is gone".into())
}

/// What a call turns into.
type Working<'a> = FuturesUnordered<LocalBoxFuture<'a, ()>>;

async fn work(cluster: &Cluster, appender: &Appender, mut calls: mpsc::UnboundedReceiver<Call>) {
    let mut working = Working::new();
    loop {
        let call = if working.is_empty() {
            calls.next().await
        } else {
            match select(calls.next(), working.next()).await {
                Either::Left((call, _)) => call,
                Either::Right(_) => continue,
            }
        };
        match call {
            Some(call) => working.push(begin(cluster, appender, call)),
            // What was to be appended is, though nobody can ask for more.
            None => return working.for_each(std::future::ready).await,
        }
    }
}

fn begin<'a>(cluster: &'a Cluster, appender: &Appender, call: Call) -> LocalBoxFuture<'a, ()> {
    match call {
        Call::Append { records, outcomes } => {
            let unsent = |it: Append| {
                let (value, trace) = (Some(it.payload), it.headers.trace);
                ((it.topic, it.partition), Unsent { key: it.key, value, trace })
            };
            let delivered = appender.append(records.into_iter().map(unsent).collect());
            // It goes on whether anybody waits for it or not.
            let tell = async move {
                let _ = outcomes.send(delivered.await.into_iter().map(outcome).collect());
            };
            tell.boxed_local()
        }
        Call::Read { place, from, until, records } => {
            answer(records, read(cluster, place, from, until))
        }
        Call::Bounds { place, bounds } => answer(bounds, async move {
            let ask = async || ends::bounds(cluster, place).await;
            cluster.patiently(ask).await.map_err(unavailable)
        }),
    }
}

/// Works for as long as somebody waits for the answer.
fn answer<'a, T: 'a>(
    mut to: Answer<T>,
    work: impl Future<Output = Result<T, ClientError>> + 'a,
) -> LocalBoxFuture<'a, ()> {
    let work = async move {
        let found = match select(Box::pin(work), to.cancellation()).await {
            Either::Left((found, _)) => found,
            Either::Right(((), _)) => return,
        };
        let _ = to.send(found);
    };
    work.boxed_local()
}

async fn read(
    cluster: &Cluster,
    place: Place,
    from: Offset,
    until: Timestamp,
) -> Result<Vec<Record>, ClientError> {
    let (topic, partition) = place;
    let limit = cluster.after(until.since(cluster.wall()).min(READ_MAX) + GRACE);
    let mut next = from;
    loop {
        let left = until.since(cluster.wall()).min(cluster.settings().fetch_wait);
        let fetched = cluster.before(limit, cluster.fetch(place, next, left)).await;
        let failure = match fetched.unwrap_or(Err(Failure::Net(NetError::TimedOut))) {
            Ok(chunk) if !chunk.records.is_empty() => {
                return Ok(chunk.records.into_iter().map(Into::into).collect());
            }
            Ok(chunk) => {
                next = chunk.next;
                None
            }
            Err(Failure::OutOfRange { start, .. }) if from < start => {
                return Err(ClientError::Gone { topic, partition, from, start });
            }
            Err(Failure::OutOfRange { end, .. }) => {
                let why = format!("{topic}/{partition} ends at {end}, before {next}");
                return Err(ClientError::Unavailable(why.into()));
            }
            Err(failure) => Some(failure),
        };
        if cluster.wall() >= until || cluster.now() >= limit {
            return failure.map_or(Ok(Vec::new()), |failure| Err(unavailable(failure)));
        }
        match failure {
            Some(failure) if !failure.is_retriable() => return Err(unavailable(failure)),
            Some(failure) => cluster.back_off_after(&failure).await,
            // A wait of less than a millisecond is none.
            None if left < Duration::from_millis(1) => cluster.back_off().await,
            None => {}
        }
    }
}

/// No read is longer.
const READ_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long beyond its end a read waits for an answer that it has asked for.
const GRACE: Duration = Duration::from_secs(1);

fn outcome(delivery: Delivery) -> AppendOutcome {
    match delivery {
        Delivery::Appended(offset) => AppendOutcome::Appended(offset),
        Delivery::Failed(why) => AppendOutcome::Rejected(why),
        Delivery::Unknown(why) => AppendOutcome::Unknown(why),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn unavailable(failure: Failure) -> ClientError {
    ClientError::Unavailable(failure.to_string().into())
}
