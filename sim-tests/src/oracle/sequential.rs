//! **Invariant.** `entity-updates` is what the requests of `entity-patches` come to when they are carried
//! out one after the other in the order of the log, each at most once, and zones are forgotten among them; and the first answer to each of them is
//! that of this carrying out. A prefix of the requests, if the service is not through with them.

use std::collections::BTreeMap;

use tidelog_core::{
    Document, Message, PartitionId, Topic,
    message::{EntityUpdate, Outcome, PartialResponse, UpdateKind},
};

use super::Oracle;
use crate::{
    history::Name,
    log::{asked, forgets, refusal_of, value},
    model::{Effect, Folded, Step, Told, fold_with},
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "sequential",
    holds: "The log of changes is what the log of requests comes to, one after the other.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    let partitions: Vec<_> = observed.log.partitions(Topic::EntityPatches).map(|it| it.0).collect();
    let mut outcomes = BTreeMap::new();
    for partition in partitions {
        let asked = asked(&observed.log, partition);
        let folded = fold_with(&asked, &forgets(&observed.log, partition));
        found.extend(compare(observed, partition, &folded));
        outcomes.extend(folded.outcomes);
    }
    found.extend(answers(observed, &outcomes));
    found
}

/// Compares the updates of one partition with what they should be.
fn compare(observed: &Observed, partition: PartitionId, folded: &Folded) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for record in observed.log.records(Topic::EntityUpdates, partition) {
        let message = record.message.as_ref().and_then(|message| message.as_ref().ok());
        let Some(update) = message.and_then(Message::entity_update) else { continue };
        let entity = update.entity.as_str();
        let nth = seen.entry(entity).or_default();
        let expected = folded.steps.get(entity).and_then(|steps| steps.get(*nth));
        *nth += 1;
        let Some(difference) = difference(update, expected) else { continue };
        let message = format!(
            "update {nth} of {entity}, at offset {} of entity-updates/{partition}, {}: it is {}, and \
             the requests come to {}",
            record.offset,
            difference.1,
            told_of(update),
            expected.map_or_else(|| "no further change".into(), |step| format!("{step:?}"))
        );
        found.push(Violation::new(ORACLE.name, difference.0, observed.end_us, message));
        // What follows is wrong because of this.
        break;
    }
    found
}

fn difference(
    update: &EntityUpdate,
    expected: Option<&Step>,
) -> Option<(&'static str, &'static str)> {
    let Some(step) = expected else { return Some(("unasked", "was asked for by nobody")) };
    let is_by = step.name.client == update.request.client.to_string().into()
        && step.name.number == update.request.number
        && step.name.part == update.part.number;
    if !is_by {
        return Some(("another-request", "is of another request"));
    }
    if update.revision.0 != step.after.revision || effect(update.kind) != step.effect {
        return Some(("another-change", "is another change"));
    }
    let after = update.after.as_ref().map(value);
    (after != step.after.value).then_some(("another-value", "has another document"))
}

/// Compares the first answer to each write with what it should be.
fn answers(observed: &Observed, outcomes: &BTreeMap<Name, Told>) -> Vec<Violation> {
    let mut answered: BTreeMap<Name, ()> = BTreeMap::new();
    let mut found = Vec::new();
    for (partition, record, message) in observed.log.messages(Topic::PartialResponses) {
        let Message::PartialResponse(response) = message else { continue };
        let name = name(response);
        let Some(told) = outcomes.get(&name) else { continue };
        if answered.insert(name.clone(), ()).is_some() || is_told(response, told) {
            continue;
        }
        let message = format!(
            "the answer to {name}, at offset {} of partial-responses/{partition}, is {:?}, and the \
             request comes to {told:?}",
            record.offset, response.answer.outcome
        );
        found.push(Violation::new(ORACLE.name, "another-answer", observed.end_us, message));
    }
    found
}

