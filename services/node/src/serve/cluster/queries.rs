//! Asking the task that owns a partition, wherever it is.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tidelog_core::{
    Answer, Position, Query,
    port::{AskError, BoxFuture, Queries, TaskId},
};
use tidelog_io_kafka::{Owners, Place};
use tokio::time::{Instant, sleep, timeout};

use super::wire::{PATH, Question, REPLY_BYTES_MAX, Reply};

/// How long the owner of a task is looked for.
const FOUND_WITHIN: Duration = Duration::from_secs(8);

/// How long another node may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(9);

/// How long a connection to another node may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// How long a connection to another node is kept that nobody uses.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// How long it is waited before a task is asked again that was not where it was looked for.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest such wait.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Asks the tasks of a cluster: those of this node here, others where their owners have told they are.
pub(super) struct ClusterQueries<Q> {
    prefix: Box<str>,
    local: Arc<Q>,
    owners: Owners,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Why another node gave no reply.
struct Silent(String);

impl<Q: Queries> ClusterQueries<Q> {
    pub(super) fn new(prefix: &str, local: Arc<Q>, owners: Owners) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECTED_WITHIN));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { prefix: prefix.into(), local, owners, client }
    }

    async fn find_and_ask(
        &self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> Result<Answer, AskError> {
        let until = Instant::now() + FOUND_WITHIN;
        let mut pause = PAUSE;
        loop {
            let place = self.owners.place(task);
            let why = match &place {
                None => "no node has told that it runs it".to_owned(),
                Some(Place::Here) => match self.local.ask(task, query.clone(), at_least).await {
                    Err(AskError::NotOwner(_)) => "it has just gone from here".to_owned(),
                    outcome => return outcome,
                },
                Some(Place::There(address)) => {
                    let question = Question {
                        prefix: self.prefix.clone(),
                        task,
                        query: query.clone(),
                        at_least,
                    };
                    tokio::select! {
                        biased;
                        reply = self.ask_node(address, &question) => match reply {
                            Ok(Reply::NotOwner) => format!("it has just gone from {address}"),
                            Ok(reply) => return reply.outcome(task),
                            Err(Silent(why)) => format!("{address} does not answer: {why}"),
                        },
                        () = self.owners.moved(task, place.as_ref()) => continue,
                    }
                }
            };
            if Instant::now() >= until {
                return Err(AskError::Unavailable(format!("{task} is not found: {why}").into()));
            }
            tracing::debug!(%task, why, "the task is looked for again");
            tokio::select! {
                () = self.owners.moved(task, place.as_ref()) => {}
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn ask_node(&self, address: &str, question: &Question) -> Result<Reply, Silent> {
        let silent = |why: &dyn fmt::Display| Silent(why.to_string());
        let request = Request::post(format!("http://{address}{PATH}"))
            .body(Full::new(question.encode()))
            .map_err(|error| silent(&error))?;
        let ask = async {
            let response = self.client.request(request).await.map_err(|error| silent(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| silent(&error))?.to_bytes();
            if status != StatusCode::OK {
                let words = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                return Err(Silent(format!("{status}: {words}")));
            }
            Reply::decode(&body).map_err(|error| silent(&error))
        };
        let asked = timeout(ANSWERED_WITHIN, ask).await;
        asked.unwrap_or_else(|_| Err(Silent("not in time".into())))
    }
}

impl<Q: Queries> Queries for ClusterQueries<Q> {
    fn ask<'a>(
        &'a self,
        task: TaskId,
        query: Query,
        at_least: Option<Position>,
    ) -> BoxFuture<'a, Result<Answer, AskError>> {
        Box::pin(self.find_and_ask(task, query, at_least))
    }
}
