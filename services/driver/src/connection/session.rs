//! The loop of a connection: takes what has happened, hands it to the requests, does what they say.

use std::task::{Context, Poll};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tidelog_core::{
    Message as Record, Timestamp, Topic,
    message::DecodeError,
    port::{self, Append, AppendOutcome, BoxFuture, Client},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Databases, Message,
    following::{Follow, Following},
    reader::{Begin, Reader, Step},
};
use crate::requests::{Input, Output, Requests, Slot, Told};

/// Requests whose callers are told through oneshots.
type Calls = Requests<oneshot::Sender<Told>>;

/// What a connection works with while it runs.
pub(super) struct Session<'a, C> {
    client: &'a C,
    prefix: String,
    inbox: mpsc::UnboundedReceiver<Message>,
    received: Vec<Message>,
    requests: Calls,
    /// Records that wait for the next append.
    outgoing: (Vec<Slot>, Vec<Append>),
    appends: FuturesUnordered<BoxFuture<'static, (Vec<Slot>, Vec<AppendOutcome>)>>,
    reads: FuturesUnordered<BoxFuture<'a, Step>>,
    /// Readers of responses that do not know yet where to begin. Until they do, nothing is sent:
    /// its answer could be missed.
    locating: usize,
    databases: watch::Sender<Databases>,
    /// Records that nobody answers, on their way into the log.
    unanswered: FuturesUnordered<BoxFuture<'static, ()>>,
    following: Following,
    /// Readers of `schema-updates` that have not come to its end yet, and who waits for that.
    catching_up: usize,
    awaiting_ready: Vec<oneshot::Sender<()>>,
    timer: Option<(Timestamp, BoxFuture<'a, ()>)>,
    /// Whether every driver and call is gone.
    is_deserted: bool,
    shutdown: Option<Timestamp>,
    /// Dropped, and so told, when the session is.
    awaiting_end: Vec<oneshot::Sender<()>>,
}

