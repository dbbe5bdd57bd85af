//! `Host`: which there must be one of (RFC 9112, section 3.2).
//!
//! Nothing is decided by it here. But of two, a proxy in front may have gone by the other one, so a
//! request that leaves it open is answered by nobody.

use axum::http::{HeaderMap, HeaderValue, Version, header, uri::Authority};

use crate::failure::Failure;

/// Refuses a request without a host, with several, or with one that is none.
pub(crate) fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Failure> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let why = match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => return Ok(()),
        (Some(_), None) => "the field Host is not a host and a port",
        (Some(_), Some(_)) => "the header has Host more than once",
        // Older versions did not have it.
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (None, _) => "the header has no Host",
    };
    Err(Failure::bad_request(why).closing())
}

/// Whether it is a host, and a port if need be. It may be empty: that of a target without one is.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, hosts: &[&str]) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).expect("a value"));
        }
        check_host(version, &headers).map_err(|failure| failure.detail().to_owned())
    }

    #[test]
    fn there_is_one_host() {
        for good in ["a.example", "a.example:80", "127.0.0.1:7070", "[::1]:7070", ""] {
            assert_eq!(check(Version::HTTP_11, &[good]), Ok(()), "{good}");
        }
        for bad in ["a b", "me@a.example", "a/b", "a, b", "http://a"] {
            assert!(check(Version::HTTP_11, &[bad]).is_err(), "{bad}");
        }
        assert!(check(Version::HTTP_11, &[]).is_err());
        assert_eq!(check(Version::HTTP_10, &[]), Ok(()));
        assert!(check(Version::HTTP_10, &["a", "a"]).is_err());
    }
}
