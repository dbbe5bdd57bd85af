//! What is told to whoever asked.

use tidelog_core::{
    Document, Effects, Message, Probe, Source, State,
    limits::part_value_bytes_max,
    message::{EntityPatch, Outcome, PartAnswer, PartialResponse},
};

use super::{apply, rows};
use crate::exactly_once::Completion;

/// An answer without the id that it is about.
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) value: Option<Document>,
    pub(super) replayed: bool,
}

impl From<Outcome> for Told {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, value: None, replayed: false }
    }
}

/// Reads an entity.
pub(super) fn read(state: &State<'_>, patch: &EntityPatch) -> Told {
    let row = rows::find(state, &patch.entity);
    let exists_at = row.exists_at();
    if let Some(problem) = apply::refusal(patch, exists_at) {
        Probe::ReadFoundNothing.hit_if(exists_at.is_none());
        return Outcome::Failed { problem, revision: exists_at }.into();
    }
    Told { outcome: Outcome::Read(row.revision), value: row.document, replayed: false }
}

/// Tells the outcome of a write again, with the document while it is still the one after the write.
pub(super) fn again(state: &State<'_>, patch: &EntityPatch, completion: Completion) -> Told {
    let Completion { outcome, replayed } = completion;
    let value = match &outcome {
        Outcome::Created(revision) | Outcome::Updated(revision) if patch.wants_value => {
            let row = rows::find(state, &patch.entity);
            let is_the_same = row.revision == *revision;
            Probe::RepeatAnsweredWithDocument.hit_if(is_the_same);
            Probe::RepeatAnsweredAfterLaterChange.hit_if(!is_the_same);
            row.document.filter(|_| is_the_same)
        }
        Outcome::Read(_)
        | Outcome::Created(_)
        | Outcome::Updated(_)
        | Outcome::Deleted(_)
        | Outcome::Failed { .. } => None,
    };
    Told { outcome, value, replayed }
}

/// Sends the answer to a part, without a document that is larger than its share of the whole answer.
pub(super) fn send(
    source: Source,
    patch: EntityPatch,
    told: Told,
    state: &State<'_>,
    effects: &mut Effects,
) {
    let Told { outcome, value, replayed } = told;
    let bytes_max = part_value_bytes_max(patch.part.of);
    let is_too_large = value.as_ref().is_some_and(|value| value.len() > bytes_max);
    Probe::PartValueLeftOut.hit_if(is_too_large);
    let value = value.filter(|_| !is_too_large);
    effects.send(&Message::PartialResponse(PartialResponse {
        request: patch.origin.request(),
        part: patch.part,
        answer: PartAnswer { target: patch.entity.as_str().into(), outcome, value, replayed },
        position: source.position,
        time: state.task_time(),
        remember: patch.remember,
    }));
}
