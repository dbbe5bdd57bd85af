//! A link from one process to one machine: at most one connection at a time, and what waits for it.

mod serve;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use futures_util::FutureExt;
use madsim::{
    net::{Endpoint, Receiver, Sender},
    task::{AbortHandle, spawn_local},
};

use super::{Asked, CONNECT_TIMEOUT, Net, NetError, RETRANSMIT, STRAYS_MS_MAX, address};
use crate::{
    choice::Entity,
    fault::{Draw, FaultKind},
    wire::{Node, Reply, Request},
};

type Answer = oneshot::Sender<Result<Reply, NetError>>;

/// A handle to the link. Its task ends when it is dropped, and with it the connection.
pub(super) struct Link {
    shared: Rc<Shared>,
    task: AbortHandle,
}

struct Shared {
    net: Net,
    from: Node,
    to: Node,
    /// The way there: `client1>broker2`.
    there: Entity,
    /// The way back.
    back: Entity,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    sender: Option<Sender>,
    /// What is to be sent once there is a connection that lets it through.
    unsent: VecDeque<(u32, Request)>,
    /// Nothing is sent before.
    stalled_until: Option<Instant>,
    /// The connection breaks then.
    breaks_at: Option<Instant>,
    /// Who waits, by the id of the request.
    waiting: BTreeMap<u32, Waiting>,
    /// No later than the first deadline of those who wait.
    next_deadline: Option<Instant>,
    last_id: u32,
    waker: Option<Waker>,
}

struct Waiting {
    answer: Answer,
    deadline: Instant,
}

impl Link {
    pub(super) fn open(net: &Net, from: Node, to: Node) -> Self {
        let there = net.sim().entity(&format!("{from}>{to}"));
        let back = net.sim().entity(&format!("{to}>{from}"));
        let state = RefCell::default();
        let shared = Rc::new(Shared { net: net.clone(), from, to, there, back, state });
        let task = spawn_local(Rc::clone(&shared).run()).abort_handle();
        Self { shared, task }
    }

    pub(super) fn send(&self, request: Request, timeout: Duration, answer: Answer) {
        self.shared.take(request, timeout, answer);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.fail(NetError::Disconnected);
    }
}

impl Shared {
    fn now(&self) -> Instant {
        self.net.sim().time().now_instant()
    }

    /// Takes a request: it is sent at once if nothing is in its way.
    fn take(&self, request: Request, timeout: Duration, answer: Answer) {
        if let Some(watch) = self.net.0.watch.get() {
            watch(self.from, self.to, &request);
        }
        let now = self.now();
        let state = &mut *self.state.borrow_mut();
        state.last_id = state.last_id.wrapping_add(1);
        let (id, deadline) = (state.last_id, now + timeout);
        state.waiting.insert(id, Waiting { answer, deadline });
        if state.next_deadline.is_none_or(|next| deadline < next) {
            state.next_deadline = Some(deadline);
            state.wake();
        }
        if let Some(request) = self.misfortune(state, now, request) {
            state.unsent.push_back((id, request));
            self.flush(state, now);
        }
    }

    /// Lets strike what may befall a request on its way. Gives it back unless it is lost.
    fn misfortune(&self, state: &mut State, now: Instant, request: Request) -> Option<Request> {
        let stray = |request, after| self.net.stray(self.from, self.to, request, after);
        let delay = |draw: Draw| draw.millis("delay", 2, 2_000);
        if let Some(draw) = self.holds_up(FaultKind::RequestDelayed, delay) {
            state.stall(now + delay(draw));
        }
        // Only what is sent at once is there twice, and in front of a break.
        let is_sent = state.sender.is_some()
            && state.stalled_until.is_none()
            && !self.net.is_cut(self.from, self.to);
        let may = |_| is_sent;
        let duplicated = self.net.sim().fault_if(FaultKind::RequestDuplicated, self.there, may);
        if let Some(draw) = duplicated {
            stray(request.clone(), draw.millis("later", 0, 500));
        }
        let reset = |draw: Draw| draw.millis("reset", 1, 5);
        if is_sent && let Some(draw) = self.holds_up(FaultKind::ConnectionReset, reset) {
            state.break_at(now + reset(draw));
        }
        let reset = |draw: Draw| draw.millis("reset", 1, 20);
        if let Some(draw) = self.holds_up(FaultKind::OriginalAfterRetry, reset) {
            stray(request, draw.millis("later", 20, STRAYS_MS_MAX));
            state.lose_until(now + reset(draw));
            return None;
        }
        let notice = |draw: Draw| draw.millis("notice", 1, 3_000);
        if let Some(draw) = self.holds_up(FaultKind::RequestLost, notice) {
            state.lose_until(now + notice(draw));
            return None;
        }
        Some(request)
    }

