//! **Invariant.** No statement of a user's is lost. What the requests for schemas come to, and what was
//! learned among them, carried out one after the other, is what clients are told, what `schema-updates`
//! says, what entity-storage hears of switches, and what readers are shown; and in the schema that is
//! shown of a collection everything stands that is stated of it, whatever was learned.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{
    Document, Message, Topic,
    message::{DefinitionUpdate, LearningSwitch},
    query::DefinitionView,
};
use tidelog_driver::schema::schema_of;

use super::{
    Oracle,
    sequential::{is_told, name},
};
use crate::{
    history::Outcome,
    log::{definition_updates, schemas, value},
    model::{
        Told,
        schema::{Definition, Schemas},
    },
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "statements",
    holds: "What users state of schemas is kept, and wins over what is learned.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    // Whether any are read is not known, where the service is not through with them.
    if observed.settled.is_none() {
        return found;
    }
    for schemas in schemas(&observed.log).into_values() {
        let mut told = |kind, message: String| {
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        };
        published(observed, &schemas, &mut told);
        answered(observed, &schemas, &mut told);
        acknowledged(observed, &schemas, &mut told);
        switched(observed, &schemas, &mut told);
        shown(observed, &schemas, &mut told);
    }
    found
}

/// Tells of a violation of a kind.
type Tell<'t> = dyn FnMut(&'static str, String) + 't;

/// Every record of `schema-updates` says what its definition was at its offset, and the last of each
/// collection what it is.
fn published(observed: &Observed, schemas: &Schemas, told: &mut Tell<'_>) {
    let mut last: BTreeMap<&str, &DefinitionUpdate> = BTreeMap::new();
    for update in definition_updates(&observed.log) {
        let collection = update.collection.as_str();
        last.insert(collection, update);
        let all = schemas.definitions.get(collection).map_or(&[][..], Vec::as_slice);
        match all.iter().find(|it| it.offset == update.offset.0) {
            Some(definition) if is_of(update, definition) => {}
            Some(definition) => told("another-definition", differ(update, definition)),
            None => told(
                "unasked",
                format!("nobody asked for {} at {}", update.collection, update.offset),
            ),
        }
    }
    for (collection, all) in &schemas.definitions {
        let Some(definition) = all.last() else { continue };
        match last.get(&**collection) {
            Some(update) if is_of(update, definition) => {
                let shown = schema_of(&DefinitionView {
                    collection: update.collection.clone(),
                    revision: update.revision,
                    statement: update.statement.clone(),
                    learned: update.learned.clone(),
                });
                let stated = definition.statement.as_ref();
                if let Some(at) = stated.and_then(|stated| not_kept(stated, &shown, "#")) {
                    told(
                        "overridden",
                        format!("{collection} at {at}: {stated:?} is not in {shown}"),
                    );
                }
            }
            Some(update) => told("lost", differ(update, definition)),
            None => told(
                "lost",
                format!("nothing is told of {collection}, revision {}", definition.revision),
            ),
        }
    }
}

fn is_of(update: &DefinitionUpdate, definition: &Definition) -> bool {
    update.revision.0 == definition.revision
        && update.statement.as_ref().map(value) == definition.statement
        && update.learned.as_ref().map(value)
            == definition.learned.as_ref().map(|learned| learned.definition.clone())
}

fn differ(update: &DefinitionUpdate, definition: &Definition) -> String {
    let stated = |statement: &Option<Document>| statement.as_ref().map(value);
    format!(
        "{} is told at revision {} for offset {}, with {:?} stated; by the requests it is at revision \
         {} by offset {}, with {:?} stated",
        update.collection,
        update.revision,
        update.offset,
        stated(&update.statement),
        definition.revision,
        definition.offset,
        definition.statement
    )
}

