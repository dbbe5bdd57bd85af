//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use axum::http::{HeaderMap, HeaderName};
use tidelog_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;

use super::{single, trimmed};
use crate::failure::Failure;

/// Reads the key, written bare or as a structured field's string. Both ways are the same key.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Box<str>>, Failure> {
    let Some(value) = single(headers, IDEMPOTENCY_KEY)? else {
        return Ok(None);
    };
    let key = match trimmed(value.as_bytes()) {
        [b'"', quoted @ ..] => unquoted(quoted),
        bare => Some(bare.to_vec()),
    };
    let is_right = |key: &Vec<u8>| {
        (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic)
    };
    let key = key.filter(is_right).and_then(|key| String::from_utf8(key).ok());
    let malformed = || {
        Failure::bad_request(format_args!(
            "an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters, bare \
             or in double quotes"
        ))
    };
    key.map(|key| Some(key.into())).ok_or_else(malformed)
}

/// The string whose opening quote has been taken off (RFC 8941, section 3.3.3).
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => plain.push(bytes.next().filter(|byte| matches!(byte, b'"' | b'\\'))?),
            byte => plain.push(byte),
        }
    }
    bytes.next().is_none().then_some(plain)
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Result<Option<Box<str>>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, value.parse().expect("a header value"));
        idempotency_key(&headers)
    }

    #[test]
    fn bare_and_quoted_are_the_same_key() {
        let long = "k".repeat(IDEMPOTENCY_KEY_BYTES_MAX);
        let quoted = format!("\"{long}\"");
        let cases = [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            ("  \"abc\" ", "abc"),
            ("a\"b,c;d", "a\"b,c;d"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&long, &long),
            (&quoted, &long),
        ];
        for (value, key) in cases {
            assert_eq!(read(value).expect("a key").as_deref(), Some(key), "{value}");
        }
        assert_eq!(idempotency_key(&HeaderMap::new()).expect("none"), None);
    }

    #[test]
    fn a_key_that_cannot_be_read_is_refused() {
        let long = "k".repeat(IDEMPOTENCY_KEY_BYTES_MAX + 1);
        let bad =
            ["", "\"\"", "\"abc", "\"abc\"x", "\"abc\";p=1", "a b", "\"a b\"", r#""\a""#, &long];
        for value in bad {
            let failure = read(value).expect_err("malformed");
            assert!(failure.detail().contains("1 to 255 visible ASCII"), "{value}");
        }
        let mut twice = HeaderMap::new();
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("b"));
        let failure = idempotency_key(&twice).expect_err("two keys");
        assert!(failure.detail().contains("idempotency-key more than once"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(IDEMPOTENCY_KEY, value);
                if let Ok(Some(key)) = idempotency_key(&headers) {
                    prop_assert!((1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()));
                }
            }
        }

        #[test]
        fn any_visible_key_survives_being_quoted(key in "[!-~]{1,255}") {
            let quoted = format!("\"{}\"", key.replace('\\', r"\\").replace('"', r#"\""#));
            let read = read(&quoted).expect("well-formed").expect("a key");
            prop_assert_eq!(&*read, key.as_str());
        }
    }
}
