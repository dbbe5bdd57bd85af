//! Origins of web pages, and when two of them are the same (RFC 6454).

use std::{fmt, str::FromStr};

use axum::http::Uri;

/// Where a web page comes from: scheme, host and port. Two that differ in nothing but case, or in
/// whether the port that is meant anyway is written, are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = |why| OriginError { text: text.into(), why };
        if text == "null" {
            return Err(wrong("a page of no origin may be anybody's"));
        }
        // Uri takes a scheme for a host where the slashes are missing.
        let Some((_, rest)) = text.split_once("://") else { return Err(wrong("it has no scheme")) };
        if !text.is_ascii() {
            return Err(wrong(
                "a browser writes such a host in Punycode, as in xn--bcher-kva.example",
            ));
        }
        // Uri forgets what stands behind a number sign.
        if rest.contains('#') || rest.find('/').is_some_and(|slash| slash + 1 < rest.len()) {
            return Err(wrong("it goes on after the host, and an origin ends there"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("it is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("it has no host"));
        };
        if uri.query().is_some() {
            return Err(wrong("it goes on after the host, and an origin ends there"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("it names a user, and an origin has none"));
        }
        if authority.host().is_empty() || authority.as_str().contains('*') {
            return Err(wrong("it names no host; every origin is `*`, and no part of one can be"));
        }
        let scheme = scheme.to_ascii_lowercase();
        let host = authority.host().to_ascii_lowercase();
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None | Some("") => None,
            Some(port) => Some(port.parse::<u16>().map_err(|_| wrong("it has no such port"))?),
        };
        let is_meant_anyway = |port: &u16| default_port(&scheme) == Some(*port);
        Ok(Self(match port.filter(|port| !is_meant_anyway(port)) {
            None => format!("{scheme}://{host}"),
            Some(port) => format!("{scheme}://{host}:{port}"),
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no origin: {why}; one has a scheme, a host, and a port if it is not the scheme's \
     own, as in https://app.example or http://localhost:3000"
)]
pub struct OriginError {
    text: Box<str>,
    why: &'static str,
}

/// The port that is meant where none is written.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        // Apps have schemes of their own (capacitor://localhost), and those have no ports.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> Result<String, String> {
        text.parse::<Origin>().map(|origin| origin.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_the_same_to_a_browser_is_the_same() {
        for same in ["https://app.example", "HTTPS://App.Example", "https://app.example:443/"] {
            assert_eq!(origin(same).as_deref(), Ok("https://app.example"), "{same}");
        }
        let kept = ["http://app.example:443", "https://app.example:80", "http://[::1]:3000"];
        for text in [&kept[..], &["capacitor://localhost", "http://localhost:3000"]].concat() {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
        assert_eq!(origin("http://app.example:80").as_deref(), Ok("http://app.example"));
        assert_eq!(origin("http://app.example:").as_deref(), Ok("http://app.example"));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_reason() {
        let cases = [
            ("app.example", "has no scheme"),
            ("", "has no scheme"),
            ("null", "may be anybody's"),
            ("https://", "no URL"),
            ("https://app.example/shop", "ends there"),
            ("https://app.example?x", "ends there"),
            ("https://app.example#x", "ends there"),
            ("https://me@app.example", "names a user"),
            ("https://*.app.example", "no part of one"),
            ("https://app.example:99999", "no"),
            ("https://b\u{fc}cher.example", "Punycode"),
            ("https://app.example, https://b.example", "ends there"),
        ];
        for (text, why) in cases {
            let error = origin(text).expect_err(text);
            assert!(error.contains(why) && error.contains("https://app.example"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_origin_that_reads_back_as_printed_or_refused(text in ".{0,40}") {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse(), Ok(origin));
            }
        }
    }
}