/// Whether an answer is what was to be told.
pub(super) fn is_told(response: &PartialResponse, told: &Told) -> bool {
    match (&response.answer.outcome, told) {
        (Outcome::Read(at), Told::Done { effect, revision, .. }) => {
            *effect == Effect::Read && at.0 == *revision
        }
        (Outcome::Created(at), Told::Done { effect, revision, .. }) => {
            *effect == Effect::Created && at.0 == *revision
        }
        (Outcome::Updated(at), Told::Done { effect, revision, .. }) => {
            *effect == Effect::Updated && at.0 == *revision
        }
        (Outcome::Deleted(at), Told::Done { effect, revision, .. }) => {
            *effect == Effect::Deleted && at.0 == *revision
        }
        (Outcome::Failed { problem, revision }, Told::Refused { refusal, exists_at }) => {
            refusal_of(problem.kind) == Some(*refusal) && revision.map(|at| at.0) == *exists_at
        }
        (Outcome::Failed { problem, .. }, Told::NotDone(_)) => refusal_of(problem.kind).is_none(),
        _ => false,
    }
}

pub(super) fn name(response: &PartialResponse) -> Name {
    Name {
        client: response.request.name.client.to_string().into(),
        number: response.request.name.number,
        part: response.part.number,
    }
}

fn effect(kind: UpdateKind) -> Effect {
    match kind {
        UpdateKind::Created => Effect::Created,
        UpdateKind::Updated => Effect::Updated,
        UpdateKind::Deleted => Effect::Deleted,
    }
}

fn told_of(update: &EntityUpdate) -> String {
    let after = update.after.as_ref().map_or("nothing", Document::as_str);
    let EntityUpdate { kind, revision, request, part, .. } = update;
    format!("{kind:?} at revision {revision} by {request}/{}: {after}", part.number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::log::build::{answer, append, create, log, update};

    #[test]
    fn it_passes_what_the_requests_come_to_and_a_prefix_of_it() {
        let requests = vec![create(1), append(2, "a"), append(2, "a"), append(3, "b")];
        let (none, a) = (json!({"log": []}), json!({"log": ["a"]}));
        let updates = vec![
            update(1, 1, None, Some(none.clone())),
            update(2, 2, Some(none), Some(a)),
            answer(2, Outcome::Updated(tidelog_core::Revision(2))),
        ];
        assert_eq!(signatures(requests.into_iter().chain(updates).collect()), [""; 0]);
    }

    #[test]
    fn it_fails_a_change_that_was_made_twice_left_out_or_made_wrong() {
        let requests = || vec![create(1), append(2, "a"), append(3, "b")];
        let with =
            |updates: Vec<Message>| signatures(requests().into_iter().chain(updates).collect());
        let log_of = |items: &[&str]| Some(json!({ "log": items }));
        let first = || update(1, 1, None, log_of(&[]));
        assert_eq!(
            with(vec![first(), update(3, 2, log_of(&[]), log_of(&["b"]))]),
            ["sequential/another-request"]
        );
        assert_eq!(
            with(vec![first(), update(2, 3, log_of(&[]), log_of(&["a"]))]),
            ["sequential/another-change"]
        );
        assert_eq!(
            with(vec![first(), update(2, 2, log_of(&[]), log_of(&["a", "a"]))]),
            ["sequential/another-value"]
        );
        let all = [
            first(),
            update(2, 2, log_of(&[]), log_of(&["a"])),
            update(3, 3, log_of(&["a"]), log_of(&["a", "b"])),
            update(3, 4, log_of(&["a", "b"]), log_of(&["a", "b", "b"])),
        ];
        assert_eq!(with(all.to_vec()), ["sequential/unasked"]);
        let wrong = answer(2, Outcome::Updated(tidelog_core::Revision(7)));
        assert_eq!(with(vec![first(), wrong]), ["sequential/another-answer"]);
    }

    fn signatures(messages: Vec<Message>) -> Vec<String> {
        let observed = Observed { log: log(messages), ..Observed::default() };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
