//! A connection while it holds.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use madsim::{net::Receiver, time::Sleep};

use super::{super::Answered, NetError, RETRANSMIT, Shared, State};
use crate::fault::FaultKind;

/// The way back, and the one timer of a connection.
struct Back {
    receiver: Receiver,
    /// Replies that wait in the network.
    held: VecDeque<Answered>,
    held_until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Shared {
    /// Sends and receives until the connection breaks, and says why it did.
    pub(super) async fn serve(&self, receiver: Receiver) -> NetError {
        let mut back = Back { receiver, held: VecDeque::new(), held_until: None, timer: None };
        poll_fn(|context| self.poll(&mut back, context)).await
    }

    fn poll(&self, back: &mut Back, context: &mut Context<'_>) -> Poll<NetError> {
        self.state.borrow_mut().waker = Some(context.waker().clone());
        loop {
            if let Poll::Ready(error) = self.receive(back, context) {
                return Poll::Ready(error);
            }
            let now = self.now();
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            if state.breaks_at.is_some_and(|at| at <= now) {
                return Poll::Ready(NetError::Disconnected);
            }
            if state.next_deadline.is_some_and(|at| at <= now) && state.expire(now) {
                // What was asked first is not answered: the connection is given up, as librdkafka does.
                return Poll::Ready(NetError::Disconnected);
            }
            self.flush(state, now);
            let stalled = state.stalled_until.filter(|_| !state.unsent.is_empty());
            let next = [state.breaks_at, state.next_deadline, stalled, back.held_until];
            let Some(next) = next.into_iter().flatten().min() else { return Poll::Pending };
            if !back.is_woken(self, next, context) {
                return Poll::Pending;
            }
        }
    }

    /// Takes what comes back.
    fn receive(&self, back: &mut Back, context: &mut Context<'_>) -> Poll<NetError> {
        loop {
            if let Poll::Ready(error) = self.release(back) {
                return Poll::Ready(error);
            }
            match back.receiver.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(payload))) => {
                    let answered = payload.downcast::<Answered>().expect("servers send replies");
                    if let Some(draw) = self.net.sim().fault(FaultKind::ReplyDelayed, self.back) {
                        back.hold(self.now() + draw.millis("delay", 2, 2_000));
                    }
                    back.held.push_back(*answered);
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(NetError::Disconnected),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Hands out the replies that have arrived.
    fn release(&self, back: &mut Back) -> Poll<NetError> {
        if back.held.is_empty() || back.held_until.is_some_and(|until| until > self.now()) {
            return Poll::Pending;
        }
        back.held_until = None;
        if self.net.is_cut(self.to, self.from) {
            back.hold(self.now() + RETRANSMIT);
            return Poll::Pending;
        }
        while let Some(Answered { id, reply }) = back.held.pop_front() {
            let may = |_| self.net.may_hold_up(self.from, self.to, Duration::ZERO);
            if self.net.sim().fault_if(FaultKind::ReplyLost, self.back, may).is_some() {
                return Poll::Ready(NetError::Disconnected);
            }
            let waiting = self.state.borrow_mut().waiting.remove(&id);
            if let Some(waiting) = waiting {
                let _ = waiting.answer.send(Ok(reply));
            }
        }
        Poll::Pending
    }
}

impl State {
    /// Tells those whose time is over, if there are any.
    fn expire(&mut self, now: Instant) -> bool {
        let late = |waiting: &super::Waiting| waiting.deadline <= now;
        let ids: Vec<_> =
            self.waiting.iter().filter(|(_, it)| late(it)).map(|(id, _)| *id).collect();
        for id in &ids {
            let waiting = self.waiting.remove(id).expect("it was there just now");
            let _ = waiting.answer.send(Err(NetError::TimedOut));
        }
        self.next_deadline = self.waiting.values().map(|waiting| waiting.deadline).min();
        !ids.is_empty()
    }
}

impl Back {
    fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Whether that time has come; if not, the task is woken then. madsim cannot take a timer back, so
    /// one that is armed for an earlier time stays, and the next one is armed when it has gone off.
    fn is_woken(&mut self, link: &Shared, at: Instant, context: &mut Context<'_>) -> bool {
        let armed = self.timer.as_ref().is_some_and(|timer| timer.deadline() <= at);
        if armed {
            let timer = self.timer.as_ref().expect("it is armed");
            if !timer.is_elapsed() {
                return false;
            }
        }
        let mut timer = Box::pin(link.net.sim().time().sleep_until(at));
        let is_over = timer.as_mut().poll(context).is_ready();
        self.timer = Some(timer);
        is_over
    }
}
