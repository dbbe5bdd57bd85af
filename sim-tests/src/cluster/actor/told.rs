//! Requests and answers, from the words of the workload into those of the driver and back.

use tidelog_core::{
    Document, ProblemKind, Revision,
    message::{self, Change, Fingerprint, IdempotencyKey, PartAnswer, PartRequest},
    patch::{JsonPatch, Operations},
};
use tidelog_driver::Error;

use crate::{
    history::Outcome,
    log::{refusal_of, value},
    model::{Action, Condition, Effect},
};

/// A request in the words of the driver.
pub(super) fn request(action: &Action, condition: &Condition) -> PartRequest {
    const REASON: &str = "what a workload asks for is well-formed";
    let document = |value| Document::from_value(value).expect(REASON);
    let change = match action {
        Action::Read => Change::Read,
        Action::Create(value) => Change::Create(document(value)),
        Action::Replace(value) => Change::Replace(document(value)),
        Action::Patch(patch) => {
            Change::Patch(JsonPatch::parse(patch.to_string().as_bytes()).expect(REASON))
        }
        Action::Merge(value) => Change::Merge(document(value)),
        Action::Operate(operations) => {
            Change::Operations(Operations::parse(operations.to_string().as_bytes()).expect(REASON))
        }
        Action::Delete => Change::Delete,
    };
    let condition = match condition {
        Condition::None => message::Condition::default(),
        Condition::Exists => message::Condition::exists(),
        Condition::Missing => message::Condition::missing(),
        Condition::At(revision) => message::Condition::revision(Revision(*revision)),
        Condition::NotAt(revision) => message::Condition {
            matches: None,
            none_match: Some(message::Match::Revisions(vec![Revision(*revision)])),
        },
    };
    PartRequest { change, condition }
}

/// The idempotency key of that number, for requests of this text.
pub(super) fn key(number: u32, scope: &str, text: &str) -> IdempotencyKey {
    IdempotencyKey {
        scope: scope.into(),
        key: format!("key-{number}").into(),
        fingerprint: Fingerprint::of(&[text.as_bytes()]),
    }
}

/// An answer in the words of the history.
pub(super) fn outcome(answer: &PartAnswer) -> Outcome {
    let done = |effect, revision: Revision| Outcome::Done {
        effect,
        revision: revision.0,
        value: answer.value.as_ref().map(value),
    };
    match &answer.outcome {
        message::Outcome::Read(revision) => done(Effect::Read, *revision),
        message::Outcome::Created(revision) => done(Effect::Created, *revision),
        message::Outcome::Updated(revision) => done(Effect::Updated, *revision),
        message::Outcome::Deleted(revision) => done(Effect::Deleted, *revision),
        message::Outcome::Failed { problem, revision } => match refusal_of(problem.kind) {
            Some(refusal) => Outcome::Refused { refusal, revision: revision.map(|it| it.0) },
            // It may have been done before, so long ago that this is forgotten.
            None if problem.kind == ProblemKind::Expired => Outcome::Unknown,
            None => Outcome::NotDone(problem.kind.name().into()),
        },
    }
}

/// An error in the words of the history.
pub(super) fn failure(error: &Error) -> Outcome {
    if !error.is_definite() {
        return Outcome::Unknown;
    }
    match error {
        Error::Problem { problem, .. } => Outcome::NotDone(problem.kind.name().into()),
        other => Outcome::NotDone(other.to_string().into()),
    }
}
