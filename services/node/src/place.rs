//! Ids as people write them: here, and only here, a zone that was left out becomes `default`.

use std::fmt;

use tidelog_core::{CollectionId, EntityId, ZoneId, id::DEFAULT_ZONE};

/// A collection, or one zone of it: what can be listed, imported into and exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Every zone of a collection.
    Collection(CollectionId),
    /// One zone.
    Zone(ZoneId),
}

impl Place {
    /// Reads `shop/orders` or `shop/orders/eu`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split('/').count() {
            2 => text.parse().map(Self::Collection).map_err(|error| error.to_string()),
            3 => text.parse().map(Self::Zone).map_err(|error| error.to_string()),
            found => Err(format!(
                "a collection is written database/collection, as in shop/orders, and a zone \
                 database/collection/zone, as in shop/orders/eu; this has {found} segment(s)"
            )),
        }
    }

    /// The path of its list, below the URL of the node.
    pub(crate) fn list_path(&self) -> String {
        match self {
            Self::Collection(collection) => format!("/v1/collections/{collection}/entities"),
            Self::Zone(zone) => format!("/v1/zones/{zone}/entities"),
        }
    }

    /// The collection.
    pub(crate) fn collection(&self) -> CollectionId {
        match self {
            Self::Collection(collection) => collection.clone(),
            Self::Zone(zone) => zone.collection(),
        }
    }

    /// The zone; `default` where none was named.
    pub(crate) fn zone(&self) -> ZoneId {
        match self {
            Self::Collection(collection) => format!("{collection}/{DEFAULT_ZONE}")
                .parse()
                .expect("a collection and a good segment make a zone"),
            Self::Zone(zone) => zone.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collection(collection) => collection.fmt(f),
            Self::Zone(zone) => zone.fmt(f),
        }
    }
}

/// Reads an entity's id: `shop/orders/eu/42`, or `shop/orders/42` for the zone `default`.
pub(crate) fn entity(text: &str) -> Result<EntityId, String> {
    let parsed = match text.rsplit_once('/') {
        Some((collection, name)) if collection.split('/').count() == 2 => {
            // The parts are read before they are joined, so that an error counts what was written.
            let collection: CollectionId = collection.parse().map_err(words)?;
            format!("{collection}/{DEFAULT_ZONE}/{name}").parse()
        }
        _ => text.parse(),
    };
    let found = text.split('/').count();
    parsed.map_err(|error| match found {
        3 | 4 => words(error),
        _ => format!(
            "an entity is written database/collection/zone/name, as in shop/orders/eu/42, or \
             database/collection/name for the zone `{DEFAULT_ZONE}`; this has {found} segment(s)"
        ),
    })
}

fn words(error: impl fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_left_out_is_the_default_one() {
        assert_eq!(entity("shop/orders/42").map(|id| id.to_string()), ok("shop/orders/default/42"));
        assert_eq!(entity("shop/orders/eu/42").map(|id| id.to_string()), ok("shop/orders/eu/42"));
        assert_eq!(place("shop/orders").zone().to_string(), "shop/orders/default");
        assert_eq!(place("shop/orders/eu").zone().to_string(), "shop/orders/eu");
    }

    #[test]
    fn a_place_is_a_collection_or_a_zone() {
        assert_eq!(place("shop/orders").list_path(), "/v1/collections/shop/orders/entities");
        assert_eq!(place("shop/orders/eu").list_path(), "/v1/zones/shop/orders/eu/entities");
        assert_eq!(place("shop/orders/eu").collection().to_string(), "shop/orders");
        assert_eq!(place("shop/orders/eu").to_string(), "shop/orders/eu");
    }

    #[test]
    fn a_wrong_count_of_segments_says_how_ids_are_written() {
        assert!(entity("shop/orders").is_err_and(|words| words.contains("shop/orders/eu/42")));
        assert!(entity("shop").is_err_and(|words| words.contains("this has 1 segment(s)")));
        assert!(entity("a/b/c/d/e").is_err_and(|words| words.contains("this has 5 segment(s)")));
        assert!(Place::parse("shop").is_err_and(|words| words.contains("shop/orders")));
        assert!(Place::parse("a/b/c/d").is_err_and(|words| words.contains("this has 4")));
    }

    #[test]
    fn a_bad_segment_is_named() {
        assert!(entity("shop/orders/a b").is_err_and(|words| words.contains("the character ' '")));
        assert!(entity("shop//42").is_err_and(|words| words.contains("segment 2 is empty")));
        assert!(entity("/shop/orders/42").is_err_and(|words| words.contains("segment 1 is empty")));
        assert!(entity("").is_err());
    }

    fn place(text: &str) -> Place {
        Place::parse(text).expect("a good place")
    }

    fn ok(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }
}
