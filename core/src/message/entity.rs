//! Requests for entities, and what they changed.

use serde::{Deserialize, Serialize};

use super::request::{IdempotencyKey, Origin, Part, Remember};
use crate::{
    document::Document,
    id::{DeviceId, EntityId, RequestName, Revision, UserId},
    patch::{JsonPatch, Operations},
    time::Timestamp,
};

/// A request for one entity, or one part of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityPatch {
    /// Who asks.
    pub origin: Origin,
    /// Which part of the request this is.
    pub part: Part,
    /// The key that the caller brought.
    pub key: Option<IdempotencyKey>,
    /// The entity that it is about.
    pub entity: EntityId,
    /// What is asked for, and under which condition.
    pub request: PartRequest,
    /// Whether the answer is to hold the document. A driver that has the document already says no.
    pub wants_value: bool,
    /// Whether the response accumulator is to remember the answer, and as what.
    pub remember: Remember,
}

/// What is asked of one entity, and under which condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRequest {
    /// What is asked for.
    pub change: Change,
    /// What must hold for it to be done.
    pub condition: Condition,
}

impl From<Change> for PartRequest {
    fn from(change: Change) -> Self {
        Self { change, condition: Condition::default() }
    }
}

/// What can be asked of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Read it.
    Read,
    /// Create it with this document; it must not exist.
    Create(Document),
    /// Make this its document, whether it exists or not.
    Replace(Document),
    /// Apply a JSON Patch (RFC 6902), to `{}` if it does not exist.
    Patch(JsonPatch),
    /// Apply a JSON Merge Patch (RFC 7396), to `{}` if it does not exist.
    Merge(Document),
    /// Apply increments and changes of sets, to `{}` if it does not exist.
    Operations(Operations),
    /// Delete it.
    Delete,
}

impl Change {
    /// Whether it can change anything.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self, Self::Read)
    }

    /// The name of the operation, as in batches.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create(_) => "create",
            Self::Replace(_) => "replace",
            Self::Patch(_) => "patch",
            Self::Merge(_) => "merge",
            Self::Operations(_) => "operations",
            Self::Delete => "delete",
        }
    }
}

/// What must hold for a request to be done, as `If-Match` and `If-None-Match` (RFC 9110) have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The entity must exist, at one of these revisions.
    pub matches: Option<Match>,
    /// The entity must not exist, or not at one of these revisions.
    pub none_match: Option<Match>,
}

/// The revisions that a condition names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Match {
    /// Any: the entity exists.
    Any,
    /// One of these.
    Revisions(Vec<Revision>),
}

impl Match {
    /// Whether an entity that exists at `revision`, or does not exist, is matched.
    #[must_use]
    pub fn holds(&self, revision: Option<Revision>) -> bool {
        match (self, revision) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Revisions(revisions), Some(revision)) => revisions.contains(&revision),
        }
    }
}

impl Condition {
    /// The entity must exist at this revision.
    #[must_use]
    pub fn revision(revision: Revision) -> Self {
        Self { matches: Some(Match::Revisions(vec![revision])), none_match: None }
    }

    /// The entity must exist.
    #[must_use]
    pub fn exists() -> Self {
        Self { matches: Some(Match::Any), none_match: None }
    }

    /// The entity must not exist.
    #[must_use]
    pub fn missing() -> Self {
        Self { matches: None, none_match: Some(Match::Any) }
    }

    /// Whether the condition holds for an entity that exists at `revision`, or does not exist.
    #[must_use]
    pub fn holds(&self, revision: Option<Revision>) -> bool {
        self.matches.as_ref().is_none_or(|wanted| wanted.holds(revision))
            && !self.none_match.as_ref().is_some_and(|unwanted| unwanted.holds(revision))
    }
}

/// An entity changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityUpdate {
    /// The entity that changed.
    pub entity: EntityId,
    /// What became of it.
    pub kind: UpdateKind,
    /// Its revision after the change.
    pub revision: Revision,
    /// Its document before, unless it was created.
    pub before: Option<Document>,
    /// Its document after, unless it was deleted.
    pub after: Option<Document>,
    /// The request that changed it.
    pub request: RequestName,
    /// The part of that request.
    pub part: Part,
    /// On whose behalf.
    pub user: Option<UserId>,
    /// From which device.
    pub device: Option<DeviceId>,
    /// The task time of the change.
    pub time: Timestamp,
}

/// What a change made of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateKind {
    /// It did not exist before.
    Created,
    /// It existed before and after.
    Updated,
    /// It does not exist any more.
    Deleted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_the_http_standard_says() {
        let three = Match::Revisions(vec![Revision(2), Revision(3)]);
        let cases = [
            (Condition::default(), None, true),
            (Condition::default(), Some(Revision(1)), true),
            (Condition::exists(), None, false),
            (Condition::exists(), Some(Revision(1)), true),
            (Condition::missing(), None, true),
            (Condition::missing(), Some(Revision(1)), false),
            (Condition::revision(Revision(3)), Some(Revision(3)), true),
            (Condition::revision(Revision(3)), Some(Revision(4)), false),
            (Condition::revision(Revision(3)), None, false),
            (
                Condition { matches: None, none_match: Some(three.clone()) },
                Some(Revision(3)),
                false,
            ),
            (Condition { matches: None, none_match: Some(three.clone()) }, Some(Revision(4)), true),
            (Condition { matches: None, none_match: Some(three) }, None, true),
        ];
        for (condition, revision, holds) in cases {
            assert_eq!(condition.holds(revision), holds, "{condition:?} at {revision:?}");
        }
    }
}
