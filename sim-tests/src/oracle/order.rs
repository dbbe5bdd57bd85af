//! **Invariant.** The updates of an entity stand in `entity-updates` in the order of their revisions, and
//! each begins with the document that the one before it ended with.

use std::collections::BTreeMap;

use tidelog_core::{Document, Topic, message::UpdateKind};

use super::Oracle;
use crate::{observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "order",
    holds: "An entity's updates stand in order, each beginning where the last one ended.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut last: BTreeMap<&str, (u64, Option<&Document>)> = BTreeMap::new();
    let mut found = Vec::new();
    for (partition, record, message) in observed.log.messages(Topic::EntityUpdates) {
        let Some(update) = message.entity_update() else { continue };
        let (entity, revision) = (update.entity.as_str(), update.revision.0);
        let (before, document) = last.get(entity).copied().unwrap_or((0, None));
        let is_right_kind = match update.kind {
            UpdateKind::Created => update.before.is_none() && update.after.is_some(),
            UpdateKind::Updated => update.before.is_some() && update.after.is_some(),
            UpdateKind::Deleted => update.before.is_some() && update.after.is_none(),
        };
        let wrong = if revision <= before {
            Some(("back", format!("revision {revision} after {before}")))
        } else if update.before.as_ref() != document {
            Some(("torn", format!("revision {revision} does not begin with the document before")))
        } else if !is_right_kind {
            Some(("kind", format!("revision {revision} says it is {:?}", update.kind)))
        } else {
            None
        };
        if let Some((kind, what)) = wrong {
            let message =
                format!("{entity}, offset {} of entity-updates/{partition}: {what}", record.offset);
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
        last.insert(entity, (revision, update.after.as_ref()));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidelog_core::Message;

    use super::*;
    use crate::log::build::{log, update};

    #[test]
    fn it_passes_a_chain_and_fails_what_is_none() {
        let first = || update(1, 1, None, Some(json!(1)));
        let next =
            |revision, before: Value| update(revision, revision, Some(before), Some(json!(2)));
        assert_eq!(signatures(vec![first(), next(2, json!(1))]), [""; 0]);
        assert_eq!(signatures(vec![first(), next(2, json!(9))]), ["order/torn"]);
        assert_eq!(signatures(vec![first(), first()])[0], "order/back");
        let mut wrong = first();
        if let Message::EntityUpdate(update) = &mut wrong {
            update.kind = UpdateKind::Deleted;
        }
        assert_eq!(signatures(vec![wrong]), ["order/kind"]);
    }

    fn signatures(updates: Vec<Message>) -> Vec<String> {
        let found = look(&Observed { log: log(updates), ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
