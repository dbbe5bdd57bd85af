//! Lists, page by page.

use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{advice, write};
use crate::client::{Call, Client, Patience, ask};
use crate::failure::Failure;
use crate::place::Place;

/// An entity as lists and exports hold it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listed {
    /// Its whole id.
    pub(super) id: String,
    /// Its revision.
    pub(super) revision: u64,
    /// Its document, as the node wrote it.
    pub(super) value: Box<RawValue>,
}

/// One page.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// What is on it.
    pub(super) entities: Vec<Listed>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<String>,
}

/// Reads one page of a list.
pub(super) async fn page(
    client: &Client,
    place: &Place,
    limit: usize,
    cursor: Option<&str>,
    patience: Patience,
    say: impl FnMut(&str),
) -> Result<Page, Failure> {
    let path = path(&place.list_path(), Some(limit.min(PAGE_MAX)), cursor);
    let asked = ask(client, &Call::new(Method::GET, path), patience, say).await;
    let reply =
        asked.map_err(|failure| advice::advised(failure, &place.collection().database()))?;
    serde_json::from_slice(&reply.body).map_err(|_| write::foreign(&reply))
}

/// The path of a page.
pub(super) fn path(list: &str, limit: Option<usize>, cursor: Option<&str>) -> String {
    let limit = limit.map(|limit| format!("limit={limit}"));
    let cursor = cursor.map(|cursor| format!("cursor={}", escaped(cursor)));
    let query: Vec<String> = limit.into_iter().chain(cursor).collect();
    if query.is_empty() { list.to_owned() } else { format!("{list}?{}", query.join("&")) }
}

/// Percent-encodes all that is not unreserved (RFC 3986).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// The most that a node puts on a page.
pub(super) const PAGE_MAX: usize = tidelog_core::limits::PAGE_ITEMS_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_travels_whatever_is_in_it() {
        assert_eq!(path("/l", None, None), "/l");
        assert_eq!(path("/l", Some(5), Some("a+/=&ä")), "/l?limit=5&cursor=a%2B%2F%3D%26%C3%A4");
    }
}