    /// Whether a fault strikes that holds up what is sent, and for how long.
    fn holds_up(&self, kind: FaultKind, time: impl Fn(Draw) -> Duration) -> Option<Draw> {
        let may = |draw| self.net.may_hold_up(self.from, self.to, time(draw));
        self.net.sim().fault_if(kind, self.there, may)
    }

    /// Sends what can be sent now.
    fn flush(&self, state: &mut State, now: Instant) {
        if state.unsent.is_empty() {
            return;
        }
        let Some(sender) = &state.sender else { return state.wake() };
        if state.stalled_until.is_some_and(|until| until > now) {
            return;
        }
        state.stalled_until = None;
        if self.net.is_cut(self.from, self.to) {
            return state.stall(now + RETRANSMIT);
        }
        for (id, request) in state.unsent.drain(..) {
            let asked = Asked { id, from: self.from, request };
            // That the connection is over is heard on its other half.
            let _ = sender.send(Box::new(asked)).now_or_never();
        }
    }

    async fn run(self: Rc<Self>) {
        loop {
            self.wanted().await;
            match self.connect().await {
                Some((endpoint, sender, receiver)) => {
                    self.state.borrow_mut().sender = Some(sender);
                    let error = self.serve(receiver).await;
                    drop(endpoint);
                    self.fail(error);
                }
                None => self.fail(NetError::Disconnected),
            }
        }
    }

    /// Waits until there is something to send, or somebody who believes so.
    async fn wanted(&self) {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if !state.waiting.is_empty() {
                return Poll::Ready(());
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn connect(&self) -> Option<(Endpoint, Sender, Receiver)> {
        let give_up = self.now() + CONNECT_TIMEOUT;
        while self.net.is_cut(self.from, self.to) || self.net.is_cut(self.to, self.from) {
            if self.now() > give_up {
                return None;
            }
            self.net.sim().time().sleep(RETRANSMIT).await;
        }
        let endpoint = Endpoint::bind("0.0.0.0:0").await.expect("fewer links than ports");
        let (sender, receiver) = endpoint.connect1(address(self.to)).await.ok()?;
        Some((endpoint, sender, receiver))
    }

    /// Ends the connection, and tells everybody who waits. What was never sent is told apart.
    fn fail(&self, error: NetError) {
        let mut state = self.state.borrow_mut();
        state.sender = None;
        state.stalled_until = None;
        state.breaks_at = None;
        state.next_deadline = None;
        let unsent: Vec<u32> = state.unsent.drain(..).map(|(id, _)| id).collect();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (id, waiting) in waiting {
            let error = if unsent.contains(&id) { NetError::Unreachable } else { error };
            let _ = waiting.answer.send(Err(error));
        }
    }
}

impl State {
    fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(Some(until));
        self.wake();
    }

    /// Something was lost on the way: nothing behind it arrives before it, so nothing does until the
    /// connection breaks.
    fn lose_until(&mut self, breaks_at: Instant) {
        self.stall(breaks_at);
        self.break_at(breaks_at);
    }

    fn break_at(&mut self, at: Instant) {
        self.breaks_at = Some(self.breaks_at.map_or(at, |breaks| breaks.min(at)));
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
