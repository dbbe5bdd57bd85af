//! Answering other nodes about the tasks of this one.
//!
//! It has a listener of its own, since whoever reaches it can ask any task anything: it belongs into the
//! network of the nodes, and no further.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tidelog_core::port::Queries;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::wire::{PATH, QUESTION_BYTES_MAX, Question, Reply};
use crate::serve::Error;

/// Connections of other nodes.
const CONNECTIONS_MAX: usize = 1_024;

/// Questions that are answered at a time.
const QUESTIONS_MAX: usize = 512;

/// How long a connection may be idle, or take to send a header. Whoever asks gives it up sooner.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// How long a question may take to come.
const ASKED_WITHIN: Duration = Duration::from_secs(5);

/// How long answering may take. A task is waited for for a shorter time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);

/// How long it is waited after no connection could be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens for other nodes.
pub(super) async fn bind(listen: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|source| Error::PeerListen { listen, source })
}

/// Answers other nodes, for ever.
pub(super) async fn serve<Q: Queries>(listener: TcpListener, prefix: String, queries: Arc<Q>) {
    let peers = Arc::new(Peers { prefix, queries, room: Semaphore::new(QUESTIONS_MAX) });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(Arc::clone(&peers).speak(stream));
                }
                Ok((_, peer)) => tracing::warn!(%peer, "refused a node: there are too many connections"),
                Err(error) => {
                    tracing::warn!(%error, "no connection of a node could be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

struct Peers<Q> {
    prefix: String,
    queries: Arc<Q>,
    room: Semaphore,
}

impl<Q: Queries> Peers<Q> {
    async fn speak(self: Arc<Self>, stream: TcpStream) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let service = service_fn(|request| {
            let peers = Arc::clone(&self);
            async move { Ok::<_, Infallible>(peers.respond(request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(IDLE_FOR);
        if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "a connection of a node broke");
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.reply(request).await {
            Ok(reply) => Response::new(Full::new(reply.encode())),
            Err((status, words)) => {
                let mut response = Response::new(Full::new(Bytes::from(words)));
                *response.status_mut() = status;
                response
            }
        }
    }

    async fn reply(&self, request: Request<Incoming>) -> Result<Reply, (StatusCode, String)> {
        let refused = |status: StatusCode, words: &str| Err((status, words.to_owned()));
        if request.uri().path() != PATH || request.method() != Method::POST {
            return refused(StatusCode::NOT_FOUND, "here nodes of one cluster talk to each other");
        }
        let Ok(_room) = self.room.try_acquire() else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too many questions at a time");
        };
        let body = Limited::new(request.into_body(), QUESTION_BYTES_MAX).collect();
        let body = match timeout(ASKED_WITHIN, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, "no whole question came"),
            Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "no question came in time"),
        };
        let question = Question::decode(&body)
            .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        if *question.prefix != self.prefix {
            let words = "this node is of another installation";
            return refused(StatusCode::MISDIRECTED_REQUEST, words);
        }
        let Question { task, query, at_least, .. } = question;
        let answer = self.queries.ask(task, query, at_least);
        match timeout(ANSWERED_WITHIN, answer).await {
            Ok(outcome) => Ok(outcome.into()),
            Err(_) => Ok(Reply::Unavailable("it was not answered in time".into())),
        }
    }
}
