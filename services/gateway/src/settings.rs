//! What can be set.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    origin::{Origin, OriginError},
    readiness::Readiness,
};

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
    /// Bytes of answers to reads that are held at a time, as their readers have not taken them; a read
    /// beyond is answered with 503.
    pub answers_bytes_max: usize,
    /// How long requests under way are waited for when the gateway stops.
    pub drain_timeout: Duration,
    /// Web pages of which origins may use the gateway.
    pub cors_origin: CorsOrigin,
    /// What `/readyz` asks about the tasks of this node.
    pub readiness: Readiness,
    /// What `/metrics` tells.
    pub metrics: Metrics,
}

/// What `/metrics` tells: a page in the text format of Prometheus. The default has none.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<dyn Fn() -> String + Send + Sync>>);

impl Metrics {
    /// Has a page made whenever it is asked for.
    #[must_use]
    pub fn of(page: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(page)))
    }

    /// The page as it is now.
    pub(crate) fn page(&self) -> Option<String> {
        self.0.as_ref().map(|page| page())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.0.is_some()).finish()
    }
}

/// Web pages of which origins may use the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigin {
    /// None: no CORS header is ever sent.
    #[default]
    Off,
    /// Of any.
    Any,
    /// Of these.
    Only(Vec<Origin>),
}

impl CorsOrigin {
    /// Reads what a flag says: no origins, `*` among them, or a list.
    ///
    /// # Errors
    ///
    /// If something in the list is no origin.
    pub fn from_list<S: AsRef<str>>(origins: &[S]) -> Result<Self, OriginError> {
        let (any, named): (Vec<_>, Vec<_>) =
            origins.iter().map(AsRef::as_ref).partition(|origin: &&str| *origin == "*");
        let named = named.into_iter().map(str::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(match (any.is_empty(), named.is_empty()) {
            (true, true) => Self::Off,
            (true, false) => Self::Only(named),
            (false, _) => Self::Any,
        })
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
            answers_bytes_max: 256 * 1024 * 1024,
            drain_timeout: Duration::from_secs(20),
            cors_origin: CorsOrigin::Off,
            readiness: Readiness::default(),
            metrics: Metrics::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_among_the_origins_allows_any() {
        let list = |origins: &[&str]| CorsOrigin::from_list(origins);
        assert_eq!(list(&[]), Ok(CorsOrigin::Off));
        assert_eq!(list(&["http://a", "*"]), Ok(CorsOrigin::Any));
        let only = "http://a".parse().expect("an origin");
        assert_eq!(list(&["http://a/"]), Ok(CorsOrigin::Only(vec![only])));
        assert!(list(&["*", "a"]).is_err());
    }
}
