//! The header fields that mean something here, parsed strictly: a condition or a key that cannot be
//! read is refused, never ignored.

pub(crate) mod condition;
pub(crate) mod host;
pub(crate) mod key;
pub(crate) mod media;
pub(crate) mod position;
pub(crate) mod prefer;
pub(crate) mod sender;
pub(crate) mod trace;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::failure::Failure;

/// The value of a field that may be there once.
pub(crate) fn single(
    headers: &HeaderMap,
    name: HeaderName,
) -> Result<Option<&HeaderValue>, Failure> {
    let mut values = headers.get_all(&name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Failure::bad_request(format_args!("the header has {name} more than once")));
    }
    Ok(first)
}

/// Without the white space that may stand around the elements of a field's value.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let begin = bytes.iter().position(is_inner).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(is_inner).map_or(begin, |last| last + 1);
    &bytes[begin..end]
}

/// Whether the byte may be in a token (RFC 9110, section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
