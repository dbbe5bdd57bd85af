//! The URL of a node.

use std::{fmt, str::FromStr};

use hyper::Uri;

/// Where a node is: `http://host:port`, perhaps with a path before `/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    /// The URI of a path below it.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, String> {
        format!("{}{path}", self.0).parse().map_err(|error| format!("{path} is no path: {error}"))
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = text.trim();
        if given.is_empty() {
            return Err(format!("it is empty; a node's URL looks like {EXAMPLE}"));
        }
        let whole =
            if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let uri: Uri =
            whole.parse().map_err(|error| format!("{error}; a node's URL looks like {EXAMPLE}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err("this tidelog speaks plain http only: no TLS is built in yet. Use an \
                            http:// URL, through a TLS-terminating proxy or a tunnel such as \
                            `ssh -L 7070:127.0.0.1:7070 host`"
                    .to_owned());
            }
            _ => return Err(format!("only http:// is spoken; a node's URL looks like {EXAMPLE}")),
        }
        let host = uri.authority().ok_or_else(|| format!("it has no host, as in {EXAMPLE}"))?;
        if host.as_str().contains('@') {
            return Err("user names and passwords in URLs are not supported".to_owned());
        }
        if uri.query().is_some() {
            return Err(format!("it has a query; a node's URL looks like {EXAMPLE}"));
        }
        Ok(Self(whole.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a URL looks like.
const EXAMPLE: &str = "http://127.0.0.1:7070";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_the_url() {
        for base in ["http://127.0.0.1:7070", "http://127.0.0.1:7070/", "127.0.0.1:7070"] {
            let uri = url(base).and_then(|url| url.join("/v1/databases"));
            assert_eq!(uri.map(|uri| uri.to_string()), Ok(format!("{EXAMPLE}/v1/databases")));
        }
        let uri = url("http://proxy/tide/").and_then(|url| url.join("/v1/databases?limit=1"));
        assert_eq!(uri.map(|uri| uri.path().to_owned()), Ok("/tide/v1/databases".to_owned()));
    }

    #[test]
    fn https_is_refused_with_words() {
        assert!(url("https://example.org").is_err_and(|words| words.contains("plain http only")));
    }

    #[test]
    fn what_is_no_url_of_a_node_is_refused() {
        for text in ["", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://a/?x=1"] {
            assert!(url(text).is_err(), "{text:?}");
        }
    }

    fn url(text: &str) -> Result<BaseUrl, String> {
        text.parse()
    }
}
