//! Segments: what ids are made of.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::SEGMENT_BYTES_MAX;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It has too few or too many segments.
    #[error("{what} has {}, as in {example}; this has {found}", segments(*expected))]
    Segments {
        /// What was expected, with its article.
        what: &'static str,
        /// How many segments that has.
        expected: usize,
        /// How many there are.
        found: usize,
        /// What one looks like.
        example: &'static str,
    },
    /// A segment is empty.
    #[error("segment {index} is empty; a segment has 1 to {SEGMENT_BYTES_MAX} bytes")]
    Empty {
        /// Which segment, from 1.
        index: usize,
    },
    /// A segment is too long.
    #[error("segment {index} has {bytes} bytes; a segment has 1 to {SEGMENT_BYTES_MAX} bytes")]
    TooLong {
        /// Which segment, from 1.
        index: usize,
        /// Its bytes.
        bytes: usize,
    },
    /// A segment has a character that ids do not have.
    #[error(
        "segment {index} has the character {found:?}; ids are made of A-Z a-z 0-9 . _ ~ - \
         (a collection may begin with one '$')"
    )]
    Character {
        /// Which segment, from 1.
        index: usize,
        /// The character.
        found: char,
    },
    /// A segment is `.` or `..`, which URLs give another meaning.
    #[error("segment {index} is '.' or '..', which no id may be")]
    Dots {
        /// Which segment, from 1.
        index: usize,
    },
    /// A number in it cannot be read.
    #[error("{what} ends in numbers separated by ':', as in {example}")]
    Number {
        /// What was expected, with its article.
        what: &'static str,
        /// What one looks like.
        example: &'static str,
    },
}

/// Checks one segment; `index` (from 1) is for the message.
pub(super) fn check(text: &str, index: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { index });
    }
    if text.len() > SEGMENT_BYTES_MAX {
        return Err(IdError::TooLong { index, bytes: text.len() });
    }
    if text == "." || text == ".." {
        return Err(IdError::Dots { index });
    }
    match text.chars().find(|c| !is_id_character(*c)) {
        Some(found) => Err(IdError::Character { index, found }),
        None => Ok(()),
    }
}

fn segments(count: usize) -> String {
    match count {
        1 => "1 segment".to_owned(),
        _ => format!("{count} segments separated by '/'"),
    }
}

fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~' | '-')
}

macro_rules! single_segment {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text, 1)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <&str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

single_segment! {
    /// A user, as the application in front of Tidelog names its users.
    UserId
}

single_segment! {
    /// A device of a user.
    DeviceId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_in_words_that_fit() {
        let error = |what, expected, example| {
            IdError::Segments { what, expected, found: 2, example }.to_string()
        };
        assert_eq!(
            error("a database", 1, "shop"),
            "a database has 1 segment, as in shop; this has 2"
        );
        assert_eq!(
            error("an entity", 4, "shop/orders/eu/42"),
            "an entity has 4 segments separated by '/', as in shop/orders/eu/42; this has 2"
        );
    }
}
