//! entity-batch splits requests of many parts into one patch for each part.
//!
//! - Input: `entity-batches`. Outputs: `entity-patches`, `partial-responses`.
//! - Tables: idempotency keys (their fingerprints alone), and when they are to be forgotten.
//! - Parts keep the request's order. One that is wrong in itself gets a failed partial response;
//!   the others go on, and none is dropped. A batch without parts gets one failed answer, as part 1
//!   of 1.
//! - The whole of another request under a known key is refused: each part is answered `KeyReused`.
//!   A batch of which no part was sent on leaves its key unknown: what is malformed can be corrected
//!   and sent again under the same key, as everywhere.
//! - Every answer to a part is to be remembered by the response accumulator, as that of a batch: so a
//!   batch of one part has its complete response too, and is told from a request for one entity.
//! - Splitting again gives the same patches again, under the same names: entity-storage carries
//!   none out twice. So this service keeps no completion records, and nothing about requests
//!   without key. A repeat under another name is split as well; its parts carry the key, and meet
//!   what became of the first ones one by one.

mod split;
#[cfg(test)]
mod tests;

use tidelog_core::{
    Effects, Input, Message, Probe, Problem, ProblemKind, Service, ServiceName, Source, Spec,
    State, TableId, Timestamp, Topic, limits::BATCH_PARTS_MAX, message,
};

use self::split::Split;
use crate::{
    exactly_once::keys::{self, Known},
    set_aside::{set_aside, set_aside_as_foreign},
};

/// The service entity-batch.
#[derive(Clone, Copy, Debug)]
pub struct EntityBatch;

impl Service for EntityBatch {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        match message {
            Message::EntityBatch(batch) => handle_batch(source, batch, state, effects),
            Message::EntityPatch(_)
            | Message::EntityUpdate(_)
            | Message::PartialResponse(_)
            | Message::CompleteResponse(_)
            | Message::SchemaPatch(_)
            | Message::SchemaUpdate(_)
            | Message::DeadLetter(_)
            | Message::Owner(_)
            | Message::DefinitionUpdate(_)
            | Message::LearningSwitch(_)
            | Message::MarkedUpdate(_)
            | Message::Lesson(_)
            | Message::WalkEnded(_)
            | Message::LearnedDefinition(_)
            | Message::Zone(_)
            | Message::ForDevice(_)
            | Message::DeviceNotification(_)
            | Message::DeviceCall(_)
            | Message::DeviceUpdate(_)
            | Message::ForgetZone(_) => {
                set_aside_as_foreign(SPEC.name, source, &message, effects);
            }
        }
    }
}

fn handle_batch(
    source: Source,
    mut batch: message::EntityBatch,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let of = match u32::try_from(batch.parts.len()) {
        Ok(parts @ 0..=PARTS_MAX) => parts.max(1),
        Ok(_) | Err(_) => {
            let reason = format!("the batch has {} parts, too many", batch.parts.len());
            let message = Message::EntityBatch(batch);
            return set_aside(SPEC.name, source, &message, reason, effects);
        }
    };
    let parts = std::mem::take(&mut batch.parts);
    let split = Split { batch, of, source, time: state.task_time() };
    if parts.is_empty() {
        Probe::BatchWithoutParts.hit();
        let problem = Problem::new(ProblemKind::BadRequest, "a batch has at least one part");
        return split.refuse(1, split.batch.database.as_str(), problem, effects);
    }
    let known = split.batch.key.as_ref().map(|key| {
        let known = keys::look_up::<()>(state, key, WHOLE, &split.batch.origin);
        (key, known)
    });
    let is_refused = matches!(known, Some((_, Known::Another)));
    Probe::BatchRefusedUnderKey.hit_if(is_refused);
    Probe::BatchRepeatedUnderKey.hit_if(matches!(known, Some((_, Known::Same(())))));
    let mut is_any_forwarded = false;
    for (number, part) in (1..).zip(parts) {
        if is_refused {
            split.refuse(number, &part.entity, key_reused(), effects);
        } else {
            is_any_forwarded |= split.forward(number, part, effects);
        }
    }
    if let Some((key, Known::Nothing)) = known {
        if is_any_forwarded {
            keys::remember(state, key, WHOLE, ());
        } else {
            Probe::BatchKeyNotRemembered.hit();
        }
    }
}

fn key_reused() -> Problem {
    Problem::new(
        ProblemKind::KeyReused,
        "the idempotency key was used for another batch on the same database in the last 24 hours; \
         take a new key for a new request",
    )
}

static SPEC: Spec = Spec {
    name: ServiceName::EntityBatch,
    inputs: &[Topic::EntityBatches],
    outputs: &[Topic::EntityPatches, Topic::PartialResponses],
    tables: &[TableId::IdempotencyKeys, TableId::Expiries, TableId::Sweep],
};

/// What stands for the whole batch in place of a part's number.
const WHOLE: u32 = 0;

#[expect(clippy::cast_possible_truncation, reason = "checked in the next line")]
const PARTS_MAX: u32 = BATCH_PARTS_MAX as u32;
const _: () = assert!(PARTS_MAX as usize == BATCH_PARTS_MAX);