impl<'a, C: Client> Session<'a, C> {
    pub(super) fn new(
        client: &'a C,
        prefix: String,
        inbox: mpsc::UnboundedReceiver<Message>,
        requests: Calls,
        databases: watch::Sender<Databases>,
    ) -> Self {
        let layout = client.layout();
        let own = layout.partition(&prefix);
        let responses = [Topic::PartialResponses, Topic::CompleteResponses]
            .map(|topic| Reader::new(topic, own, Begin::AtEnd));
        let schemas = layout.all().map(|p| Reader::new(Topic::SchemaUpdates, p, Begin::AtStart));
        let (locating, catching_up) = (responses.len(), layout.all().count());
        let readers = responses.into_iter().chain(schemas);
        let reads = readers.map(|reader| -> BoxFuture<'a, _> { Box::pin(reader.step(client)) });
        Self {
            client,
            prefix,
            inbox,
            received: Vec::new(),
            requests,
            outgoing: Default::default(),
            appends: FuturesUnordered::new(),
            reads: reads.collect(),
            locating,
            databases,
            catching_up,
            unanswered: FuturesUnordered::new(),
            following: Following::default(),
            awaiting_ready: Vec::new(),
            timer: None,
            is_deserted: false,
            shutdown: None,
            awaiting_end: Vec::new(),
        }
    }

    /// Goes round until nothing is left to do at this time. Sources are looked at in a fixed order,
    /// so that a run is a function of what they give.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            let now = self.client.now();
            let received = self.poll_inbox(context, now);
            let read = self.poll_reads(context, now);
            let appended = self.poll_appends(context, now) | self.poll_unanswered(context);
            if self.requests.is_due(now) {
                self.requests.handle(now, Input::Tick);
            }
            let sent = self.carry_out();
            if self.is_over(now) {
                self.finish(now);
                return Poll::Ready(());
            }
            let elapsed = self.poll_timer(context);
            if !(received || read || appended || sent || elapsed) {
                return Poll::Pending;
            }
        }
        // There is more to do, but others may have too.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_inbox(&mut self, context: &mut Context<'_>, now: Timestamp) -> bool {
        if self.is_deserted {
            return false;
        }
        match self.inbox.poll_recv_many(context, &mut self.received, MESSAGES_MAX) {
            Poll::Pending => return false,
            Poll::Ready(0) => self.is_deserted = true,
            Poll::Ready(_) => {}
        }
        for message in std::mem::take(&mut self.received) {
            match message {
                Message::Append { append, reply } => self.append(append, reply),
                Message::Follow(follow) => self.follow(follow),
                Message::Request(input) => self.requests.handle(now, input),
                Message::Ready(ready) => self.awaiting_ready.push(ready),
                Message::Shutdown { deadline, done } => {
                    let deadline = self.shutdown.map_or(deadline, |other| other.min(deadline));
                    self.shutdown = Some(deadline);
                    self.requests.handle(now, Input::Close);
                    self.awaiting_end.push(done);
                }
            }
        }
        self.tell_ready();
        true
    }

    fn poll_reads(&mut self, context: &mut Context<'_>, now: Timestamp) -> bool {
        for done in 0..READS_MAX {
            let Poll::Ready(Some(step)) = self.reads.poll_next_unpin(context) else {
                return done > 0;
            };
            if Following::has(step.reader.topic) {
                if !self.following.take(&step) {
                    continue;
                }
            } else if step.reader.topic == Topic::SchemaUpdates {
                self.take_schemas(&step);
            } else {
                self.locating -= usize::from(step.has_located);
                self.take_responses(&step, now);
            }
            self.reads.push(Box::pin(step.reader.step(self.client)));
        }
        true
    }

    /// Appends a record that nobody answers. Whoever waits is told what became of it.
    fn append(&mut self, append: Append, reply: oneshot::Sender<AppendOutcome>) {
        let appended = self.client.append(vec![append]);
        self.unanswered.push(Box::pin(async move {
            if let Some(outcome) = appended.await.pop() {
                // Whoever asked may have gone.
                let _ = reply.send(outcome);
            }
        }));
    }

    fn poll_unanswered(&mut self, context: &mut Context<'_>) -> bool {
        let mut is_any = false;
        while let Poll::Ready(Some(())) = self.unanswered.poll_next_unpin(context) {
            is_any = true;
        }
        is_any
    }

    fn follow(&mut self, follow: Follow) {
        let (topic, partition) = (follow.topic, follow.partition);
        if self.following.add(follow) {
            let reader = Reader::new(topic, partition, Begin::AtEnd);
            self.reads.push(Box::pin(reader.step(self.client)));
        }
    }

    fn take_responses(&mut self, step: &Step, now: Timestamp) {
        let topic = step.reader.topic;
        for record in &step.records {
            // Other clients' responses share the partition; most are told apart by their keys.
            if record.key != self.prefix.as_bytes() {
                continue;
            }
            match Record::decode(topic, &record.payload) {
                Ok(Record::PartialResponse(response)) => {
                    self.requests.handle(now, Input::Partial(response));
                }
                Ok(Record::CompleteResponse(response)) => {
                    self.requests.handle(now, Input::Complete(response));
                }
                Ok(_) => {}
                Err(error) => warn_of(topic, record, &error),
            }
        }
    }

    fn take_schemas(&mut self, step: &Step) {
        let topic = step.reader.topic;
        let mut updates = Vec::new();
        for record in &step.records {
            match Record::decode(topic, &record.payload) {
                Ok(message) => updates.push(message),
                Err(error) => warn_of(topic, record, &error),
            }
        }
        self.catching_up -= usize::from(step.has_caught_up);
        let is_complete = self.catching_up == 0;
        if updates.is_empty() && !step.has_caught_up {
            return;
        }
        self.databases.send_modify(|databases| {
            updates.into_iter().for_each(|update| databases.update(update));
            databases.is_complete = is_complete;
        });
        self.tell_ready();
    }

    fn tell_ready(&mut self) {
        if self.catching_up == 0 {
            for ready in self.awaiting_ready.drain(..) {
                // Whoever asked may have gone.
                let _ = ready.send(());
            }
        }
    }

    fn poll_appends(&mut self, context: &mut Context<'_>, now: Timestamp) -> bool {
        let mut is_any = false;
        while let Poll::Ready(Some((slots, outcomes))) = self.appends.poll_next_unpin(context) {
            is_any = true;
            self.requests.handle(now, Input::Appended { slots, outcomes });
        }
        is_any
    }

    /// Does what the requests have said: tells callers, and appends all records at once.
    fn carry_out(&mut self) -> bool {
        for output in self.requests.outputs().drain(..) {
            match output {
                Output::Append(slot, append) => {
                    self.outgoing.0.push(slot);
                    self.outgoing.1.push(append);
                }
                Output::Tell(reply, told) => {
                    // Whoever asked may have gone.
                    let _ = reply.send(told);
                }
            }
        }
        if self.outgoing.0.is_empty() || self.locating > 0 {
            return false;
        }
        let (slots, records) = std::mem::take(&mut self.outgoing);
        let append = self.client.append(records);
        self.appends.push(Box::pin(async move { (slots, append.await) }));
        true
    }

    /// Sees to it that the task is woken when something is due. A timer that goes off too early
    /// costs less than a new one for every request.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> bool {
        let due = [self.requests.next_deadline(), self.shutdown];
        let Some(due) = due.into_iter().flatten().min() else { return false };
        let client = self.client;
        let timer = match &mut self.timer {
            Some((at, timer)) if *at <= due => timer,
            timer => &mut timer.insert((due, Box::pin(client.sleep_until(due)))).1,
        };
        let has_elapsed = timer.as_mut().poll(context).is_ready();
        if has_elapsed {
            self.timer = None;
        }
        has_elapsed
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let is_sent = self.appends.is_empty() && self.outgoing.0.is_empty();
        match self.shutdown {
            Some(deadline) => deadline <= now || self.requests.is_drained(),
            None => self.is_deserted && (is_sent || self.requests.is_drained()),
        }
    }

    /// Tells everybody who still waits that it is over.
    fn finish(&mut self, now: Timestamp) {
        self.inbox.close();
        self.requests.handle(now, Input::Finish);
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Request(input) = message {
                self.requests.handle(now, input);
            }
        }
        for output in self.requests.outputs().drain(..) {
            if let Output::Tell(reply, told) = output {
                // Whoever asked may have gone.
                let _ = reply.send(told);
            }
        }
    }
}

fn warn_of(topic: Topic, record: &port::Record, error: &DecodeError) {
    let (offset, bytes) = (record.offset, record.payload.len());
    tracing::warn!(%topic, %offset, bytes, %error, "skipped a record that cannot be read");
}

/// How often one poll goes round before it lets others go on.
const ROUNDS_MAX: usize = 16;

/// Messages that are taken at once.
const MESSAGES_MAX: usize = 1_024;

/// Reads that are taken at once.
const READS_MAX: usize = 64;
