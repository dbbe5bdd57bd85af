//! The side of the services: what a runner holds of a session.
//!
//! Everything that may block happens on the session's thread ([`crate::member`]); here are the channels
//! to it and from it.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::JoinHandle,
};

use futures_channel::{mpsc, oneshot};
use futures_timer::Delay;
use futures_util::Stream;
use tidelog_core::{
    Layout, Offset, PartitionId, Spec, Timestamp, Topic,
    port::{Commit, CommitOutcome, Event, Records, Restored, Session, SessionError, Store, Wait},
};
use tracing::warn;

use crate::{
    clock,
    member::{self, Command, Credit, Link},
    tables::KafkaTables,
    transport::Shared,
};

/// A member of a service's group.
///
/// Dropping it waits for its thread, which ends the commit under way and leaves the group as
/// [`Settings::leaving`](crate::Settings::leaving) says.
pub struct KafkaSession<S: Store> {
    layout: Layout,
    link: Link<S::Tables>,
    thread: Option<JoinHandle<()>>,
    told: mpsc::UnboundedReceiver<Told>,
    /// What was told while something else was waited for.
    waiting: VecDeque<Told>,
    credit: Arc<Credit>,
    /// The partitions that are read, with the ticket of their last restoring.
    reading: BTreeMap<PartitionId, u64>,
    tickets: u64,
    is_committing: bool,
    over: Option<SessionError>,
}

/// What the thread has to tell.
#[derive(Debug)]
pub(crate) enum Told {
    Assigned(PartitionId),
    Revoked(PartitionId),
    Lost(PartitionId),
    Records { ticket: u64, records: Records, bytes: usize },
    InputLost { ticket: u64, partition: PartitionId, topic: Topic, position: Offset, start: Offset },
    Committed(CommitOutcome),
    Over(SessionError),
}

impl<S: Store> KafkaSession<S> {
    pub(crate) async fn join(
        shared: Arc<Shared<S>>,
        spec: &'static Spec,
    ) -> Result<Self, SessionError> {
        let layout = shared.settings.layout;
        let started = member::start(shared, spec)?;
        // From here on it is dropped as a session is, should nobody wait for it any more.
        let session = Self {
            layout,
            link: started.link,
            thread: Some(started.thread),
            told: started.told,
            waiting: VecDeque::new(),
            credit: started.credit,
            reading: BTreeMap::new(),
            tickets: 0,
            is_committing: false,
            over: None,
        };
        started.joined.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(session)
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        wait: Wait,
        timer: &mut Option<Delay>,
    ) -> Poll<Result<Event, SessionError>> {
        self.listen(cx);
        let next = if wait == Wait::Commit { self.take_outcome() } else { self.take_next() };
        if let Some(event) = next {
            return Poll::Ready(Ok(event));
        }
        if let Some(error) = &self.over {
            return Poll::Ready(Err(error.clone()));
        }
        assert!(wait != Wait::Commit || self.is_committing, "no commit is under way");
        let is_over = match wait {
            Wait::No => true,
            Wait::Until(at) => poll_until(at, timer, cx).is_ready(),
            Wait::Forever | Wait::Commit => false,
        };
        if is_over { Poll::Ready(Ok(Event::Idle)) } else { Poll::Pending }
    }

    /// Takes in what the thread has told.
    fn listen(&mut self, cx: &mut Context<'_>) {
        while self.over.is_none() {
            match Pin::new(&mut self.told).poll_next(cx) {
                Poll::Ready(Some(Told::Over(error))) => self.over = Some(error),
                Poll::Ready(Some(told)) => self.waiting.push_back(told),
                Poll::Ready(None) => self.over = Some(gone()),
                Poll::Pending => return,
            }
        }
    }

    /// The outcome of the commit under way, before all that was told earlier.
    fn take_outcome(&mut self) -> Option<Event> {
        let index = self.waiting.iter().position(|told| matches!(told, Told::Committed(_)))?;
        let told = self.waiting.remove(index)?;
        self.event(told)
    }

