//! Subscriptions: ordinary entities of the collection `$zoneSubscription`, which say what a device wants
//! to be told.
//!
//! `shop/$zoneSubscription/phone/1` is a subscription of the device `phone`:
//!
//! ```json
//! {"zone": "shop/orders/eu", "changes": ["created", "deleted"], "own_changes": false}
//! ```
//!
//! Instead of a zone it may name a collection, which means every zone of it. Without `changes` it is
//! about all of them, and without `own_changes` also about those that the device made itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    document::Document,
    id::{CollectionId, DEFAULT_ZONE, DatabaseId, DeviceId, EntityId, IdError},
    message::UpdateKind,
    problem::{Problem, ProblemKind},
    query::Scope,
};

/// The name of the collection that subscriptions are in, in every database.
pub const SUBSCRIPTIONS: &str = "$zoneSubscription";

/// What a device wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The zone, or the collection whose every zone, it is about.
    pub subject: Scope,
    /// What it wants to know of it.
    pub terms: Terms,
}

/// Which changes a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Entities that come.
    pub created: bool,
    /// Entities that change.
    pub updated: bool,
    /// Entities that go.
    pub deleted: bool,
    /// Whether also changes that the device made itself.
    pub own: bool,
}

impl Terms {
    /// All changes.
    pub const ALL: Self = Self { created: true, updated: true, deleted: true, own: true };

    /// Whether a change is among them; `is_own` if the device made it itself.
    #[must_use]
    pub fn include(self, kind: UpdateKind, is_own: bool) -> bool {
        let is_wanted = match kind {
            UpdateKind::Created => self.created,
            UpdateKind::Updated => self.updated,
            UpdateKind::Deleted => self.deleted,
        };
        is_wanted && (self.own || !is_own)
    }
}

impl Subscription {
    /// Whether an entity is a subscription, or should be.
    #[must_use]
    pub fn is_one(entity: &EntityId) -> bool {
        is_for_subscriptions(&entity.collection())
    }

    /// The device that a subscription is of: its zone is named as it.
    #[must_use]
    pub fn device(entity: &EntityId) -> DeviceId {
        let name = entity.zone().name().parse();
        name.expect("the name of a zone is a segment, and so is a device")
    }

    /// The id of a device's subscription.
    ///
    /// # Errors
    ///
    /// If `name` is no segment of an id.
    pub fn id(database: &DatabaseId, device: &DeviceId, name: &str) -> Result<EntityId, IdError> {
        format!("{database}/{SUBSCRIPTIONS}/{device}/{name}").parse()
    }

    /// The document of the subscription.
    #[must_use]
    pub fn document(&self) -> Document {
        let Terms { created, updated, deleted, own } = self.terms;
        let place = match &self.subject {
            Scope::Zone(_) => "zone",
            Scope::Collection(_) => "collection",
        };
        let named = [(created, "created"), (updated, "updated"), (deleted, "deleted")];
        let changes: Vec<_> =
            named.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, name)| *name).collect();
        let value = serde_json::json!({
            place: self.subject.as_str(),
            "changes": changes,
            "own_changes": own,
        });
        Document::from_value(&value).expect("it is small")
    }

    /// Reads the document of a subscription.
    ///
    /// # Errors
    ///
    /// If it is none: the problem says what is wrong with it.
    pub fn read(entity: &EntityId, document: &Document) -> Result<Self, Problem> {
        if Self::device(entity).as_str() == DEFAULT_ZONE {
            return Err(bad(
                entity,
                "names no device; it is written database/$zoneSubscription/device/id",
            ));
        }
        let Value::Object(mut members) = document.to_value()? else {
            return Err(bad(entity, "is an object with a member zone or collection"));
        };
        let subject = subject(entity, &mut members)?;
        let own = match members.shift_remove("own_changes") {
            None => true,
            Some(Value::Bool(own)) => own,
            Some(_) => return Err(bad(entity, "has own_changes, which is true or false")),
        };
        let changes = members.shift_remove("changes");
        let terms = Terms { own, ..kinds(entity, changes)? };
        match members.keys().next() {
            Some(other) => Err(bad(entity, format_args!("has no member {other:?}"))),
            None => Ok(Self { subject, terms }),
        }
    }
}

/// Whether a collection is the one that subscriptions are in.
fn is_for_subscriptions(collection: &CollectionId) -> bool {
    collection.name() == SUBSCRIPTIONS
}

