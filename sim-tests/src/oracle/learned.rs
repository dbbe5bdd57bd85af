//! **Invariant.** What was learned of a collection, where learning is on, is what a reference learner makes
//! of the committed changes of its epoch: counts of the documents that are there, and all that ever came.
//! And the changes from which is learned are those that come after the walk has passed an entity: once
//! one is marked with an epoch, every later one is, until another epoch begins. Of collections of the system,
//! which are subscriptions, nothing is learned: what they hold is laid down.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidelog_core::{
    Message, Topic,
    message::{EntityUpdate, MarkedUpdate},
};

use super::Oracle;
use crate::{
    log::{schemas, value},
    model::{
        learner::{Place, without_times},
        schema::{Learned, Schemas},
    },
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "learned",
    holds: "The schema that was learned is the one that the documents come to.",
    check: look,
};

/// The changes of an entity, each with the epoch that it is marked with.
type Changes = Vec<Change>;

struct Change {
    before: Option<Value>,
    after: Option<Value>,
    epoch: Option<u64>,
}

fn look(observed: &Observed) -> Vec<Violation> {
    let mut found = Vec::new();
    if observed.settled.is_none() {
        return found;
    }
    let entities = entities(observed);
    let collections: BTreeSet<_> = entities.keys().map(|entity| collection_of(entity)).collect();
    for schemas in schemas(&observed.log).into_values() {
        for collection in schemas.definitions.keys().filter(|it| is_of_system(it)) {
            let message = format!("something is known of {collection}");
            found.push(Violation::new(ORACLE.name, "system", observed.end_us, message));
        }
        for collection in collections.iter().filter(|it| !is_of_system(it)) {
            let Some(switch) = schemas.holds(collection).filter(|it| it.is_on) else { continue };
            let of = entities.iter().filter(|(entity, _)| collection_of(entity) == *collection);
            let of: BTreeMap<_, _> = of.map(|(entity, changes)| (&**entity, changes)).collect();
            let told = |(kind, message): (&'static str, String)| {
                let epoch = switch.epoch;
                let message = format!("{collection} in epoch {epoch}: {message}");
                Violation::new(ORACLE.name, kind, observed.end_us, message)
            };
            found.extend(unmarked(&of, switch.epoch).map(told));
            found.extend(differing(&schemas, collection, &of, switch.epoch).map(told));
        }
    }
    found
}

/// Whether a collection's name begins as those of the system do.
fn is_of_system(collection: &str) -> bool {
    collection.split('/').nth(1).is_some_and(|name| name.starts_with('$'))
}

/// The committed changes of each entity.
fn entities(observed: &Observed) -> BTreeMap<Box<str>, Changes> {
    let mut entities: BTreeMap<Box<str>, Changes> = BTreeMap::new();
    for (_, _, message) in observed.log.messages(Topic::EntityUpdates) {
        let (update, epoch) = match message {
            Message::EntityUpdate(update) => (update, None),
            Message::MarkedUpdate(MarkedUpdate { update, epoch }) => (update, Some(epoch.0)),
            _ => continue,
        };
        let EntityUpdate { before, after, .. } = update;
        let (before, after) = (before.as_ref().map(value), after.as_ref().map(value));
        let change = Change { before, after, epoch };
        entities.entry(update.entity.as_str().into()).or_default().push(change);
    }
    entities
}

/// The first entity of which a change is not marked after one that is.
fn unmarked(entities: &BTreeMap<&str, &Changes>, epoch: u64) -> Option<(&'static str, String)> {
    entities.iter().find_map(|(entity, changes)| {
        let first = changes.iter().position(|it| it.epoch == Some(epoch))?;
        let hole = changes[first..].iter().position(|it| it.epoch != Some(epoch))?;
        let message = format!(
            "change {} of {entity} is marked {:?}, and earlier ones with the epoch",
            first + hole + 1,
            changes[first + hole].epoch
        );
        Some(("unmarked", message))
    })
}

/// The first difference between what was learned and what is to be.
fn differing(
    schemas: &Schemas,
    collection: &str,
    entities: &BTreeMap<&str, &Changes>,
    epoch: u64,
) -> Option<(&'static str, String)> {
    let mut place = Place::default();
    for changes in entities.values() {
        let marked = || changes.iter().filter(|it| it.epoch == Some(epoch));
        // The document that the walk has met.
        let met = match marked().next() {
            Some(first) => first.before.as_ref(),
            None => changes.last().and_then(|last| last.after.as_ref()),
        };
        place.came.extend(met.into_iter().chain(marked().filter_map(|it| it.after.as_ref())));
        place.there.extend(changes.last().and_then(|last| last.after.as_ref()));
    }
    let last = schemas.definitions.get(collection).and_then(|all| all.last());
    let Some(Learned { epoch: of, definition, .. }) = last.and_then(|it| it.learned.as_ref())
    else {
        // Where nothing ever came there may be nobody who learns.
        let message = || ("missing", format!("nothing is known of {} documents", place.came.len()));
        return (!place.came.is_empty()).then(message);
    };
    if *of != epoch {
        return Some(("another-epoch", format!("what is known is of epoch {of}")));
    }
    let (learned, expected) = (without_times(definition.clone()), place.schema());
    let (at, is, should) = difference(&learned, &expected, "#")?;
    let kind = if at.contains("/x-tidelog") { "counts" } else { "definition" };
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), Value::to_string);
    Some((kind, format!("at {at} it says {}, and should {}", text(is), text(should))))
}

