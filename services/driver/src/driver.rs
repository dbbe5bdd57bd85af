//! The handle through which everything is asked.

mod queries;
mod schemas;
mod typed;
mod zones;

pub use zones::Connected;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidelog_core::{
    DatabaseId, EntityId, Layout, Timestamp,
    message::{BatchPart, PartRequest, SchemaChange},
    port::{Client, Queries},
};
use tokio::sync::oneshot;

use crate::{
    answer::{Answered, BatchAnswered},
    call::{Call, Gone},
    clock::Clock,
    connection::{Connection, Handle, Message},
    error::Error,
    options::{Options, With},
    requests::{Reply, Request, Token},
};

/// The way to the data. Cheap to clone; all clones share one [`Connection`].
#[derive(Clone)]
pub struct Driver {
    shared: Arc<Shared>,
}

/// What all clones of a driver, and its calls, share.
pub(crate) struct Shared {
    handle: Handle,
    queries: Arc<dyn Queries>,
    layout: Layout,
    /// What the responses to this client are partitioned by.
    prefix: String,
    tokens: AtomicU64,
}

impl Driver {
    /// A driver, and the connection that must be run for it to work.
    ///
    /// # Errors
    ///
    /// [`Error::Prefix`] if the prefix cannot name a client.
    pub fn new<C: Client>(
        client: C,
        queries: Arc<dyn Queries>,
        options: Options,
    ) -> Result<(Self, Connection<C>), Error> {
        let layout = client.layout();
        let prefix = options.prefix.clone();
        let (handle, connection) = Connection::new(client, options)?;
        let shared = Shared { handle, queries, layout, prefix, tokens: AtomicU64::new(0) };
        Ok((Self { shared: Arc::new(shared) }, connection))
    }

    /// How many partitions the topics have.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.shared.layout
    }

    /// What time it is by the clock that deadlines are told in.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.handle.clock.time()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.handle.clock
    }

    /// Whether the table of databases has been read to its end once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.handle.databases.borrow().is_complete
    }

    /// Waits until the table of databases has been read to its end once, or the connection has
    /// ended.
    pub async fn ready(&self) {
        let (reply, ready) = oneshot::channel();
        if !self.is_ready() && self.shared.send(Message::Ready(reply)).is_ok() {
            // An error says that the connection has ended.
            let _ = ready.await;
        }
    }

    /// Sends a request for one entity.
    ///
    /// Requests are sent in the order of these calls, and those for one entity are carried out in
    /// it as long as none has to be sent again.
    pub fn request(&self, entity: EntityId, request: PartRequest, with: With) -> Call<Answered> {
        self.submit(Request::Entity { entity, request, with }, one)
    }

    /// Sends a request of many parts, each for one entity of the database. Parts are carried out
    /// independently of each other.
    pub fn batch_request(
        &self,
        database: DatabaseId,
        parts: Vec<BatchPart>,
        with: With,
    ) -> Call<BatchAnswered> {
        self.submit(Request::Batch { database, parts, with }, batch)
    }

    /// Sends a request for a database's schema.
    pub fn schema_request(
        &self,
        database: DatabaseId,
        change: SchemaChange,
        with: With,
    ) -> Call<Answered> {
        self.submit(Request::Schema { database, change, with }, one)
    }

    /// Takes no more requests, waits for those under way until `deadline`, and ends the connection.
    /// Returns when that is done.
    pub async fn shutdown(&self, deadline: Timestamp) {
        let (done, ended) = oneshot::channel();
        if self.shared.send(Message::Shutdown { deadline, done }).is_ok() {
            // The connection tells its end by dropping the sender.
            let _ = ended.await;
        }
    }

    fn submit<A>(&self, request: Request, convert: fn(Reply) -> Option<A>) -> Call<A> {
        Call::submit(self.shared.clone(), request, convert)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("prefix", &self.shared.prefix).finish_non_exhaustive()
    }
}

impl Shared {
    /// What the next call is known by.
    pub(crate) fn next_token(&self) -> Token {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the connection something.
    pub(crate) fn send(&self, message: Message) -> Result<(), Gone> {
        self.handle.inbox.send(message).map_err(|_| Gone)
    }
}

fn one(reply: Reply) -> Option<Answered> {
    match reply {
        Reply::One(answered) => Some(answered),
        Reply::Batch(_) => None,
    }
}

fn batch(reply: Reply) -> Option<BatchAnswered> {
    match reply {
        Reply::Batch(answered) => Some(answered),
        Reply::One(_) => None,
    }
}
