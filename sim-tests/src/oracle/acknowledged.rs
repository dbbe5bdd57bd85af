//! **Invariant.** A write that a client was told is done is in `entity-updates` exactly once, by its
//! name; one that was refused is not there; one of which nothing is known is there at most once. Requests
//! under one idempotency key are there once together, while it is kept.

use std::collections::BTreeMap;

use tidelog_core::Topic;

use super::Oracle;
use crate::{
    history::{Name, Operation, Outcome},
    log::keys_over_days,
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "acknowledged",
    holds: "What was acknowledged was applied exactly once, and what was refused was not.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let applied = applied(observed);
    let times = |operation: &Operation| {
        operation.name.as_ref().map_or(0, |name| applied.get(name).map_or(0, Vec::len))
    };
    let writes = || observed.history.operations.iter().filter(|it| it.is_write());
    let mut by_key: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in writes() {
        if let Some(key) = &operation.key {
            *by_key.entry(key).or_default() += times(operation);
        }
    }
    let over_days = keys_over_days(&observed.history, &observed.log);
    let is_judged = |operation: &&Operation| {
        let is_over = operation.key.as_deref().is_some_and(|key| over_days.contains(key));
        operation.name.is_some() && !is_over
    };
    let mut found = Vec::new();
    for operation in writes().filter(is_judged) {
        let times = operation.key.as_ref().map_or_else(|| times(operation), |key| by_key[&**key]);
        if let Some((kind, what)) = contradiction(operation, times) {
            let revisions = operation.name.as_ref().and_then(|name| applied.get(name));
            let message = format!("{operation} {what}; its revisions are {revisions:?}");
            let at_us = operation.returned_us.unwrap_or(observed.end_us);
            found.push(Violation::new(ORACLE.name, kind, at_us, message));
        }
    }
    found
}

fn contradiction(operation: &Operation, times: usize) -> Option<(&'static str, String)> {
    let is_alone = operation.key.is_none();
    match (&operation.outcome, times) {
        (Outcome::Done { .. }, 0) => Some(("lost", "is done, and is in no update".into())),
        (Outcome::Refused { .. } | Outcome::NotDone(_), 1..) if is_alone => {
            let told = &operation.outcome;
            Some((
                "refused-but-applied",
                format!("was refused ({told:?}), and is in {times} updates"),
            ))
        }
        (_, 2..) => Some(("twice", format!("is in {times} updates"))),
        _ => None,
    }
}

/// The revisions that each part of a request made.
fn applied(observed: &Observed) -> BTreeMap<Name, Vec<u64>> {
    let mut applied: BTreeMap<Name, Vec<u64>> = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::EntityUpdates) {
        if let Some(update) = message.entity_update() {
            let name = Name {
                client: update.request.client.to_string().into(),
                number: update.request.number,
                part: update.part.number,
            };
            applied.entry(name).or_default().push(update.revision.0);
        }
    }
    applied
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::Message;

    use super::*;
    use crate::{
        history::build::{done, history, refused, unknown},
        log::build::{log, update},
        model::{Action, Effect, Refusal},
    };

    #[test]
    fn it_passes_what_was_done_once_or_is_not_known() {
        let operations =
            vec![write(1), unknown(5, create()).named(2), unknown(6, create()).named(3)];
        let updates = vec![update(1, 1, None, Some(json!({}))), update(2, 2, None, None)];
        assert_eq!(signatures(operations, updates), [""; 0]);
    }

    #[test]
    fn it_fails_what_was_lost_done_twice_or_done_after_a_refusal() {
        let updates = || vec![update(1, 1, None, Some(json!({}))), update(1, 2, None, None)];
        assert_eq!(signatures(vec![write(9)], updates()), ["acknowledged/lost"]);
        assert_eq!(signatures(vec![write(1)], updates()), ["acknowledged/twice"]);
        let no = refused((0, 9), create(), Refusal::Condition, Some(1)).named(1);
        assert_eq!(signatures(vec![no], updates()), ["acknowledged/refused-but-applied"]);
    }

    #[test]
    fn requests_of_one_key_count_together() {
        let keyed = |number| write(number).keyed("PUT x k");
        let once = vec![update(1, 1, None, None)];
        assert_eq!(signatures(vec![keyed(1), keyed(2)], once), [""; 0]);
        let both = vec![update(1, 1, None, None), update(2, 2, None, None)];
        assert_eq!(signatures(vec![keyed(1)], both.clone()), [""; 0]);
        let found = signatures(vec![keyed(1), keyed(2)], both);
        assert_eq!(found, ["acknowledged/twice", "acknowledged/twice"]);
    }

    fn create() -> Action {
        Action::Create(json!({}))
    }

    fn write(number: u64) -> Operation {
        done((0, 9), create(), Effect::Created, 1, None).named(number)
    }

    fn signatures(operations: Vec<Operation>, updates: Vec<Message>) -> Vec<String> {
        let (history, log) = (history(operations), log(updates));
        let observed = Observed { history, log, ..Observed::default() };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
