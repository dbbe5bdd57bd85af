//! The side that takes requests.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_channel::mpsc;
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream, LocalBoxStream, SelectAll, Stream},
};
use madsim::net::{Endpoint, Receiver, Sender};

use super::{Answered, Asked, address};
use crate::wire::{Node, Reply, Request, Token};

/// Takes requests on a machine, for one task of it.
pub struct Server {
    accepted: LocalBoxStream<'static, (Sender, Receiver)>,
    connections: SelectAll<BoxStream<'static, Heard>>,
    senders: BTreeMap<u32, Sender>,
    accepted_count: u32,
    strays: mpsc::UnboundedReceiver<Arrival>,
}

/// A request that has arrived.
#[derive(Debug)]
pub struct Arrival {
    /// From whom.
    pub from: Node,
    /// Whom the reply is owed to.
    pub token: Token,
    /// The request.
    pub request: Request,
}

/// What a connection brings.
enum Heard {
    Asked { connection: u32, asked: Asked },
    Closed { connection: u32 },
}

/// The token of requests whose replies nobody waits for.
pub(super) const STRAY: Token = Token(u64::MAX);

impl Server {
    pub(super) async fn bind(node: Node, strays: mpsc::UnboundedReceiver<Arrival>) -> Self {
        let endpoint = Endpoint::bind(address(node)).await.expect("one server on each machine");
        let accept = |endpoint: Endpoint| async {
            let (sender, receiver, _) = endpoint.accept1().await.ok()?;
            Some(((sender, receiver), endpoint))
        };
        Self {
            accepted: stream::unfold(endpoint, accept).boxed_local(),
            connections: SelectAll::new(),
            senders: BTreeMap::new(),
            accepted_count: 0,
            strays,
        }
    }

    /// Waits for the next request. Can be dropped at any time without loss.
    pub async fn next(&mut self) -> Arrival {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Server::next`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        while let Poll::Ready(Some((sender, receiver))) = self.accepted.poll_next_unpin(context) {
            self.accept(sender, receiver);
        }
        if let Poll::Ready(Some(arrival)) = self.strays.poll_next_unpin(context) {
            return Poll::Ready(arrival);
        }
        while let Poll::Ready(Some(heard)) = self.connections.poll_next_unpin(context) {
            match heard {
                Heard::Asked { connection, asked } => {
                    let Asked { id, from, request } = asked;
                    return Poll::Ready(Arrival { from, token: token(connection, id), request });
                }
                Heard::Closed { connection } => drop(self.senders.remove(&connection)),
            }
        }
        Poll::Pending
    }

    /// Sends the reply that is owed to a token. Whoever is gone does not get it.
    pub fn reply(&mut self, owed: Token, reply: Reply) {
        let [connection, id] = parts(owed);
        if owed != STRAY
            && let Some(sender) = self.senders.get(&connection)
        {
            // It fails if the other side is gone; that its connection is over is told then.
            let _ = sender.send(Box::new(Answered { id, reply })).now_or_never();
        }
    }

    fn accept(&mut self, sender: Sender, receiver: Receiver) {
        let connection = self.accepted_count;
        self.accepted_count += 1;
        self.senders.insert(connection, sender);
        let asked = receiver.filter_map(move |payload| {
            let asked = payload.ok().and_then(|payload| payload.downcast::<Asked>().ok());
            std::future::ready(asked.map(|asked| Heard::Asked { connection, asked: *asked }))
        });
        let closed = stream::once(std::future::ready(Heard::Closed { connection }));
        self.connections.push(asked.chain(closed).boxed());
    }
}

impl Stream for Server {
    type Item = Arrival;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arrival>> {
        Self::poll_next(self.get_mut(), context).map(Some)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.senders.len()).finish_non_exhaustive()
    }
}

fn token(connection: u32, id: u32) -> Token {
    Token(u64::from(connection) << 32 | u64::from(id))
}

fn parts(token: Token) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = token.0.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}
