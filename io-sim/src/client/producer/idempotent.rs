//! The producer of drivers: every record once, those of a partition in their order.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_channel::{mpsc, oneshot};
use futures_util::{
    FutureExt, Stream, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered,
};
use tidelog_core::Offset;

use super::{
    Delivery, Unsent,
    lane::{Lane, Said, Ticket, Waiting},
};
use crate::{
    client::{Cluster, Failure, Place, Task, producing::batch_of},
    wire::{Appended, ErrorCode, Instant, ProducerIdentity, Sequence},
};

/// An idempotent producer. It works in a task of its own; what it has not sent when it is dropped goes
/// with it.
#[derive(Debug)]
pub(crate) struct Producer {
    calls: mpsc::UnboundedSender<Call>,
    _task: Task,
}

/// Appends records through a [`Producer`]. Can go to any thread.
#[derive(Clone, Debug)]
pub(crate) struct Appender(mpsc::UnboundedSender<Call>);

#[derive(Debug)]
struct Call {
    records: Vec<(Place, Unsent)>,
    deliveries: oneshot::Sender<Vec<Delivery>>,
}

impl Producer {
    /// Starts a producer on this machine.
    pub(crate) fn start(cluster: Cluster) -> Self {
        let (calls, queue) = mpsc::unbounded();
        let work = Work {
            cluster,
            identity: None,
            lanes: BTreeMap::new(),
            calls: BTreeMap::new(),
            numbers: 0,
            in_flight: FuturesUnordered::new(),
            identifying: None,
            refreshing: None,
        };
        Self { calls, _task: Task::start(work.run(queue)) }
    }

    pub(crate) fn appender(&self) -> Appender {
        Appender(self.calls.clone())
    }
}

impl Appender {
    /// Appends records. It begins with the call, and calls in order append in order.
    pub(crate) fn append(
        &self,
        records: Vec<(Place, Unsent)>,
    ) -> impl Future<Output = Vec<Delivery>> + Send + 'static {
        let count = records.len();
        let (deliveries, told) = oneshot::channel();
        let is_sent = self.0.unbounded_send(Call { records, deliveries }).is_ok();
        async move {
            // If the producer goes, nobody knows how far it got.
            let unknown = || Delivery::Unknown("the producer is gone".into());
            let failed = || Delivery::Failed("the producer was gone already".into());
            let gone = || if is_sent { unknown() } else { failed() };
            told.await.unwrap_or_else(|_| (0..count).map(|_| gone()).collect())
        }
    }
}

struct Work {
    cluster: Cluster,
    identity: Option<ProducerIdentity>,
    lanes: BTreeMap<Place, Lane>,
    calls: BTreeMap<u64, Open>,
    numbers: u64,
    in_flight: FuturesUnordered<LocalBoxFuture<'static, Answered>>,
    identifying: Option<LocalBoxFuture<'static, Option<ProducerIdentity>>>,
    refreshing: Option<LocalBoxFuture<'static, ()>>,
}

/// A call that not everything is known of.
struct Open {
    deliveries: Vec<Option<Delivery>>,
    missing: usize,
    told: oneshot::Sender<Vec<Delivery>>,
}

struct Answered {
    place: Place,
    identity: ProducerIdentity,
    sequence: Sequence,
    said: Said,
}

enum Step {
    Call(Call),
    Answered(Answered),
    Identified(Option<ProducerIdentity>),
    Refreshed,
    Woken,
    Closed,
}

