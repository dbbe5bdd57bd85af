//! Where data lives: database > collection > zone > entity.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::segment::{IdError, check};

/// The zone that is put in where a person leaves it out.
pub const DEFAULT_ZONE: &str = "default";

macro_rules! place {
    ($(#[$doc:meta])* $name:ident, $what:literal, $segments:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id's text: its segments, separated by slashes.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text of the first `count` segments.
            #[allow(dead_code, reason = "a database has no parent")]
            fn head(&self, count: usize) -> &str {
                let end = self.0.match_indices('/').nth(count - 1).map(|(at, _)| at);
                &self.0[..end.unwrap_or(self.0.len())]
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check_segments(text, $what, $segments, $example)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
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

place! {
    /// A database: `shop`.
    DatabaseId, "a database", 1, "shop"
}

place! {
    /// A collection of a database: `shop/orders`. One whose name begins with `$` is the system's.
    CollectionId, "a collection", 2, "shop/orders"
}

place! {
    /// A zone of a collection: `shop/orders/eu`.
    ZoneId, "a zone", 3, "shop/orders/eu"
}

place! {
    /// An entity: `shop/orders/eu/42`.
    EntityId, "an entity", 4, "shop/orders/eu/42"
}

impl CollectionId {
    /// The text of the database that it is in.
    #[must_use]
    pub fn database_str(&self) -> &str {
        self.head(1)
    }

    /// Whether it is the system's, and not an application's.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.name().starts_with('$')
    }

    /// The database that it is in.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        DatabaseId(self.head(1).into())
    }

    /// Its own name, without the database's.
    #[must_use]
    pub fn name(&self) -> &str {
        last(&self.0)
    }
}

impl ZoneId {
    /// The database that it is in.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        DatabaseId(self.head(1).into())
    }

    /// The collection that it is in.
    #[must_use]
    pub fn collection(&self) -> CollectionId {
        CollectionId(self.head(2).into())
    }

    /// Its own name, without the collection's.
    #[must_use]
    pub fn name(&self) -> &str {
        last(&self.0)
    }

    /// The entity of this zone that is named `name`.
    ///
    /// # Errors
    ///
    /// If `name` is no segment of an id.
    pub fn entity(&self, name: &str) -> Result<EntityId, IdError> {
        check(name, 4)?;
        Ok(EntityId(format!("{}/{name}", self.0).into()))
    }
}

impl EntityId {
    /// The text of the database that it is in.
    #[must_use]
    pub fn database_str(&self) -> &str {
        self.head(1)
    }

    /// The database that it is in.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        DatabaseId(self.head(1).into())
    }

    /// The collection that it is in.
    #[must_use]
    pub fn collection(&self) -> CollectionId {
        CollectionId(self.head(2).into())
    }

    /// The zone that it is in.
    #[must_use]
    pub fn zone(&self) -> ZoneId {
        ZoneId(self.head(3).into())
    }

    /// The text of the zone that it is in.
    #[must_use]
    pub fn zone_str(&self) -> &str {
        self.head(3)
    }

    /// Its own name, without the zone's.
    #[must_use]
    pub fn name(&self) -> &str {
        last(&self.0)
    }
}

fn last(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, last)| last)
}

fn check_segments(
    text: &str,
    what: &'static str,
    expected: usize,
    example: &'static str,
) -> Result<(), IdError> {
    let found = text.split('/').count();
    if found != expected {
        return Err(IdError::Segments { what, expected, found, example });
    }
    for (index, segment) in (1..).zip(text.split('/')) {
        let is_collection = index == 2;
        let name = segment.strip_prefix('$').filter(|_| is_collection).unwrap_or(segment);
        check(name, index)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_knows_where_it_is() {
        let entity: EntityId = "shop/orders/eu/42".parse().expect("a good id");
        assert_eq!(entity.database().to_string(), "shop");
        assert_eq!(entity.collection().to_string(), "shop/orders");
        assert_eq!(entity.zone().to_string(), "shop/orders/eu");
        assert_eq!(entity.name(), "42");
        assert_eq!(entity.zone().entity("42"), Ok(entity));
    }

    #[test]
    fn a_zone_and_an_entity_never_share_a_text() {
        assert!("shop/orders/eu".parse::<EntityId>().is_err());
        assert!("shop/orders/eu/42".parse::<ZoneId>().is_err());
    }

    #[test]
    fn a_bad_segment_is_named_with_its_place() {
        let error = |text: &str| text.parse::<EntityId>().expect_err("a bad id").to_string();
        assert!(error("shop/orders/eu").contains("an entity has 4 segments"));
        assert!(error("shop//eu/42").contains("segment 2 is empty"));
        assert!(error("shop/orders/../42").contains("segment 3 is '.' or '..'"));
        assert!(error("shop/orders/eu/a b").contains("segment 4 has the character ' '"));
        assert!(error(&format!("{}/a/b/c", "x".repeat(129))).contains("segment 1 has 129 bytes"));
    }

    #[test]
    fn only_a_collection_may_begin_with_one_dollar() {
        assert!("shop/$zoneSubscription/phone/1".parse::<EntityId>().is_ok());
        assert!("shop/$$x/phone/1".parse::<EntityId>().is_err());
        assert!("shop/$/phone/1".parse::<EntityId>().is_err());
        assert!("shop/orders/$eu/1".parse::<EntityId>().is_err());
        assert!("$shop".parse::<DatabaseId>().is_err());
    }
}
