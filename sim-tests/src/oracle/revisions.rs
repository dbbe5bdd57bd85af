//! **Invariant.** The revisions of an entity in `entity-updates` are 1, 2, 3 … without gaps, each once,
//! through deletions too.

use std::collections::BTreeMap;

use tidelog_core::Topic;

use super::Oracle;
use crate::{observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "revisions",
    holds: "An entity's revisions have no gaps, and none is there twice.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut revisions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::EntityUpdates) {
        if let Some(update) = message.entity_update() {
            revisions.entry(update.entity.as_str()).or_default().push(update.revision.0);
        }
    }
    let mut found = Vec::new();
    for (entity, mut revisions) in revisions {
        revisions.sort_unstable();
        let Some((expected, revision)) = (1..).zip(revisions).find(|(nth, it)| nth != it) else {
            continue;
        };
        let kind = if revision < expected { "twice" } else { "gap" };
        let message = format!("{entity} has revision {revision} where {expected} is to be");
        found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::log::build::{log, update};

    #[test]
    fn it_passes_dense_revisions_and_fails_gaps_and_doubles() {
        assert_eq!(signatures(&[1, 2, 3]), [""; 0]);
        assert_eq!(signatures(&[]), [""; 0]);
        assert_eq!(signatures(&[1, 3]), ["revisions/gap"]);
        assert_eq!(signatures(&[2]), ["revisions/gap"]);
        assert_eq!(signatures(&[1, 2, 2, 3]), ["revisions/twice"]);
    }

    fn signatures(revisions: &[u64]) -> Vec<String> {
        let update = |revision: &u64| update(*revision, *revision, None, Some(json!({})));
        let log = log(revisions.iter().map(update).collect());
        let found = look(&Observed { log, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