/// The place of something stated that a schema does not say.
fn not_kept(stated: &Value, shown: &Value, at: &str) -> Option<String> {
    let (Value::Object(stated), Value::Object(shown)) = (stated, shown) else {
        return (stated != shown).then(|| at.into());
    };
    stated.iter().find_map(|(keyword, value)| {
        let at = format!("{at}/{keyword}");
        let Some(shown) = shown.get(keyword) else { return Some(at) };
        match (&**keyword, value, shown) {
            ("properties", Value::Object(stated), Value::Object(shown)) => {
                stated.iter().find_map(|(name, stated)| {
                    let at = format!("{at}/{name}");
                    shown.get(name).map_or(Some(at.clone()), |it| not_kept(stated, it, &at))
                })
            }
            ("items" | "additionalProperties", value, shown) => not_kept(value, shown, &at),
            _ => (value != shown).then_some(at),
        }
    })
}

/// The first answer to each request is that of its carrying out.
fn answered(observed: &Observed, schemas: &Schemas, told: &mut Tell<'_>) {
    let mut answered = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::PartialResponses) {
        let Message::PartialResponse(response) = message else { continue };
        if response.position.topic != Topic::SchemaPatches {
            continue;
        }
        let name = name(response);
        let Some(outcome) = schemas.outcomes.get(&name) else { continue };
        if answered.insert(name.clone(), ()).is_none() && !is_told(response, outcome) {
            let answer = &response.answer.outcome;
            told(
                "another-answer",
                format!("{name} is answered {answer:?}, and comes to {outcome:?}"),
            );
        }
    }
}

/// What a client was told is in the log, and came to that.
fn acknowledged(observed: &Observed, schemas: &Schemas, told: &mut Tell<'_>) {
    for change in &observed.schemas.changes {
        let (Some(name), Outcome::Done { effect, revision, .. }) = (&change.name, &change.outcome)
        else {
            continue;
        };
        let step = change.step;
        match schemas.outcomes.get(name) {
            None => {
                told("not-in-the-log", format!("step {step}, {name}, was done, and is not there"));
            }
            Some(Told::Done { effect: did, revision: at, .. })
                if did == effect && at == revision => {}
            Some(other) => told(
                "another-outcome",
                format!("step {step}, {name}: told {:?}, and comes to {other:?}", change.outcome),
            ),
        }
    }
}

/// Every task of entity-storage hears of every switch, in their order.
fn switched(observed: &Observed, schemas: &Schemas, told: &mut Tell<'_>) {
    for (partition, _) in observed.log.partitions(Topic::EntityUpdates) {
        let records = observed.log.records(Topic::EntityPatches, partition);
        let heard: Vec<_> = records
            .iter()
            .filter_map(|record| match record.message.as_ref()?.as_ref().ok()? {
                Message::LearningSwitch(switch) => Some(plain(switch)),
                _ => None,
            })
            .collect();
        let switches: Vec<_> = schemas
            .switches
            .iter()
            .map(|it| (&*it.scope, it.epoch, it.is_on, it.follows))
            .collect();
        if heard != switches {
            told(
                "switches",
                format!("{partition} has heard {heard:?}, and there are {switches:?}"),
            );
        }
    }
}

fn plain(switch: &LearningSwitch) -> (&str, u64, bool, bool) {
    (switch.scope.as_str(), switch.epoch.0, switch.is_on, switch.follows)
}

/// Readers were shown what there was at some time, and nothing older than what they knew of.
fn shown(observed: &Observed, schemas: &Schemas, told: &mut Tell<'_>) {
    for shown in &observed.schemas.shown {
        let all = schemas.definitions.get(&shown.collection).map_or(&[][..], Vec::as_slice);
        let known = shown.at_least.map_or(0, |place| place.offset + 1);
        let oldest = all.iter().rev().find(|it| it.offset < known);
        let oldest = oldest.map_or(0, |it| it.revision);
        let step = shown.step;
        match &shown.definition {
            None if oldest == 0 || all.iter().any(|it| it.revision >= oldest && is_none(it)) => {}
            None => told("not-shown", format!("step {step}: nothing, and there was {oldest}")),
            Some(view) if view.revision.0 < oldest => told(
                "older",
                format!("step {step}: revision {}, and {oldest} was known of", view.revision),
            ),
            Some(view) => {
                let at = all.iter().find(|it| it.revision == view.revision.0);
                let statement = view.statement.as_ref().map(value);
                if at.is_none_or(|at| at.statement != statement) {
                    told("shown", format!("step {step}: {view:?}, and there was {at:?}"));
                }
            }
        }
    }
}

