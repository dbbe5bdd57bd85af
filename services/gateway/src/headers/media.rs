//! `Content-Type` and `Content-Encoding`: what a body is.

use axum::http::{HeaderMap, HeaderValue, header};

use super::{single, trimmed};
use crate::{failure::Failure, problem::Kind};

/// The ways to change an entity that a PATCH can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchType {
    /// RFC 6902.
    JsonPatch,
    /// RFC 7396.
    MergePatch,
    /// Tidelog's own.
    Operations,
}

impl PatchType {
    pub(crate) fn essence(self) -> &'static str {
        match self {
            Self::JsonPatch => "application/json-patch+json",
            Self::MergePatch => "application/merge-patch+json",
            Self::Operations => "application/vnd.tidelog.operations+json",
        }
    }
}

/// Checks that the body of a PUT or POST is JSON. One that says nothing is taken for JSON.
pub(crate) fn json(headers: &HeaderMap) -> Result<(), Failure> {
    check_encoding(headers)?;
    match single(headers, header::CONTENT_TYPE)? {
        None => Ok(()),
        Some(value) if is(value, JSON) => check_charset(value),
        Some(value) => {
            let hint = if is(value, FORM) { CURL_HINT } else { "" };
            let detail = format_args!("the body has to be {JSON}, and is {}{hint}", shown(value));
            let failure = Failure::new(Kind::UnsupportedMediaType, detail);
            Err(failure.with(header::ACCEPT, HeaderValue::from_static(JSON)))
        }
    }
}

/// Checks that the body of a PUT is a schema: JSON, or JSON Schema by name.
pub(crate) fn schema(headers: &HeaderMap) -> Result<(), Failure> {
    match single(headers, header::CONTENT_TYPE)? {
        Some(value) if is(value, SCHEMA) => {
            check_encoding(headers)?;
            check_charset(value)
        }
        Some(_) | None => json(headers),
    }
}

/// Reads which kind of patch the body of a PATCH is.
pub(crate) fn patch_type(headers: &HeaderMap) -> Result<PatchType, Failure> {
    check_encoding(headers)?;
    let refused = |what: &str| {
        let detail =
            format_args!("the body of a PATCH has to be one of {ACCEPT_PATCH}, and {what}");
        let failure = Failure::new(Kind::UnsupportedMediaType, detail);
        failure.with(
            header::HeaderName::from_static("accept-patch"),
            HeaderValue::from_static(ACCEPT_PATCH),
        )
    };
    let Some(value) = single(headers, header::CONTENT_TYPE)? else {
        return Err(refused("does not say what it is"));
    };
    let kind = [PatchType::JsonPatch, PatchType::MergePatch, PatchType::Operations]
        .into_iter()
        .find(|kind| is(value, kind.essence()));
    let hint = if is(value, FORM) { CURL_PATCH_HINT } else { "" };
    let kind = kind.ok_or_else(|| refused(&format!("is {}{hint}", shown(value))))?;
    check_charset(value)?;
    Ok(kind)
}

/// Refuses a body that says it is in another charset than the one that JSON has.
fn check_charset(value: &HeaderValue) -> Result<(), Failure> {
    for parameter in value.as_bytes().split(|byte| *byte == b';').skip(1) {
        let mut sides = parameter.splitn(2, |byte| *byte == b'=').map(trimmed);
        let (name, charset) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
        let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
        let charset = charset.strip_suffix(b"\"").unwrap_or(charset);
        let is_right = [&b"utf-8"[..], b"utf8", b"us-ascii"]
            .iter()
            .any(|right| charset.eq_ignore_ascii_case(right));
        if name.eq_ignore_ascii_case(b"charset") && !is_right {
            return Err(Failure::new(
                Kind::UnsupportedMediaType,
                format_args!("JSON has to be sent as UTF-8, and the body is {}", shown(value)),
            ));
        }
    }
    Ok(())
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    if encodings.iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let failure = Failure::new(
        Kind::UnsupportedMediaType,
        "the body has to be sent as it is, without a Content-Encoding",
    );
    Err(failure.with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// Whether a media type is this one, whatever its parameters.
fn is(value: &HeaderValue, essence: &str) -> bool {
    let bytes = value.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b';').unwrap_or(bytes.len());
    trimmed(&bytes[..end]).eq_ignore_ascii_case(essence.as_bytes())
}

/// A field's value for people, without what does not print.
fn shown(value: &HeaderValue) -> String {
    const CHARS_MAX: usize = 100;
    String::from_utf8_lossy(value.as_bytes()).chars().take(CHARS_MAX).collect()
}

const SCHEMA: &str = "application/schema+json";

const JSON: &str = "application/json";

/// What curl says of a body if it is told nothing.
const FORM: &str = "application/x-www-form-urlencoded";

const CURL_HINT: &str = " (with curl: -H 'content-type: application/json')";

const CURL_PATCH_HINT: &str = " (with curl: -H 'content-type: application/merge-patch+json')";

const ACCEPT_PATCH: &str = "application/json-patch+json, application/merge-patch+json, \
                            application/vnd.tidelog.operations+json";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header value"));
        headers
    }

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_matter() {
        for text in ["application/json", "Application/JSON ; charset=utf-8", "application/json;"] {
            assert!(json(&headers(text)).is_ok(), "{text}");
        }
        let patch = patch_type(&headers("application/merge-patch+json;charset=utf-8"));
        assert_eq!(patch.ok(), Some(PatchType::MergePatch));
    }

    #[test]
    fn the_body_of_a_put_that_says_nothing_is_taken_for_json() {
        assert!(json(&HeaderMap::new()).is_ok());
        assert!(patch_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn another_media_type_is_refused_with_those_that_are_taken() {
        for text in ["text/plain", "application/merge-patch+json", "application/jsonx", ""] {
            assert_eq!(json(&headers(text)).expect_err(text).kind(), Kind::UnsupportedMediaType);
        }
        let failure = patch_type(&headers("application/json")).expect_err("refused");
        assert!(failure.detail().contains("vnd.tidelog.operations+json, and is application/json"));
    }

    #[test]
    fn another_charset_is_refused() {
        for text in ["application/json;charset=latin1", "application/json; a=b; Charset=\"utf-16\""]
        {
            let failure = json(&headers(text)).expect_err(text);
            assert_eq!(failure.kind(), Kind::UnsupportedMediaType);
            assert!(failure.detail().contains("has to be sent as UTF-8"));
        }
        assert!(json(&headers("application/json; charset=\"UTF-8\"; a=b")).is_ok());
        assert!(patch_type(&headers("application/merge-patch+json; charset=latin1")).is_err());
    }

    #[test]
    fn curls_default_is_refused_with_what_to_say() {
        let failure = json(&headers(FORM)).expect_err("refused");
        assert!(failure.detail().ends_with("(with curl: -H 'content-type: application/json')"));
        let failure = patch_type(&headers(FORM)).expect_err("refused");
        assert!(failure.detail().contains("(with curl: -H 'content-type: "));
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let mut headers = headers("application/json");
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(json(&headers).is_err());
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("Identity"));
        assert!(json(&headers).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_media_type_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, value);
                let _ = (json(&headers), patch_type(&headers));
            }
        }
    }
}
