//! The side that asks.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::FutureExt;

use super::{Net, NetError, link::Link};
use crate::wire::{Node, Reply, Request};

/// Whoever asks from a machine: one process of it. Its connections break when it is dropped.
pub struct Caller {
    net: Net,
    from: Node,
    links: RefCell<BTreeMap<Node, Link>>,
}

impl Caller {
    pub(super) fn new(net: &Net, from: Node) -> Self {
        Self { net: net.clone(), from, links: RefCell::default() }
    }

    /// Who asks.
    #[must_use]
    pub fn node(&self) -> Node {
        self.from
    }

    /// Sends a request. It is on its way with the call, not with the first poll, and requests to the
    /// same machine arrive in their order unless the connection breaks in between. Dropping the future
    /// takes nothing back.
    pub fn request(&self, to: Node, request: impl Into<Request>, timeout: Duration) -> Asking {
        let (answer, answered) = oneshot::channel();
        let mut links = self.links.borrow_mut();
        let link = links.entry(to).or_insert_with(|| Link::open(&self.net, self.from, to));
        link.send(request.into(), timeout, answer);
        drop(links);
        Asking(answered)
    }

    /// Breaks the connection to a machine, if there is one. The next request makes a new one.
    pub fn disconnect(&self, from: Node) {
        self.links.borrow_mut().remove(&from);
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("from", &self.from).finish_non_exhaustive()
    }
}

/// A request on its way: gives the reply, or says that none will come.
#[derive(Debug)]
#[must_use = "the reply comes to whoever waits for it"]
pub struct Asking(oneshot::Receiver<Result<Reply, NetError>>);

impl Future for Asking {
    type Output = Result<Reply, NetError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A link that ends without a word took the request along.
        self.0.poll_unpin(context).map(|answer| answer.unwrap_or(Err(NetError::Disconnected)))
    }
}
