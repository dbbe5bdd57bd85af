//! Reading a stream of server-sent events.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    task::{JoinHandle, spawn_local},
};

use crate::system::System;

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// A stream that is being read.
pub(crate) struct EventReader {
    body: Incoming,
    text: String,
    connection: JoinHandle<()>,
}

impl EventReader {
    pub(crate) async fn open(system: &System, path: &str, last: Option<&str>) -> Self {
        let stream = TcpStream::connect(system.address).await.expect("the server listens");
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        let connection = spawn_local(async move {
            // It breaks when the reader goes.
            let _ = connection.await;
        });
        let mut request = Request::get(path).header("host", "test");
        request = request.header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self { body: response.into_body(), text: String::new(), connection }
    }

    /// The next event; comments are passed over.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = event(&block) {
                    return event;
                }
                continue;
            }
            let frame = self.body.frame().await.expect("the stream goes on").expect("a frame");
            let data = frame.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    /// Whether the stream ends without a further event.
    pub(crate) async fn is_over(&mut self) -> bool {
        while let Some(Ok(frame)) = self.body.frame().await {
            if frame.data_ref().is_some_and(|data| !data.starts_with(b":")) {
                return false;
            }
        }
        true
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_start())
    };
    let data = serde_json::from_str(field("data:")?).expect("JSON");
    Some(Event { name: field("event:")?.to_owned(), id: field("id:")?.to_owned(), data })
}
