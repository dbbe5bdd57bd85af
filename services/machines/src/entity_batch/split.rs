//! The parts of a batch, as patches or as failed answers.

use tidelog_core::{
    Effects, EntityId, Message, Probe, Problem, ProblemKind, Source, Timestamp,
    limits::ENTITY_ID_BYTES_MAX,
    message::{
        BatchPart, Change, EntityBatch, EntityPatch, Outcome, Part, PartAnswer, PartRequest,
        PartialResponse, Remember,
    },
};

use crate::set_aside::cut;

/// A batch whose parts are given out one by one.
pub(super) struct Split {
    /// The batch, without its parts.
    pub(super) batch: EntityBatch,
    /// How many parts are given out.
    pub(super) of: u32,
    pub(super) source: Source,
    pub(super) time: Timestamp,
}

impl Split {
    /// Sends a part on, or the answer that tells what is wrong with it. Says whether it was sent on.
    pub(super) fn forward(&self, number: u32, part: BatchPart, effects: &mut Effects) -> bool {
        let BatchPart { entity, request } = part;
        match self.check(&entity, request) {
            Ok((entity, request)) => {
                effects.send(&Message::EntityPatch(self.patch(number, entity, request)));
                true
            }
            Err(problem) => {
                let is_elsewhere = problem.kind == ProblemKind::AnotherDatabase;
                Probe::BatchPartOfAnotherDatabase.hit_if(is_elsewhere);
                Probe::BatchPartMalformed.hit_if(!is_elsewhere);
                self.refuse(number, &entity, problem, effects);
                false
            }
        }
    }

    /// Answers a part that is not sent on.
    pub(super) fn refuse(
        &self,
        number: u32,
        target: &str,
        problem: Problem,
        effects: &mut Effects,
    ) {
        effects.send(&Message::PartialResponse(PartialResponse {
            request: self.batch.origin.request(),
            part: Part { number, of: self.of },
            answer: PartAnswer {
                target: cut(target, ENTITY_ID_BYTES_MAX),
                outcome: Outcome::failed(problem),
                value: None,
                replayed: false,
            },
            position: self.source.position,
            time: self.time,
            remember: Remember::Batch,
        }));
    }

    fn patch(&self, number: u32, entity: EntityId, request: PartRequest) -> EntityPatch {
        EntityPatch {
            origin: self.batch.origin.clone(),
            part: Part { number, of: self.of },
            // Reads are not remembered under keys.
            key: self.batch.key.clone().filter(|_| request.change.is_write()),
            entity,
            request,
            wants_value: self.batch.wants_values,
            remember: Remember::Batch,
        }
    }

    fn check(
        &self,
        entity: &str,
        request: Result<PartRequest, Problem>,
    ) -> Result<(EntityId, PartRequest), Problem> {
        // The one who wrote it into the log may not have kept to the length of a detail.
        let request = request.map_err(|problem| Problem::new(problem.kind, problem.detail))?;
        let id: EntityId =
            entity.parse().map_err(|error| Problem::new(ProblemKind::BadRequest, error))?;
        if id.database_str() != self.batch.database.as_str() {
            let detail = format_args!(
                "{id} is in another database than the batch, which is for {}",
                self.batch.database
            );
            return Err(Problem::new(ProblemKind::AnotherDatabase, detail));
        }
        check_limits(&request)?;
        Ok((id, request))
    }
}

fn check_limits(request: &PartRequest) -> Result<(), Problem> {
    let Err(error) = request.check() else { return Ok(()) };
    match &request.change {
        Change::Create(document) | Change::Replace(document) | Change::Merge(document) => {
            document.check()?;
        }
        Change::Read | Change::Patch(_) | Change::Operations(_) | Change::Delete => {}
    }
    Err(Problem::new(ProblemKind::BadRequest, error))
}
