//! What a record says about itself, as headers that outsiders read.
//!
//! Records of changelogs have none: nobody reads them but the task that wrote them, and it pays for each
//! byte. But the last one of each commit, which has the positions, says which changelog it is of. It says so
//! in a header, which releases that know nothing of it pass over.

use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message, OwnedHeaders};
use tidelog_core::{
    Headers, Topic, TraceContext,
    headers::{CONTENT_TYPE, REQUEST_ID, TRACEPARENT},
    port::LogId,
};

/// Which changelog a record is of.
const LOG: &str = "log";

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

/// The headers of the last record of a commit of a changelog.
pub(crate) fn of_commit(log: LogId) -> OwnedHeaders {
    let value = log.to_string();
    OwnedHeaders::new_with_capacity(1).insert(Header { key: LOG, value: Some(&value) })
}

/// The changelog that a record says it is of.
pub(crate) fn log(message: &BorrowedMessage<'_>) -> Option<LogId> {
    text(message, LOG)?.parse().ok()
}

/// The trace that a record says it belongs to. What says so wrongly belongs to none.
pub(crate) fn trace(message: &BorrowedMessage<'_>) -> Option<TraceContext> {
    text(message, TRACEPARENT)?.parse().ok()
}

fn text<'a>(message: &'a BorrowedMessage<'_>, key: &str) -> Option<&'a str> {
    let mut headers = message.headers()?.iter();
    let value = headers.find(|header| header.key == key)?.value?;
    std::str::from_utf8(value).ok()
}
