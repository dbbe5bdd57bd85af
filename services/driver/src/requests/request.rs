//! Requests as they are submitted, and as they go into the log.

use bytes::Bytes;
use tidelog_core::{
    DatabaseId, DeviceId, EntityId, Headers, Layout, Message, Problem, ProblemKind, UserId,
    limits::{
        BATCH_BYTES_MAX, BATCH_PARTS_MAX, IDEMPOTENCY_KEY_BYTES_MAX, PRECONDITION_REVISIONS_MAX,
        RECORD_BYTES_MAX,
    },
    message::{
        BatchPart, Condition, EntityBatch, EntityPatch, Match, Origin, Part, PartRequest, Remember,
        SchemaChange, SchemaPatch,
    },
    port::Append,
};

use crate::options::With;

/// A request that has no name yet.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// For one entity.
    Entity { entity: EntityId, request: PartRequest, with: With },
    /// For many entities of one database.
    Batch { database: DatabaseId, parts: Vec<BatchPart>, with: With },
    /// For one database's schema.
    Schema { database: DatabaseId, change: SchemaChange, with: With },
}

impl Request {
    /// Whether its answer is gathered by the response accumulator.
    pub(super) fn is_batch(&self) -> bool {
        matches!(self, Self::Batch { .. })
    }

    /// On whose behalf it is asked, and from which device.
    pub(super) fn sender(&self) -> (Option<UserId>, Option<DeviceId>) {
        let with = self.with();
        (with.user.clone(), with.device.clone())
    }

    /// Checks the limits that a service would set the record aside for, without an answer.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let key_bytes = self.with().key.as_ref().map_or(0, |key| key.key.len());
        if key_bytes > IDEMPOTENCY_KEY_BYTES_MAX {
            return Err(bad(format!(
                "the idempotency key has {key_bytes} bytes; it may have {IDEMPOTENCY_KEY_BYTES_MAX}"
            )));
        }
        match self {
            Self::Entity { request, .. } => check_condition(&request.condition),
            Self::Batch { parts, .. } if parts.is_empty() || parts.len() > BATCH_PARTS_MAX => Err(
                bad(format!("a batch has 1 to {BATCH_PARTS_MAX} parts; this has {}", parts.len())),
            ),
            Self::Batch { .. } | Self::Schema { .. } => Ok(()),
        }
    }

    /// The record of the request, under the name that it got.
    pub(super) fn into_append(self, origin: Origin, layout: Layout) -> Result<Append, Problem> {
        let trace = self.with().trace;
        let (message, bytes_max) = match self {
            Self::Entity { entity, request, with } => {
                let With { key, wants_value, remember, .. } = with;
                let part = Part::ONLY;
                let remember = if remember { Remember::Single } else { Remember::No };
                let patch =
                    EntityPatch { origin, part, key, entity, request, wants_value, remember };
                (Message::EntityPatch(patch), RECORD_BYTES_MAX)
            }
            Self::Batch { database, parts, with } => {
                let With { key, wants_value: wants_values, .. } = with;
                let batch = EntityBatch { origin, database, key, wants_values, parts };
                (Message::EntityBatch(batch), BATCH_BYTES_MAX)
            }
            Self::Schema { database, change, .. } => {
                (Message::SchemaPatch(SchemaPatch { origin, database, change }), RECORD_BYTES_MAX)
            }
        };
        let payload = message.encode();
        if payload.len() > bytes_max {
            return Err(Problem::new(
                ProblemKind::TooLarge,
                format_args!("the request has {} bytes; it may have {bytes_max}", payload.len()),
            ));
        }
        let key = message.key();
        let partition = layout.partition(key);
        let key = Bytes::copy_from_slice(key.as_bytes());
        let headers = Headers { request: message.request().cloned(), trace };
        Ok(Append { topic: message.topic(), partition, key, payload, headers })
    }

    fn with(&self) -> &With {
        match self {
            Self::Entity { with, .. } | Self::Batch { with, .. } | Self::Schema { with, .. } => {
                with
            }
        }
    }
}

fn check_condition(condition: &Condition) -> Result<(), Problem> {
    for wanted in [&condition.matches, &condition.none_match].into_iter().flatten() {
        if let Match::Revisions(revisions) = wanted
            && revisions.len() > PRECONDITION_REVISIONS_MAX
        {
            return Err(bad(format!(
                "a precondition names {} revisions; it may name {PRECONDITION_REVISIONS_MAX}",
                revisions.len()
            )));
        }
    }
    Ok(())
}

fn bad(detail: String) -> Problem {
    Problem::new(ProblemKind::BadRequest, detail)
}
