//! **Invariant.** A query that names a position sees every write that stands there or before: what it
//! was answered is the state after some request at or behind the greatest position that it named for the
//! entity's partition.

use std::collections::BTreeMap;

use super::Oracle;
use crate::{
    history::{Operation, Outcome, Route},
    log::asked,
    model::{Effect, Refusal, Step, fold},
    observed::Observed,
    violation::Violation,
};
use tidelog_core::{PartitionId, Topic};

pub(super) const ORACLE: Oracle = Oracle {
    name: "tokens",
    holds: "No query is answered from before the position that it named.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let partitions: Vec<_> = observed.log.partitions(Topic::EntityPatches).map(|it| it.0).collect();
    let mut steps: BTreeMap<Box<str>, (PartitionId, Vec<Step>)> = BTreeMap::new();
    for partition in partitions {
        let folded = fold(&asked(&observed.log, partition));
        steps.extend(folded.steps.into_iter().map(|(entity, of)| (entity, (partition, of))));
    }
    let queries = observed.history.operations.iter();
    queries.filter_map(|query| too_old(query, steps.get(&query.entity)?)).collect()
}

fn too_old(query: &Operation, steps: &(PartitionId, Vec<Step>)) -> Option<Violation> {
    let (partition, steps) = steps;
    let Route::Query { at_least } = &query.route else { return None };
    let here = at_least.iter().filter(|place| place.partition == partition.0);
    let token = here.map(|place| place.offset).max()?;
    // The first state that may be told: after the last change at or before the token.
    let first = steps.partition_point(|step| step.offset <= token);
    let oldest = steps[..first].last().map_or(0, |step| step.after.revision);
    let is_too_old = match &query.outcome {
        Outcome::Done { effect: Effect::Read, revision, .. } => *revision < oldest,
        Outcome::Refused { refusal: Refusal::NotFound, .. } => {
            let was_missing = steps[..first].last().is_none_or(|step| step.after.value.is_none());
            let is_missing_later = steps[first..].iter().any(|step| step.after.value.is_none());
            !was_missing && !is_missing_later
        }
        _ => false,
    };
    is_too_old.then(|| {
        let message = format!(
            "{query} named offset {token} of entity-patches/{partition}, where the entity is at \
             revision {oldest}, and was answered: {}",
            query.outcome
        );
        Violation::new(ORACLE.name, "too-old", query.end_us(), message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        history::build::{done, history, refused},
        log::build::{append, create, log},
        model::Action,
    };

    #[test]
    fn it_passes_answers_from_the_position_on() {
        let read = |revision, at_least: &[u64]| {
            let value = Some(json!({}));
            done((0, 9), Action::Read, Effect::Read, revision, value).queried(at_least)
        };
        let good =
            vec![read(1, &[0]), read(3, &[0]), read(2, &[1]), read(1, &[]), read(3, &[2, 1])];
        assert_eq!(signatures(good), [""; 0]);
    }

    #[test]
    fn it_fails_answers_from_before_the_position() {
        let read = done((0, 9), Action::Read, Effect::Read, 1, Some(json!({}))).queried(&[1]);
        assert_eq!(signatures(vec![read]), ["tokens/too-old"]);
        let missing = refused((0, 9), Action::Read, Refusal::NotFound, None).queried(&[0]);
        assert_eq!(signatures(vec![missing]), ["tokens/too-old"]);
    }

    fn signatures(operations: Vec<Operation>) -> Vec<String> {
        let log = log(vec![create(1), append(2, "a"), append(3, "b")]);
        let observed = Observed { history: history(operations), log, ..Observed::default() };
        look(&observed).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
