//! `text/event-stream`: server-sent events, as the HTML standard has them.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;

use crate::{closing::Closing, failure::Failure, headers::single, json::Json};

/// Where the events of a stream come from.
pub(crate) trait Events: Send + 'static {
    /// Waits for the next events, a heartbeat long at most, and writes them; where none came it writes
    /// none. An error ends the stream: its reader connects again, and says how far it is.
    fn next(
        &mut self,
        text: &mut EventText,
    ) -> impl Future<Output = Result<(), tidelog_driver::Error>> + Send;
}

/// Events while they are written.
#[derive(Debug, Default)]
pub(crate) struct EventText(Vec<u8>);

impl EventText {
    /// Writes an event. Neither of the texts has the end of a line in it: ids, numbers and JSON have none.
    pub(crate) fn event(&mut self, name: &str, id: &str, data: Json) {
        for part in ["event: ", name, "\nid: ", id, "\ndata: "] {
            self.0.extend_from_slice(part.as_bytes());
        }
        self.0.extend_from_slice(&data.into_bytes());
        self.0.extend_from_slice(b"\n\n");
    }
}

/// Whether a request asks for a stream of events.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(EVENT_STREAM)
    })
}

/// How far a reader says that it is that connects again.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let Some(value) = single(headers, LAST_EVENT_ID)? else { return Ok(None) };
    let text = value.to_str().map_err(|_| Failure::bad_request("Last-Event-ID is no text"))?;
    // Some clients send an empty one before they have had any.
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A response that goes on for as long as its reader reads, and the gateway runs.
pub(crate) fn respond(events: impl Events, first: EventText, closing: Closing) -> Response {
    let mut begin = format!("retry: {}\n\n", RETRY.as_millis()).into_bytes();
    begin.extend_from_slice(&first.0);
    let ready: VecDeque<Bytes> = [Bytes::from(begin)].into();
    let stream = stream::unfold(Some((events, ready, closing)), |state| async move {
        let (mut events, mut ready, closing) = state?;
        if let Some(bytes) = ready.pop_front() {
            return Some((Ok::<_, Infallible>(bytes), Some((events, ready, closing))));
        }
        let mut text = EventText::default();
        match closing.or(events.next(&mut text)).await {
            Some(Ok(())) if text.0.is_empty() => {
                Some((Ok(HEARTBEAT), Some((events, ready, closing))))
            }
            Some(Ok(())) => Some((Ok(text.0.into()), Some((events, ready, closing)))),
            Some(Err(error)) => {
                tracing::debug!(%error, "a stream of events ends");
                None
            }
            None => None,
        }
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold events back.
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// How long a stream is silent at most.
pub(crate) const HEARTBEAT_AFTER: Duration = Duration::from_secs(15);

/// A comment, which readers pass over and proxies do not.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// After how long a reader is to connect again.
const RETRY: Duration = Duration::from_secs(1);

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
