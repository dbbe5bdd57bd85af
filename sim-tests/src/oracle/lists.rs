//! **Invariant.** When all is caught up, the zones that are listed are those of the entities that there
//! are by the log: none that has no entity, and none is left out.

use std::collections::BTreeSet;

use tidelog_core::Topic;

use super::Oracle;
use crate::{
    log::asked, model::fold, observed::Observed, violation::Violation, workload::COLLECTION,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "lists",
    holds: "The zones that are listed are those that have entities.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(listed) = &observed.zones else { return Vec::new() };
    let there = with_entities(observed);
    let told = |kind, zone: &str, what| {
        let message = format!("{zone} {what}");
        Violation::new(ORACLE.name, kind, observed.end_us, message)
    };
    let empty = listed.difference(&there);
    let empty = empty.map(|zone| told("empty", zone, "is listed, and has no entities"));
    let missing = there.difference(listed);
    let missing = missing.map(|zone| told("missing", zone, "has entities, and is not listed"));
    empty.chain(missing).collect()
}

fn with_entities(observed: &Observed) -> BTreeSet<Box<str>> {
    let mut zones = BTreeSet::new();
    for (partition, _) in observed.log.partitions(Topic::EntityPatches) {
        for (entity, steps) in fold(&asked(&observed.log, partition)).steps {
            let is_there = steps.last().is_some_and(|step| step.after.value.is_some());
            if let (true, Some((zone, _))) =
                (is_there && is_of_all(&entity), entity.rsplit_once('/'))
            {
                zones.insert(zone.into());
            }
        }
    }
    zones
}

/// Whether an entity is in the collection whose zones are listed.
fn is_of_all(entity: &str) -> bool {
    entity.strip_prefix(COLLECTION).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use tidelog_core::message::Change;

    use super::*;
    use crate::log::build::{create, log, patch};

    #[test]
    fn it_passes_the_zones_that_have_entities_and_a_run_that_did_not_get_there() {
        assert_eq!(signatures(1, Some(&["shop/orders/eu"])), [""; 0]);
        assert_eq!(signatures(2, Some(&[])), [""; 0]);
        assert_eq!(signatures(1, None), [""; 0]);
    }

    #[test]
    fn it_fails_zones_without_entities_and_entities_without_their_zone() {
        assert_eq!(signatures(2, Some(&["shop/orders/eu"])), ["lists/empty"]);
        assert_eq!(signatures(1, Some(&[])), ["lists/missing"]);
    }

    /// What there is after a creation, and after a deletion behind it.
    fn signatures(requests: usize, listed: Option<&[&str]>) -> Vec<String> {
        let all = vec![create(1), patch(2, Change::Delete)];
        let log = log(all.into_iter().take(requests).collect());
        let zones = listed.map(|zones| zones.iter().map(|zone| (*zone).into()).collect());
        let found = look(&Observed { log, zones, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
