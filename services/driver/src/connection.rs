//! The one task that owns all of a driver's state, and does what it decides.

mod databases;
mod following;
mod reader;
mod seen;
mod session;

use std::sync::Arc;

use tidelog_core::{
    ClientId, Timestamp,
    port::{Append, AppendOutcome, Client},
};
use tokio::sync::{mpsc, oneshot, watch};

use self::session::Session;
pub(crate) use self::{
    databases::Databases,
    following::Follow,
    seen::{Over, Seen},
};
use crate::{
    clock::Clock,
    error::Error,
    options::Options,
    requests::{Input, Requests, Rules, Told},
};

/// What drivers and calls tell the connection.
#[derive(Debug)]
pub(crate) enum Message {
    /// Something about a request.
    Request(Input<oneshot::Sender<Told>>),
    /// A record is to be appended that nobody answers.
    Append { append: Append, reply: oneshot::Sender<AppendOutcome> },
    /// Somebody wants to be told of records of a key.
    Follow(Follow),
    /// Somebody waits for the table of databases.
    Ready(oneshot::Sender<()>),
    /// No more requests; end when there are none under way, or at that time.
    Shutdown { deadline: Timestamp, done: oneshot::Sender<()> },
}

/// What makes a driver work: its [`run`](Self::run) must be polled, on any executor.
///
/// It owns the state of all requests, sends them, reads their answers, and follows the table of
/// databases. Everything happens in the one future that `run` gives; nothing is spawned.
#[derive(Debug)]
pub struct Connection<C> {
    client: Arc<C>,
    prefix: String,
    inbox: mpsc::UnboundedReceiver<Message>,
    requests: Requests<oneshot::Sender<Told>>,
    databases: watch::Sender<Databases>,
}

/// What a driver holds of its connection.
pub(crate) struct Handle {
    pub(crate) inbox: mpsc::UnboundedSender<Message>,
    pub(crate) databases: watch::Receiver<Databases>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<C: Client> Connection<C> {
    pub(crate) fn new(client: C, options: Options) -> Result<(Handle, Self), Error> {
        let Options { prefix, in_flight_max, resend_after } = options;
        let name = ClientId::new(&prefix, 0)?;
        let client = Arc::new(client);
        let rules = Rules { in_flight_max, resend_after };
        let requests = Requests::new(name, client.layout(), rules);
        let (sender, inbox) = mpsc::unbounded_channel();
        let (databases, table) = watch::channel(Databases::new(client.layout()));
        let clock: Arc<dyn Clock> = client.clone();
        let handle = Handle { inbox: sender, databases: table, clock };
        Ok((handle, Self { client, prefix, inbox, requests, databases }))
    }

    /// Works until [`Driver::shutdown`](crate::Driver::shutdown) is through, or until every driver
    /// and every call is gone; in the second case, once the log has said what became of the records
    /// that were on their way to it.
    ///
    /// # Errors
    ///
    /// None at this time: while the log cannot be reached, the connection goes on trying.
    pub async fn run(self) -> Result<(), Error> {
        let Self { client, prefix, inbox, requests, databases } = self;
        let mut session = Session::new(&*client, prefix, inbox, requests, databases);
        std::future::poll_fn(|context| session.poll(context)).await;
        Ok(())
    }
}