    fn take_next(&mut self) -> Option<Event> {
        while let Some(told) = self.waiting.pop_front() {
            if let Some(event) = self.event(told) {
                return Some(event);
            }
        }
        None
    }

    /// What is told to the runner; nothing if it has been overtaken.
    fn event(&mut self, told: Told) -> Option<Event> {
        match told {
            Told::Assigned(partition) => Some(Event::Assigned(partition)),
            Told::Revoked(partition) => Some(Event::Revoked(partition)),
            Told::Lost(partition) => {
                self.reading.remove(&partition);
                // Only now does the member ask to be taken back.
                self.link.send(Command::Release(partition));
                Some(Event::Lost(partition))
            }
            Told::Records { ticket, records, bytes } => {
                if self.credit.give_back(bytes) {
                    self.link.wake();
                }
                self.is_current(records.partition, ticket).then_some(Event::Records(records))
            }
            Told::InputLost { ticket, partition, topic, position, start } => self
                .is_current(partition, ticket)
                .then_some(Event::InputLost { partition, topic, position, start }),
            Told::Committed(outcome) => {
                self.is_committing = false;
                Some(Event::Committed(outcome))
            }
            Told::Over(error) => {
                self.over = Some(error);
                None
            }
        }
    }

    fn is_current(&self, partition: PartitionId, ticket: u64) -> bool {
        self.reading.get(&partition) == Some(&ticket)
    }

    /// Waits for an answer of the thread.
    async fn answer<T>(
        &self,
        answer: oneshot::Receiver<Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        answer.await.unwrap_or_else(|_| Err(self.over.clone().unwrap_or_else(gone)))
    }
}

impl<S: Store> Session for KafkaSession<S> {
    type Tables = KafkaTables<S::Tables>;

    fn layout(&self) -> Layout {
        self.layout
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    async fn next(&mut self, wait: Wait) -> Result<Event, SessionError> {
        let mut timer = None;
        poll_fn(|cx| self.poll_next(cx, wait, &mut timer)).await
    }

    async fn restore(
        &mut self,
        partition: PartitionId,
    ) -> Result<Restored<Self::Tables>, SessionError> {
        self.reading.remove(&partition);
        self.tickets += 1;
        let ticket = self.tickets;
        let (reply, answer) = oneshot::channel();
        self.link.send(Command::Restore { partition, ticket, reply });
        let restored = self.answer(answer).await?;
        self.reading.insert(partition, ticket);
        Ok(restored)
    }

    async fn ends(&mut self, partition: PartitionId) -> Result<Vec<(Topic, Offset)>, SessionError> {
        let (reply, answer) = oneshot::channel();
        self.link.send(Command::Ends { partition, reply });
        self.answer(answer).await
    }

    fn begin_commit(&mut self, commit: Commit) {
        assert!(!self.is_committing, "a commit is under way");
        self.is_committing = true;
        self.link.send(Command::Commit(commit));
    }

    fn release(&mut self, partition: PartitionId) {
        self.reading.remove(&partition);
        self.link.send(Command::Release(partition));
    }

    fn park(&mut self, partition: PartitionId) {
        self.reading.remove(&partition);
        self.link.send(Command::Park(partition));
    }
}

impl<S: Store> Drop for KafkaSession<S> {
    fn drop(&mut self) {
        // The thread sees that while it waits for something that is of no use any more.
        self.told.close();
        self.link.send(Command::Leave);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread of a session has panicked");
        }
    }
}

/// Polls the timer of a wait, which is made when it is first needed.
fn poll_until(at: Timestamp, timer: &mut Option<Delay>, cx: &mut Context<'_>) -> Poll<()> {
    let left = at.since(clock::now());
    if left.is_zero() {
        return Poll::Ready(());
    }
    // A clock that is set back in the meantime makes the wait no longer.
    Pin::new(timer.get_or_insert_with(|| Delay::new(left))).poll(cx)
}

fn gone() -> SessionError {
    SessionError::Lost("its thread has ended".into())
}