/// The first place where two values differ, with what stands there: definitions before notes.
fn difference<'v>(
    is: &'v Value,
    should: &'v Value,
    at: &str,
) -> Option<(String, Option<&'v Value>, Option<&'v Value>)> {
    let (Value::Object(a), Value::Object(b)) = (is, should) else {
        return (is != should).then(|| (at.into(), Some(is), Some(should)));
    };
    let mut names: Vec<_> = a.keys().chain(b.keys()).collect();
    names.sort_by_key(|name| (*name == "x-tidelog", (*name).clone()));
    names.into_iter().find_map(|name| {
        let at = format!("{at}/{name}");
        match (a.get(name), b.get(name)) {
            (Some(is), Some(should)) => difference(is, should, &at),
            (is, should) => Some((at, is, should)),
        }
    })
}

/// The collection that an entity is in: the first two of the segments of its id.
fn collection_of(entity: &str) -> &str {
    let end = entity.match_indices('/').nth(1).map_or(entity.len(), |(at, _)| at);
    &entity[..end]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracle::build::{World, learned, marked, unmarked_update, world};

    #[test]
    fn it_passes_what_the_documents_come_to_walked_over_or_marked() {
        let (one, two) = (json!({"n": 1}), json!({"n": 2, "s": "x"}));
        let place = Place { came: vec![&one, &two], there: vec![&two] };
        let world = world(vec![learned(1, 1, place.schema())]);
        let walked = World {
            changes_of_entities: vec![
                unmarked_update(1, None, Some(one.clone())),
                marked(2, 1, Some(one), Some(two)),
            ],
            ..world
        };
        assert_eq!(signatures(&walked), [""; 0]);
    }

    #[test]
    fn it_fails_counts_and_definitions_that_are_others() {
        let (one, two) = (json!({"n": 1}), json!({"n": 2}));
        let changes = || {
            vec![
                marked(1, 1, None, Some(one.clone())),
                marked(2, 1, Some(one.clone()), Some(two.clone())),
            ]
        };
        let with = |place: Place<'_>| {
            let world = world(vec![learned(1, 1, place.schema())]);
            signatures(&World { changes_of_entities: changes(), ..world })
        };
        assert_eq!(with(Place { came: vec![&one, &two], there: vec![&two] }), [""; 0]);
        let twice = Place { came: vec![&one, &two], there: vec![&two, &two] };
        assert_eq!(with(twice), ["learned/counts"]);
        let lost = Place { came: vec![&two], there: vec![&two] };
        assert_eq!(with(lost), ["learned/definition"]);
        let nothing = World { changes_of_entities: changes(), ..world(vec![]) };
        assert_eq!(signatures(&nothing), ["learned/missing"]);
    }

    #[test]
    fn it_fails_a_change_that_is_not_marked_after_one_that_is() {
        let one = json!({"n": 1});
        let place = Place { came: vec![&one], there: vec![&one] };
        let world = World {
            changes_of_entities: vec![
                marked(1, 1, None, Some(json!({"n": 1}))),
                unmarked_update(2, None, Some(json!({"n": 1}))),
            ],
            ..world(vec![learned(1, 1, place.schema())])
        };
        assert_eq!(signatures(&world), ["learned/unmarked"]);
    }

    #[test]
    fn nothing_is_learned_of_collections_of_the_system() {
        let Message::EntityUpdate(mut update) = unmarked_update(1, None, Some(json!({}))) else {
            unreachable!("it is one")
        };
        update.entity = "shop/$zoneSubscription/a/1".parse().expect("an entity");
        let of_system =
            World { changes_of_entities: vec![Message::EntityUpdate(update)], ..world(vec![]) };
        assert_eq!(signatures(&of_system), [""; 0]);
        let Message::LearnedDefinition(mut definition) = learned(1, 1, json!({})) else {
            unreachable!("it is one")
        };
        definition.collection = "shop/$zoneSubscription".parse().expect("a collection");
        let known = World { patches: vec![Message::LearnedDefinition(definition)], ..of_system };
        assert_eq!(signatures(&known), ["learned/system"]);
    }

    fn signatures(world: &World) -> Vec<String> {
        look(&world.observed()).into_iter().map(|violation| violation.signature.into()).collect()
    }
}