fn subject(entity: &EntityId, members: &mut Map<String, Value>) -> Result<Scope, Problem> {
    let zone = members.shift_remove("zone");
    let collection = members.shift_remove("collection");
    let no_id = |error: IdError| bad(entity, format_args!("is about no such place: {error}"));
    let subject = match (zone, collection) {
        (Some(Value::String(zone)), None) => Scope::Zone(zone.parse().map_err(no_id)?),
        (None, Some(Value::String(collection))) => {
            Scope::Collection(collection.parse().map_err(no_id)?)
        }
        (_, _) => {
            return Err(bad(
                entity,
                "has either a zone, as in \"shop/orders/eu\", or a collection, as in \"shop/orders\"",
            ));
        }
    };
    if subject.database() != entity.database() {
        return Err(bad(entity, "can only be about its own database"));
    }
    if subject.collection().is_system() {
        return Err(bad(entity, "cannot be about a collection of the system"));
    }
    Ok(subject)
}

fn kinds(entity: &EntityId, changes: Option<Value>) -> Result<Terms, Problem> {
    const EXPECTED: &str = "has changes, a list of at least one of created, updated, deleted";
    let Some(changes) = changes else { return Ok(Terms::ALL) };
    let Value::Array(changes) = changes else { return Err(bad(entity, EXPECTED)) };
    let mut terms = Terms { created: false, updated: false, deleted: false, own: true };
    for change in &changes {
        match change.as_str() {
            Some("created") => terms.created = true,
            Some("updated") => terms.updated = true,
            Some("deleted") => terms.deleted = true,
            Some(_) | None => return Err(bad(entity, EXPECTED)),
        }
    }
    if changes.is_empty() { Err(bad(entity, EXPECTED)) } else { Ok(terms) }
}

fn bad(entity: &EntityId, what: impl fmt::Display) -> Problem {
    Problem::new(ProblemKind::BadRequest, format_args!("{entity}: a subscription {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: &str, text: &str) -> Result<Subscription, String> {
        let entity = id.parse().expect("a good id");
        let document = Document::parse(text.as_bytes()).expect("a document");
        Subscription::read(&entity, &document).map_err(|problem| problem.detail.into())
    }

    const ID: &str = "shop/$zoneSubscription/phone/1";

    #[test]
    fn a_subscription_says_what_and_which_changes() {
        let all = read(ID, r#"{"zone":"shop/orders/eu"}"#).expect("a subscription");
        assert_eq!(all.subject, Scope::Zone("shop/orders/eu".parse().expect("a zone")));
        assert_eq!(all.terms, Terms::ALL);
        let some = r#"{"collection":"shop/orders","changes":["deleted"],"own_changes":false}"#;
        let some = read(ID, some).expect("a subscription");
        assert_eq!(some.subject, Scope::Collection("shop/orders".parse().expect("an id")));
        let deleted = Terms { created: false, updated: false, deleted: true, own: false };
        assert_eq!(some.terms, deleted);
        for subscription in [all, some] {
            let text = subscription.document();
            assert_eq!(read(ID, text.as_str()), Ok(subscription));
        }
        assert!(deleted.include(UpdateKind::Deleted, false));
        assert!(!deleted.include(UpdateKind::Deleted, true));
        assert!(!deleted.include(UpdateKind::Created, false));
    }

    #[test]
    fn what_is_no_subscription_is_told_why() {
        let cases = [
            (ID, "[]", "is an object"),
            (ID, "{}", "has either a zone"),
            (ID, r#"{"zone":"shop/a/b","collection":"shop/a"}"#, "has either a zone"),
            (ID, r#"{"zone":7}"#, "has either a zone"),
            (ID, r#"{"zone":"shop/orders"}"#, "a zone has 3 segments"),
            (ID, r#"{"collection":"shop"}"#, "a collection has 2 segments"),
            (ID, r#"{"zone":"other/orders/eu"}"#, "its own database"),
            (ID, r#"{"collection":"shop/$zoneSubscription"}"#, "of the system"),
            (ID, r#"{"zone":"shop/a/b","changes":[]}"#, "at least one of"),
            (ID, r#"{"zone":"shop/a/b","changes":["read"]}"#, "at least one of"),
            (ID, r#"{"zone":"shop/a/b","changes":"created"}"#, "at least one of"),
            (ID, r#"{"zone":"shop/a/b","own_changes":1}"#, "true or false"),
            (ID, r#"{"zone":"shop/a/b","change":["created"]}"#, "no member \"change\""),
            ("shop/$zoneSubscription/default/1", r#"{"zone":"shop/a/b"}"#, "names no device"),
        ];
        for (id, text, why) in cases {
            let error = read(id, text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
