//! How requests are named (RIFL, Lee et al., SOSP 2015): by client and number.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::segment::{IdError, check};
use crate::time::Timestamp;

/// A client: a prefix that a driver keeps for its life, and a count of the names that it has used.
///
/// Responses are partitioned by the prefix, so a driver that goes on under a new name still reads
/// one partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    prefix: Arc<str>,
    incarnation: u32,
}

impl ClientId {
    /// The client `prefix` under its name number `incarnation`.
    ///
    /// # Errors
    ///
    /// If `prefix` is no segment of an id.
    pub fn new(prefix: &str, incarnation: u32) -> Result<Self, IdError> {
        check(prefix, 1)?;
        Ok(Self { prefix: prefix.into(), incarnation })
    }

    /// What its responses are partitioned by.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Which of the client's names this is.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// The same client under its next name.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { prefix: self.prefix.clone(), incarnation: self.incarnation + 1 }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.prefix, self.incarnation)
    }
}

impl FromStr for ClientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = IdError::Number { what: "a client", example: "app-1:0" };
        let (prefix, incarnation) = text.rsplit_once(':').ok_or_else(|| bad.clone())?;
        Self::new(prefix, number(incarnation).ok_or(bad)?)
    }
}

/// A request: its client and the client's number for it. A client's numbers rise by one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestName {
    /// Who asks.
    pub client: ClientId,
    /// The how-manieth request of that client it is, from 1.
    pub number: u64,
}

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.client, self.number)
    }
}

/// A request as people name it: also says when it was sent first, so that one of which nothing is
/// known can be told to be pending or expired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The request.
    pub name: RequestName,
    /// When its client first sent it, by the client's clock.
    pub first_sent: Timestamp,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.first_sent)
    }
}

impl FromStr for RequestId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Number { what: "a request", example: "app-1:0:17:1764000000000" };
        let (rest, first_sent) = text.rsplit_once(':').ok_or_else(bad)?;
        let (client, count) = rest.rsplit_once(':').ok_or_else(bad)?;
        let name = RequestName {
            client: client.parse().map_err(|_| bad())?,
            number: number(count).ok_or_else(bad)?,
        };
        let first_sent = Timestamp::from_millis(number(first_sent).ok_or_else(bad)?);
        Ok(Self { name, first_sent })
    }
}

/// Reads a number as `Display` prints it, so that no two texts are the same id.
fn number<N: FromStr>(text: &str) -> Option<N> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&*self.prefix, self.incarnation).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (prefix, incarnation) = <(&str, u32)>::deserialize(deserializer)?;
        Self::new(prefix, incarnation).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_reads_back_as_printed() {
        let text = "01997c1e-app:3:42:1764000000000";
        let id: RequestId = text.parse().expect("a good id");
        assert_eq!(id.name.client.prefix(), "01997c1e-app");
        assert_eq!(id.name.client.incarnation(), 3);
        assert_eq!(id.name.number, 42);
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn no_two_texts_are_the_same_request() {
        for text in ["a:0:1:+5", "a:0:01:5", "a:0:1", "a:0:1:5:6:7", ":0:1:5", "a:-1:1:5", ""] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }
}
