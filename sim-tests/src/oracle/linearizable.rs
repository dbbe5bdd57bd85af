//! **Invariant.** What clients saw of an entity is what a single copy of it would have answered, each
//! operation carried out at once at some time between its call and its return; one whose outcome is not
//! known, at some time after its call, or never. Entities with keys of which clients cannot know whether
//! they are over are left to the oracle `sequential`.

use tidelog_core::{Message, Topic};

use super::Oracle;
use crate::{
    history::Name,
    linear::{Hints, Verdict, check_with},
    log::keys_over_days,
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "linearizable",
    holds: "Every answer is that of a single copy of the entity.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let hints = hints(observed);
    let over_days = keys_over_days(&observed.history, &observed.log);
    let mut entities = observed.history.by_entity();
    entities.retain(|_, operations| {
        let mut keys = operations.iter().filter_map(|it| it.key.as_deref());
        keys.all(|key| !over_days.contains(key))
    });
    let impossible =
        entities.iter().filter_map(|(entity, operations)| match check_with(operations, &hints) {
            Verdict::Impossible(impossible) => Some((entity, impossible)),
            Verdict::Linearizable | Verdict::Undecided => None,
        });
    impossible
        .map(|(entity, impossible)| {
            let message = format!("{entity}: {}", impossible.message);
            Violation::new(ORACLE.name, impossible.kind.name(), impossible.at_us, message)
        })
        .collect()
}

/// Which revision each request made by the log: what clients do not know of, it may.
fn hints(observed: &Observed) -> Hints {
    let updates = observed.log.messages(Topic::EntityUpdates);
    let hint = |message: &Message| {
        let update = message.entity_update()?;
        let client = update.request.client.to_string().into();
        let name = Name { client, number: update.request.number, part: update.part.number };
        Some((name, update.revision.0))
    };
    updates.filter_map(|(_, _, message)| hint(message)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        history::build::{done, history},
        model::{Action, Effect},
    };

    #[test]
    fn it_passes_what_one_copy_would_answer_and_fails_what_none_would() {
        let create = || Action::Create(json!({}));
        let good = history(vec![
            done((0, 9), create(), Effect::Created, 1, None),
            done((10, 19), Action::Read, Effect::Read, 1, Some(json!({}))),
        ]);
        assert_eq!(look(&Observed { history: good, ..Observed::default() }), []);
        let bad = history(vec![
            done((0, 9), create(), Effect::Created, 1, None),
            done((10, 19), create(), Effect::Created, 2, None),
        ]);
        let found = look(&Observed { history: bad, ..Observed::default() });
        assert_eq!(&*found[0].signature, "linearizable/wrong-answer");
        assert!(found[0].message.starts_with("shop/orders/eu/1: operation 1"), "{}", found[0]);
    }
}
