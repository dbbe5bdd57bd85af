//! **Invariant.** A part of a request has one effect: at most one update, and one outcome, however often
//! it is answered. A later answer may say only that the client has said that it is over, or that it came
//! too late.

use std::collections::BTreeMap;

use tidelog_core::{
    Message, ProblemKind, RequestName, Topic,
    message::{EntityUpdate, Outcome, Part},
};

use super::Oracle;
use crate::{log::asked, observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "one-effect",
    holds: "A part of a request has one effect and one outcome.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = updates(observed);
    found.extend(outcomes(observed));
    found
}

fn updates(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    // What a forgotten device had is deleted under one name; `sequential` looks at that.
    let forgotten = |update: &EntityUpdate| update.request.client.prefix() == FORGETS;
    let mut made: BTreeMap<(&RequestName, Part), u64> = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::EntityUpdates) {
        let Some(update) = message.entity_update().filter(|it| !forgotten(it)) else { continue };
        let (name, revision) = ((&update.request, update.part), update.revision.0);
        if let Some(other) = made.insert(name, revision) {
            let message = format!(
                "part {} of {} made revision {other} of {}, and revision {revision}",
                update.part, update.request, update.entity
            );
            found.push(Violation::new(ORACLE.name, "two-updates", observed.end_us, message));
        }
    }
    found
}

/// By which name the service device asks.
const FORGETS: &str = "device";

fn outcomes(observed: &Observed) -> Vec<Violation> {
    let reads = reads(observed);
    let mut first: BTreeMap<(&RequestName, Part), &Outcome> = BTreeMap::new();
    let mut found = Vec::new();
    for (_, _, message) in observed.log.messages(Topic::PartialResponses) {
        let Message::PartialResponse(response) = message else { continue };
        let name = (&response.request.name, response.part);
        let outcome = &response.answer.outcome;
        let text = format!("{}/{}", name.0, name.1.number);
        if reads.contains(&text) || is_too_late(outcome) {
            continue;
        }
        let before = *first.entry(name).or_insert(outcome);
        if before != outcome {
            let message = format!("part {text} was answered {before:?}, and then {outcome:?}");
            found.push(Violation::new(ORACLE.name, "two-outcomes", observed.end_us, message));
        }
    }
    found
}

/// The parts that are reads: one that is seen again is read again.
fn reads(observed: &Observed) -> std::collections::BTreeSet<String> {
    let partitions: Vec<_> = observed.log.partitions(Topic::EntityPatches).map(|it| it.0).collect();
    let all = partitions.into_iter().flat_map(|partition| asked(&observed.log, partition));
    all.filter(|asked| !asked.action.is_write()).map(|asked| asked.name.to_string()).collect()
}

fn is_too_late(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed { problem, .. } => {
            matches!(problem.kind, ProblemKind::Stale | ProblemKind::Expired)
        }
        Outcome::Read(_) | Outcome::Created(_) | Outcome::Updated(_) | Outcome::Deleted(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::{Problem, Revision, message::Change};

    use super::*;
    use crate::log::build::{answer, create, log, patch, update};

    #[test]
    fn it_passes_the_same_answer_again_and_reads_that_read_again() {
        let created = || answer(1, Outcome::Created(Revision(1)));
        let stale = Outcome::failed(Problem::new(ProblemKind::Stale, "over"));
        let good = vec![
            create(1),
            created(),
            created(),
            answer(1, stale),
            patch(2, Change::Read),
            answer(2, Outcome::Read(Revision(1))),
            answer(2, Outcome::Read(Revision(2))),
        ];
        assert_eq!(signatures(good), [""; 0]);
    }

    #[test]
    fn it_fails_a_second_update_and_a_second_outcome() {
        let twice = vec![
            create(1),
            update(1, 1, None, Some(json!({}))),
            update(1, 2, Some(json!({})), Some(json!({}))),
        ];
        assert_eq!(signatures(twice), ["one-effect/two-updates"]);
        let differ = vec![
            create(1),
            answer(1, Outcome::Created(Revision(1))),
            answer(1, Outcome::Created(Revision(2))),
        ];
        assert_eq!(signatures(differ), ["one-effect/two-outcomes"]);
    }

    fn signatures(messages: Vec<Message>) -> Vec<String> {
        let found = look(&Observed { log: log(messages), ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
