//! What a write makes of an entity.

use tidelog_core::{
    Document, Effects, EntityId, Message, Probe, Problem, ProblemKind, Revision, State,
    Subscription,
    limits::SUBSCRIPTIONS_MAX,
    message::{Change, EntityPatch, EntityUpdate, MarkedUpdate, Outcome, UpdateKind},
    patch,
};

use super::{
    answer::Told,
    learning,
    rows::{self, EntityRow},
};

/// Carries a write out: changes the entity and publishes the change, or tells why not.
pub(super) fn write(patch: &EntityPatch, state: &mut State<'_>, effects: &mut Effects) -> Told {
    let before = rows::find(state, &patch.entity);
    let exists_at = before.exists_at();
    if let Some(problem) = refusal(patch, exists_at) {
        let is_missing = problem.kind == ProblemKind::NotFound;
        Probe::DeletionFoundNothing.hit_if(is_missing);
        Probe::ConditionFailed.hit_if(!is_missing);
        return Outcome::Failed { problem, revision: exists_at }.into();
    }
    let document = match document_after(&patch.entity, &before, &patch.request.change) {
        Ok(document) => document,
        Err(problem) => {
            let is_there = problem.kind == ProblemKind::PreconditionFailed;
            Probe::CreationFoundEntity.hit_if(is_there);
            Probe::PatchFailed.hit_if(!is_there);
            return Outcome::Failed { problem, revision: exists_at }.into();
        }
    };
    if let Some(problem) = subscription_problem(state, patch, &before, document.as_ref()) {
        return Outcome::Failed { problem, revision: exists_at }.into();
    }
    let after = before.next(document);
    rows::put(state, &patch.entity, &before, &after);
    let (kind, outcome) = match (&before.document, &after.document) {
        (None, Some(_)) => {
            let change = &patch.request.change;
            Probe::PatchCreatedEntity
                .hit_if(!matches!(change, Change::Create(_) | Change::Replace(_)));
            Probe::EntityCreatedAgain.hit_if(before.revision > Revision::NONE);
            (UpdateKind::Created, Outcome::Created(after.revision))
        }
        (_, Some(_)) => (UpdateKind::Updated, Outcome::Updated(after.revision)),
        (_, None) => (UpdateKind::Deleted, Outcome::Deleted(after.revision)),
    };
    let value = after.document.clone().filter(|_| patch.wants_value);
    publish(patch, kind, before, after, state, effects);
    Told { outcome, value, replayed: false }
}

/// Why a request is not carried out at all, if that is so.
///
/// What can only be done to an entity that exists finds none before its condition is looked at: a
/// condition is not evaluated where the request would fail without it (RFC 9110, section 13.2.1).
pub(super) fn refusal(patch: &EntityPatch, exists_at: Option<Revision>) -> Option<Problem> {
    let needs_entity = matches!(patch.request.change, Change::Read | Change::Delete);
    if needs_entity && exists_at.is_none() {
        return Some(not_found(&patch.entity));
    }
    let holds = patch.request.condition.holds(exists_at);
    (!holds).then(|| precondition_failed(&patch.entity, exists_at))
}

/// What is wrong with a document as a subscription, where it is to be one.
fn subscription_problem(
    state: &State<'_>,
    patch: &EntityPatch,
    before: &EntityRow,
    document: Option<&Document>,
) -> Option<Problem> {
    let document = document.filter(|_| Subscription::is_one(&patch.entity))?;
    let is_new = before.document.is_none();
    if is_new && rows::count(state, &patch.entity.zone()) >= SUBSCRIPTIONS_MAX {
        return Some(Problem::new(
            ProblemKind::TooLarge,
            format_args!(
                "{} has {SUBSCRIPTIONS_MAX} subscriptions in this partition, as many as can be; \
                 delete some, or subscribe to whole collections",
                patch.entity.zone()
            ),
        ));
    }
    Subscription::read(&patch.entity, document).err()
}

fn publish(
    patch: &EntityPatch,
    kind: UpdateKind,
    before: EntityRow,
    after: EntityRow,
    state: &State<'_>,
    effects: &mut Effects,
) {
    let update = EntityUpdate {
        entity: patch.entity.clone(),
        kind,
        revision: after.revision,
        before: before.document,
        after: after.document,
        request: patch.origin.name.clone(),
        part: patch.part,
        user: patch.origin.user.clone(),
        device: patch.origin.device.clone(),
        time: state.task_time(),
    };
    effects.send(&match learning::epoch_of(state, &patch.entity) {
        Some(epoch) => Message::MarkedUpdate(MarkedUpdate { update, epoch }),
        None => Message::EntityUpdate(update),
    });
}

/// The document after a change; `None` where the change deletes it.
fn document_after(
    id: &EntityId,
    before: &EntityRow,
    change: &Change,
) -> Result<Option<Document>, Problem> {
    let start = || before.document.clone().unwrap_or_else(Document::empty_object).to_value();
    let value = match change {
        Change::Read => unreachable!("a read is no write, and does not come here"),
        Change::Create(_) if before.document.is_some() => {
            return Err(exists(id, before.revision));
        }
        Change::Create(document) | Change::Replace(document) => {
            return Ok(Some(document.clone()));
        }
        Change::Delete => return Ok(None),
        Change::Patch(patch) => patch.apply(start()?)?,
        Change::Merge(document) => patch::merge(start()?, &document.to_value()?)?,
        Change::Operations(operations) => operations.apply(start()?)?,
    };
    Ok(Some(Document::from_value(&value)?))
}

fn not_found(id: &EntityId) -> Problem {
    Problem::new(ProblemKind::NotFound, format_args!("there is no entity {id}"))
}

fn precondition_failed(id: &EntityId, exists_at: Option<Revision>) -> Problem {
    match exists_at {
        Some(revision) => Problem::new(
            ProblemKind::PreconditionFailed,
            format_args!(
                "{id} is at revision {revision}, which the precondition does not allow; read it \
                 and decide again"
            ),
        ),
        None => Problem::new(
            ProblemKind::PreconditionFailed,
            format_args!("the precondition is on an entity that exists, and there is no {id}"),
        ),
    }
}

fn exists(id: &EntityId, revision: Revision) -> Problem {
    Problem::new(
        ProblemKind::PreconditionFailed,
        format_args!(
            "{id} cannot be created, for it exists, at revision {revision}; replace it, or take \
             another id"
        ),
    )
}
