//! `Prefer` (RFC 7240). A preference that is not known, or cannot be read, is ignored, as the
//! standard wants it; `Preference-Applied` says which ones were not.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{is_token_byte, trimmed};
use crate::limits::PREFER_WAIT_SECONDS_MAX;

/// The preferences that mean something here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// `return=`: whether a write is answered without the document.
    returns: Option<Return>,
    /// `respond-async`: whether a request may be answered before it is done.
    respond_async: bool,
    /// `wait=`: for how many seconds to wait before that.
    wait_seconds: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    Minimal,
    Representation,
}

impl Prefer {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let mut seen = Vec::new();
        for field in headers.get_all(PREFER) {
            for element in elements(field.as_bytes()) {
                if let Some((name, value)) = preference(element) {
                    // Of a preference that is there twice, the first one counts.
                    if !seen.contains(&name) {
                        prefer.take(&name, &value);
                        seen.push(name);
                    }
                }
            }
        }
        prefer
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        match (name, value) {
            (b"return", b"minimal") => self.returns = Some(Return::Minimal),
            (b"return", b"representation") => self.returns = Some(Return::Representation),
            (b"respond-async", b"") => self.respond_async = true,
            (b"wait", [_, ..]) if value.iter().all(u8::is_ascii_digit) => {
                let seconds = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                // What no number here can hold is more than is granted, too.
                let seconds: u32 = seconds.unwrap_or(u32::MAX);
                self.wait_seconds = Some(seconds.min(PREFER_WAIT_SECONDS_MAX));
            }
            _ => {}
        }
    }

    /// Whether the document is to be left out of the answer.
    pub(crate) fn is_minimal(self) -> bool {
        self.returns == Some(Return::Minimal)
    }

    /// How long to wait before the request is answered as accepted; `None` if it never may be.
    pub(crate) fn patience(self) -> Option<Duration> {
        match (self.wait_seconds, self.respond_async) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds.into())),
            (None, true) => Some(Duration::ZERO),
            (None, false) => None,
        }
    }

    /// What an answer that was waited for honours. `has_document` says whether it has the document.
    pub(crate) fn applied(self, has_document: bool) -> Option<HeaderValue> {
        let wait = self.wait_seconds.map(|seconds| format!("wait={seconds}"));
        let returns = match self.returns {
            Some(Return::Minimal) => Some("return=minimal"),
            Some(Return::Representation) if has_document => Some("return=representation"),
            Some(Return::Representation) | None => None,
        };
        match (returns, wait) {
            (None, None) => None,
            (Some(returns), None) => Some(HeaderValue::from_static(returns)),
            (returns, Some(wait)) => joined([returns, Some(&wait)]),
        }
    }

    /// What an answer that the request was accepted honours.
    pub(crate) fn applied_to_accepted(self) -> Option<HeaderValue> {
        let wait = self.wait_seconds.map(|seconds| format!("wait={seconds}"));
        joined([self.respond_async.then_some("respond-async"), wait.as_deref()])
    }
}

fn joined(parts: [Option<&str>; 2]) -> Option<HeaderValue> {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    HeaderValue::try_from(parts.join(", ")).ok().filter(|value| !value.is_empty())
}

/// The elements of a list, whose strings in quotes may hold commas.
fn elements(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside_quotes(field, b',')
}

/// The name of a preference in lower case, and its value without quotes; parameters are left out.
fn preference(element: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let first = split_outside_quotes(element, b';').next()?;
    let (name, value) = match first.iter().position(|byte| *byte == b'=') {
        Some(at) => (&first[..at], trimmed(&first[at + 1..])),
        None => (first, b"".as_slice()),
    };
    let name = trimmed(name).to_ascii_lowercase();
    if name.is_empty() || !name.iter().copied().all(is_token_byte) {
        return None;
    }
    let value = match value {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    };
    Some((name, value.to_vec()))
}

fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |byte| {
        if escaped {
            escaped = false;
        } else if quoted && *byte == b'\\' {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        }
        !quoted && *byte == separator
    })
}

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The name of the field that says which preferences were honoured.
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[&str]) -> Prefer {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(PREFER, field.parse().expect("a header value"));
        }
        Prefer::read(&headers)
    }

    fn text(value: Option<HeaderValue>) -> String {
        value.map(|value| value.to_str().expect("ASCII").to_owned()).unwrap_or_default()
    }

    #[test]
    fn preferences_are_read_from_lists_and_several_fields() {
        let minimal = Prefer { returns: Some(Return::Minimal), ..Prefer::default() };
        assert_eq!(read(&["return=minimal"]), minimal);
        assert_eq!(read(&["Return = \"minimal\"; foo=\"a,b\", handling=strict"]), minimal);
        assert_eq!(read(&["x=\"a\\\",return=representation\", return=minimal"]), minimal);
        let both = read(&["respond-async, wait=5", "return=representation"]);
        assert_eq!(both.patience(), Some(Duration::from_secs(5)));
        assert!(both.respond_async && !both.is_minimal());
    }

    #[test]
    fn of_a_preference_that_is_there_twice_the_first_counts() {
        assert!(read(&["return=minimal, return=representation"]).is_minimal());
        assert!(!read(&["return=representation", "return=minimal"]).is_minimal());
    }

    #[test]
    fn what_cannot_be_read_is_ignored() {
        for field in
            ["return=tiny", "wait=-1", "wait=", "wait=5s", "wait", "", ",;=", "respond-async=1"]
        {
            assert_eq!(read(&[field]), Prefer::default(), "{field}");
        }
    }

    #[test]
    fn what_was_honoured_is_told() {
        assert_eq!(text(read(&["return=minimal"]).applied(true)), "return=minimal");
        assert_eq!(text(read(&["wait=5, return=minimal"]).applied(true)), "return=minimal, wait=5");
        let asynchronous = read(&["respond-async, wait=5, return=minimal"]);
        assert_eq!(text(asynchronous.applied_to_accepted()), "respond-async, wait=5");
        let whole = read(&["return=representation, wait=5"]);
        assert_eq!(text(whole.applied(true)), "return=representation, wait=5");
        assert_eq!(text(whole.applied(false)), "wait=5");
        assert_eq!(text(read(&["respond-async"]).applied(true)), "");
        for seconds in ["99999", "99999999999999999999999"] {
            assert_eq!(text(read(&[&format!("wait={seconds}")]).applied(true)), "wait=60");
        }
        assert_eq!(text(Prefer::default().applied_to_accepted()), "");
    }

    #[test]
    fn only_who_asks_for_it_is_answered_before_the_request_is_done() {
        assert_eq!(read(&["return=minimal"]).patience(), None);
        assert_eq!(read(&["respond-async"]).patience(), Some(Duration::ZERO));
        assert_eq!(read(&["wait=0"]).patience(), Some(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn any_bytes_are_preferences_or_ignored(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(PREFER, value);
                let prefer = Prefer::read(&headers);
                let _ = (prefer.applied(true), prefer.applied_to_accepted());
            }
        }
    }
}