fn is_none(definition: &Definition) -> bool {
    definition.statement.is_none() && definition.learned.is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracle::build::{World, acknowledged, definition, shown, title, world};

    #[test]
    fn it_passes_what_the_requests_come_to() {
        let world = world(vec![title(2, "a"), title(3, "b")]);
        let world = World {
            updates: vec![definition(1, 2, Some("a"), None), definition(2, 3, Some("b"), None)],
            changes: vec![acknowledged(2, 2), acknowledged(3, 3)],
            shown: vec![shown(Some((2, "a")), Some(1)), shown(None, None)],
            ..world
        };
        assert_eq!(signatures(&world), [""; 0]);
    }

    #[test]
    fn it_fails_a_statement_that_is_lost_or_overwritten() {
        let one = || world(vec![title(2, "a")]);
        let with = |updates| signatures(&World { updates, ..one() });
        assert_eq!(with(vec![]), ["statements/lost"]);
        assert_eq!(
            with(vec![definition(1, 2, None, Some("x"))]),
            ["statements/another-definition", "statements/lost"]
        );
        assert_eq!(
            with(vec![definition(1, 2, Some("a"), None), definition(7, 3, None, Some("x"))]),
            ["statements/unasked", "statements/lost"]
        );
    }

    #[test]
    fn it_fails_an_acknowledgement_of_nothing_and_a_reader_of_the_past() {
        let good = || World {
            updates: vec![definition(1, 2, Some("a"), None)],
            ..world(vec![title(2, "a")])
        };
        let told = |changes| signatures(&World { changes, ..good() });
        assert_eq!(told(vec![acknowledged(9, 2)]), ["statements/not-in-the-log"]);
        assert_eq!(told(vec![acknowledged(2, 5)]), ["statements/another-outcome"]);
        let read = |it| signatures(&World { shown: vec![it], ..good() });
        assert_eq!(read(shown(None, Some(1))), ["statements/not-shown"]);
        assert_eq!(read(shown(Some((2, "b")), None)), ["statements/shown"]);
        assert_eq!(read(shown(Some((1, "a")), Some(1))), ["statements/older"]);
    }

    #[test]
    fn it_fails_tasks_that_have_not_heard_of_a_switch() {
        let deaf = World {
            switches: vec![],
            updates: vec![definition(1, 2, Some("a"), None)],
            ..world(vec![title(2, "a")])
        };
        assert_eq!(signatures(&deaf), ["statements/switches"]);
    }

    #[test]
    fn what_is_stated_is_looked_for_at_every_place() {
        let stated = json!({"title": "a", "properties": {"n": {"maximum": 3}}});
        let shown = json!({"title": "a", "properties": {"n": {"maximum": 4, "minimum": 1}}});
        assert_eq!(not_kept(&stated, &stated, "#"), None);
        assert_eq!(not_kept(&stated, &shown, "#").as_deref(), Some("#/properties/n/maximum"));
        assert_eq!(not_kept(&stated, &json!({"title": "a"}), "#").as_deref(), Some("#/properties"));
        let stated = json!({"items": {"items": false}});
        let shown = json!({"items": {"items": false, "maxItems": 0}});
        assert_eq!(not_kept(&stated, &shown, "#"), None);
        let shown = json!({"items": {"items": {}}});
        assert_eq!(not_kept(&stated, &shown, "#").as_deref(), Some("#/items/items"));
    }

    fn signatures(world: &World) -> Vec<String> {
        look(&world.observed()).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
