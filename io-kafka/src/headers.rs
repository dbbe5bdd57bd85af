//! What a record says about itself, as headers that outsiders read.
//!
//! Records of changelogs have none: nobody reads them but the task that wrote them, and it pays for each
//! byte.

use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message, OwnedHeaders};
use tidelog_core::{
    Headers, Topic, TraceContext,
    headers::{CONTENT_TYPE, REQUEST_ID, TRACEPARENT},
};

/// The headers of a record on its way to the broker.
pub(crate) fn of(topic: Topic, headers: &Headers) -> OwnedHeaders {
    let Headers { request, trace } = headers;
    let mut owned = OwnedHeaders::new_with_capacity(3)
        .insert(Header { key: CONTENT_TYPE, value: Some(topic.content_type()) });
    if let Some(request) = request {
        owned = owned.insert(Header { key: REQUEST_ID, value: Some(&request.to_string()) });
    }
    if let Some(trace) = trace {
        owned = owned.insert(Header { key: TRACEPARENT, value: Some(&trace.to_string()) });
    }
    owned
}

/// The trace that a record says it belongs to. What says so wrongly belongs to none.
pub(crate) fn trace(message: &BorrowedMessage<'_>) -> Option<TraceContext> {
    let mut headers = message.headers()?.iter();
    let value = headers.find(|header| header.key == TRACEPARENT)?.value?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