impl Work {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Call>) {
        loop {
            let now = self.cluster.now();
            self.expire(now);
            self.identify();
            self.send(now);
            let wake = self.lanes.values().filter_map(|lane| lane.wake(now)).min();
            let cluster = self.cluster.clone();
            let mut timer =
                wake.map(|at| async move { cluster.sleep_until(at).await }.boxed_local());
            let step = poll_fn(|context| self.poll(&mut queue, timer.as_mut(), context)).await;
            match step {
                Step::Call(call) => self.open(call),
                Step::Answered(answered) => self.answered(answered),
                Step::Identified(identity) => self.identity = identity.or(self.identity),
                Step::Refreshed | Step::Woken => {}
                Step::Closed => return,
            }
        }
    }

    fn poll(
        &mut self,
        queue: &mut mpsc::UnboundedReceiver<Call>,
        timer: Option<&mut LocalBoxFuture<'static, ()>>,
        context: &mut Context<'_>,
    ) -> Poll<Step> {
        if let Poll::Ready(call) = Pin::new(queue).poll_next(context) {
            return Poll::Ready(call.map_or(Step::Closed, Step::Call));
        }
        if let Poll::Ready(Some(answered)) = self.in_flight.poll_next_unpin(context) {
            return Poll::Ready(Step::Answered(answered));
        }
        if let Some(identifying) = &mut self.identifying
            && let Poll::Ready(identity) = identifying.poll_unpin(context)
        {
            self.identifying = None;
            return Poll::Ready(Step::Identified(identity));
        }
        if let Some(refreshing) = &mut self.refreshing
            && refreshing.poll_unpin(context).is_ready()
        {
            self.refreshing = None;
            return Poll::Ready(Step::Refreshed);
        }
        timer.map_or(Poll::Pending, |timer| timer.poll_unpin(context).map(|()| Step::Woken))
    }

    fn open(&mut self, call: Call) {
        if call.records.is_empty() {
            let _ = call.deliveries.send(Vec::new());
            return;
        }
        let number = self.numbers;
        self.numbers += 1;
        let expires = self.cluster.after(self.cluster.settings().delivery_limit);
        let missing = call.records.len();
        let deliveries = (0..missing).map(|_| None).collect();
        self.calls.insert(number, Open { deliveries, missing, told: call.deliveries });
        for (index, (place, record)) in call.records.into_iter().enumerate() {
            let lane = self.lanes.entry(place).or_insert_with(Lane::new);
            lane.push(Waiting { record, ticket: (number, index), expires });
        }
    }

    fn expire(&mut self, now: Instant) {
        let told: Vec<_> = self.lanes.values_mut().flat_map(|lane| lane.expire(now)).collect();
        self.tell(told);
    }

    /// Gives new identities to the lanes that need one, as soon as there is one for them.
    fn identify(&mut self) {
        let mut told = Vec::new();
        let mut needed = false;
        for lane in self.lanes.values_mut().filter(|lane| lane.needs_identity()) {
            match self.identity {
                Some(identity) if lane.identity() != Some(identity) => {
                    told.extend(lane.renew(identity));
                }
                Some(_) | None => needed = true,
            }
        }
        self.tell(told);
        if needed && self.identifying.is_none() {
            let (cluster, identity) = (self.cluster.clone(), self.identity);
            let identify = async move {
                let init = async || cluster.init_idempotent(identity).await;
                cluster.patiently(init).await.ok()
            };
            self.identifying = Some(identify.boxed_local());
        }
    }

    fn send(&mut self, now: Instant) {
        let mut lost = Vec::new();
        for (place, lane) in &mut self.lanes {
            let place = *place;
            let Some(leader) = self.cluster.leader(place) else {
                if lane.is_waiting(now) {
                    lost.push(place.0);
                }
                continue;
            };
            while let Some(batch) = lane.send(now, leader.broker) {
                let (identity, sequence) = (batch.identity, batch.sequence);
                let records = batch.records.iter().map(|waiting| waiting.record.to_record());
                let batch = batch_of(identity, sequence, false, records.collect());
                let sent = self.cluster.produce_at(leader.broker, None, vec![(place, batch)]);
                let answered = sent.map(move |mut answers| {
                    let answer = answers.pop().map(|(_, answer)| answer);
                    let said = said(answer.unwrap_or(Err(Failure::NothingNew)));
                    Answered { place, identity, sequence, said }
                });
                self.in_flight.push(answered.boxed_local());
            }
        }
        lost.dedup();
        if !lost.is_empty() && self.refreshing.is_none() {
            let cluster = self.cluster.clone();
            let refresh = async move {
                cluster.refresh(&lost).await;
                if lost.iter().any(|topic| !cluster.is_led(*topic)) {
                    cluster.back_off().await;
                }
            };
            self.refreshing = Some(refresh.boxed_local());
        }
    }

    fn answered(&mut self, answered: Answered) {
        let Answered { place, identity, sequence, said } = answered;
        let retry_at = self.cluster.after(self.cluster.settings().back_off);
        let Some(lane) = self.lanes.get_mut(&place) else { return };
        let told = lane.answer(identity, sequence, said, retry_at);
        self.tell(told);
    }

    fn tell(&mut self, told: Vec<(Ticket, Delivery)>) {
        for ((number, index), delivery) in told {
            let Some(open) = self.calls.get_mut(&number) else { continue };
            open.deliveries[index] = Some(delivery);
            open.missing -= 1;
            if open.missing == 0
                && let Some(open) = self.calls.remove(&number)
            {
                let _ = open.told.send(open.deliveries.into_iter().flatten().collect());
            }
        }
    }
}

/// What a broker's answer to a batch means.
fn said(answer: Result<Appended, Failure>) -> Said {
    match answer {
        Ok(appended) => Said::Appended(Offset(appended.base_offset.0)),
        Err(failure) if failure.is_unknown() => Said::Perhaps(failure.to_string().into()),
        Err(failure) => match failure.code() {
            Some(ErrorCode::DuplicateSequenceNumber) => Said::Duplicate,
            // The broker has forgotten the producer, or a newer life of it has been there.
            Some(
                ErrorCode::OutOfOrderSequenceNumber
                | ErrorCode::UnknownProducerId
                | ErrorCode::InvalidProducerEpoch,
            ) => Said::OutOfOrder,
            Some(_) | None if failure.is_retriable() => Said::NotYet(failure.to_string().into()),
            Some(_) | None => Said::Refused(failure.to_string().into()),
        },
    }
}
