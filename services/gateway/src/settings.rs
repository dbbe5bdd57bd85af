//! What can be set.

use std::time::Duration;

use crate::readiness::Readiness;

/// How the gateway behaves. Limits that are the same everywhere are in [`crate::limits`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a request is waited for before it is answered as `outcome-unknown`.
    pub answer_timeout: Duration,
    /// How long reading a request's body may take.
    pub body_timeout: Duration,
    /// How long a connection may take to send a request's header, and to begin with the next
    /// request.
    pub header_timeout: Duration,
    /// How long a client may leave an answer unread before its connection is given up.
    pub write_timeout: Duration,
    /// Connections at a time; more are answered with 503 and closed.
    pub connections_max: usize,
    /// Bytes of bodies that are held at a time; a request beyond is answered with 503.
    pub bodies_bytes_max: usize,
    /// How long requests under way are waited for when the gateway stops.
    pub drain_timeout: Duration,
    /// Web pages of which origins may use the gateway.
    pub cors_origin: CorsOrigin,
    /// What `/readyz` asks about the tasks of this node.
    pub readiness: Readiness,
}

/// Web pages of which origins may use the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigin {
    /// None: no CORS header is ever sent.
    #[default]
    Off,
    /// Of any.
    Any,
    /// Of these, as in `https://app.example`.
    Only(Vec<String>),
}

impl CorsOrigin {
    /// Reads what a flag says: no origins, `*` among them, or a list.
    #[must_use]
    pub fn from_list(origins: Vec<String>) -> Self {
        if origins.is_empty() {
            Self::Off
        } else if origins.iter().any(|origin| origin == "*") {
            Self::Any
        } else {
            let trimmed = |origin: String| origin.trim_end_matches('/').to_owned();
            Self::Only(origins.into_iter().map(trimmed).collect())
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            connections_max: 4_096,
            bodies_bytes_max: 256 * 1024 * 1024,
            drain_timeout: Duration::from_secs(20),
            cors_origin: CorsOrigin::Off,
            readiness: Readiness::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_among_the_origins_allows_any() {
        let list = |origins: &[&str]| {
            CorsOrigin::from_list(origins.iter().map(ToString::to_string).collect())
        };
        assert_eq!(list(&[]), CorsOrigin::Off);
        assert_eq!(list(&["http://a", "*"]), CorsOrigin::Any);
        assert_eq!(list(&["http://a/"]), CorsOrigin::Only(vec!["http://a".into()]));
    }
}
