//! Requests of the log in the words of the model.

use serde_json::Value;
use tidelog_core::{
    Document, Message, PartitionId, ProblemKind, Topic,
    message::{self, Change, EntityPatch, Match},
};

use super::LogView;
use crate::{
    history::Name,
    model::{Action, Asked, Condition, Refusal},
};

/// What a partition of `entity-patches` asks for, record by record.
#[must_use]
pub fn asked(log: &LogView, partition: PartitionId) -> Vec<Asked> {
    let records = log.records(Topic::EntityPatches, partition).iter();
    let asked = records.filter_map(|record| match &record.message {
        Some(Ok(Message::EntityPatch(patch))) => {
            Some(of_patch(record.offset, record.time_ms, patch))
        }
        _ => None,
    });
    asked.collect()
}

fn of_patch(offset: u64, time_ms: u64, patch: &EntityPatch) -> Asked {
    let origin = &patch.origin;
    Asked {
        offset,
        time_ms,
        name: Name {
            client: origin.name.client.to_string().into(),
            number: origin.name.number,
            part: patch.part.number,
        },
        first_incomplete: origin.first_incomplete,
        first_sent_ms: origin.first_sent.as_millis(),
        key: patch.key.as_ref().map(|key| {
            let id = format!("{}\n{}\n{}", key.scope, key.key, patch.part.number);
            (id.into(), format!("{:?}", key.fingerprint).into())
        }),
        entity: patch.entity.as_str().into(),
        action: action(&patch.request.change),
        condition: condition_of(&patch.request.condition),
    }
}

/// A change of the product in the words of the model.
fn action(change: &Change) -> Action {
    match change {
        Change::Read => Action::Read,
        Change::Create(document) => Action::Create(value(document)),
        Change::Replace(document) => Action::Replace(value(document)),
        Change::Patch(patch) => Action::Patch(parsed(patch.as_str())),
        Change::Merge(document) => Action::Merge(value(document)),
        Change::Operations(operations) => Action::Operate(parsed(operations.as_str())),
        Change::Delete => Action::Delete,
    }
}

/// The workload has no other conditions than those that the model knows.
pub(super) fn condition_of(condition: &message::Condition) -> Condition {
    match (&condition.matches, &condition.none_match) {
        (None, None) => Condition::None,
        (Some(Match::Any), None) => Condition::Exists,
        (None, Some(Match::Any)) => Condition::Missing,
        (Some(Match::Revisions(revisions)), None) if revisions.len() == 1 => {
            Condition::At(revisions[0].0)
        }
        (None, Some(Match::Revisions(revisions))) if revisions.len() == 1 => {
            Condition::NotAt(revisions[0].0)
        }
        other => panic!("no workload has the condition {other:?}"),
    }
}

/// A document's value.
pub(crate) fn value(document: &Document) -> Value {
    parsed(document.as_str())
}

/// A text of the log as JSON.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text:?} is no JSON: {error}"))
}

/// What a problem says about an entity, if it does.
pub(crate) fn refusal_of(kind: ProblemKind) -> Option<Refusal> {
    match kind {
        ProblemKind::NotFound => Some(Refusal::NotFound),
        ProblemKind::PreconditionFailed => Some(Refusal::Condition),
        ProblemKind::TestFailed => Some(Refusal::Test),
        ProblemKind::PathMissing => Some(Refusal::Path),
        ProblemKind::WrongType => Some(Refusal::Type),
        ProblemKind::NumberNotKept => Some(Refusal::Number),
        ProblemKind::BadRequest
        | ProblemKind::UnknownDatabase
        | ProblemKind::TooLarge
        | ProblemKind::TooDeep
        | ProblemKind::TooMuchWork
        | ProblemKind::KeyReused
        | ProblemKind::Stale
        | ProblemKind::Expired
        | ProblemKind::TooFarAhead
        | ProblemKind::AnotherDatabase
        | ProblemKind::OutcomeUnknown
        | ProblemKind::Unavailable
        | ProblemKind::InvalidSchema
        | ProblemKind::LearningOff => None,
    }
}
