//! Learning from end to end: entity-storage, the partitioner, the learner and schema-storage together,
//! in whatever order they get to work, with crashes and with records that come twice.

mod world;

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tidelog_core::{
    CollectionId, Document, Message, Timestamp,
    message::{Change, Condition, LearningChange, LearningScope, SchemaChange, StatementEdit},
};
use tidelog_schema::{Model, Notes};

use LearningChange::{Anew, AsDatabase, Off, On};

use crate::harness::{ask, replace, schema};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_is_learned_is_what_the_documents_say(doings in vec(doing(), 1..120)) {
        let mut run = Run::new();
        for doing in &doings {
            run.act(doing);
        }
        run.world.settle();
        run.check();
    }
}

#[test]
fn documents_that_were_there_are_learned_while_writes_go_on() {
    let mut run = Run::new();
    run.act(&Doing::Switch(SCOPES[0], Off));
    for n in 0..3_000 {
        run.act(&Doing::Write(COLLECTIONS[0], n, Some(7)));
    }
    run.world.settle();
    run.act(&Doing::Switch(SCOPES[0], On));
    for n in 0..2_000 {
        run.act(&Doing::Write(COLLECTIONS[0], (n * 7) % 3_500, (n % 5 > 0).then_some(n % 8)));
        run.act(&Doing::Run(n as usize % 16, 2));
    }
    run.world.settle();
    run.check();
    let learned = run.world.learned(&id(COLLECTIONS[0])).expect("it was learned");
    assert!(learned["x-tidelog"]["count"].as_u64() > Some(2_000), "{learned}");
}

#[test]
fn relearning_begins_again_from_the_documents_also_where_none_is_left() {
    let mut run = Run::new();
    run.act(&Doing::Write(COLLECTIONS[0], 1, Some(7)));
    run.world.settle();
    run.act(&Doing::Write(COLLECTIONS[0], 1, None));
    run.world.settle();
    let learned = run.world.learned(&id(COLLECTIONS[0]));
    assert_eq!(learned.map(|learned| learned["type"].clone()), Some(json!("object")), "it widens");
    for scope in [SCOPES[0], SCOPES[1]] {
        run.act(&Doing::Switch(scope, Anew));
        run.world.settle();
        let learned = run.world.learned(&id(COLLECTIONS[0])).expect("it is published");
        assert_eq!(learned.get("type"), None, "{learned}");
    }
}

#[test]
fn a_storm_of_changes_makes_few_definitions() {
    let mut run = Run::new();
    for n in 0..4_000 {
        run.act(&Doing::Write(COLLECTIONS[0], n % 97, Some(n % 8)));
        run.act(&Doing::Wait(1));
        for task in 0..16 {
            run.act(&Doing::Run(task, 4));
        }
    }
    run.world.settle();
    run.check();
    let published = run.world.count(|message| matches!(message, Message::LearnedDefinition(_)));
    // Four seconds of writing, one definition a second, and what is left at the end.
    assert!((1..=7).contains(&published), "{published}");
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Doing {
    /// An entity of a collection gets the document with these fields, or is deleted.
    Write(&'static str, u64, Option<u64>),
    /// Learning is switched.
    Switch(&'static str, LearningChange),
    /// A user states something, or takes it back.
    State(&'static str, Option<u64>),
    /// A task handles up to so many records or timeouts.
    Run(usize, usize),
    /// A task commits.
    Commit(usize),
    /// A task crashes, and loses what it has not committed.
    Crash(usize),
    /// A task gets its last record again.
    Again(usize),
    /// So many milliseconds pass.
    Wait(u64),
}

fn doing() -> impl Strategy<Value = Doing> {
    let collection = || select(&COLLECTIONS[..]);
    prop_oneof![
        8 => (collection(), 0..9u64, prop::option::weighted(0.8, 0..8u64))
            .prop_map(|(collection, entity, fields)| Doing::Write(collection, entity, fields)),
        2 => (select(&SCOPES[..]), select(vec![On, On, Anew, Anew, Off, AsDatabase]))
            .prop_map(|(scope, to)| Doing::Switch(scope, to)),
        1 => (collection(), prop::option::of(1..99u64))
            .prop_map(|(collection, maximum)| Doing::State(collection, maximum)),
        12 => (0..16usize, 1..6usize).prop_map(|(task, steps)| Doing::Run(task, steps)),
        3 => (0..16usize).prop_map(Doing::Commit),
        2 => (0..16usize).prop_map(Doing::Crash),
        2 => (0..16usize).prop_map(Doing::Again),
        2 => (1..40_000u64).prop_map(Doing::Wait),
    ]
}

/// A world, and what is to be true of it.
struct Run {
    world: World,
    requests: u64,
    documents: BTreeMap<(&'static str, u64), Document>,
    stated: BTreeMap<&'static str, Option<u64>>,
    is_on: BTreeMap<&'static str, bool>,
}

impl Run {
    fn new() -> Self {
        let mut run = Self {
            world: World::new(),
            requests: 0,
            documents: BTreeMap::new(),
            stated: BTreeMap::new(),
            is_on: BTreeMap::from([("shop", true)]),
        };
        run.ask(SchemaChange::Provision);
        run.world.settle();
        run
    }

    fn act(&mut self, doing: &Doing) {
        match doing {
            Doing::Write(collection, entity, fields) => self.write(collection, *entity, *fields),
            Doing::Switch(scope, to) => {
                match (to, *scope) {
                    (On, _) => _ = self.is_on.insert(scope, true),
                    (Off, _) => _ = self.is_on.insert(scope, false),
                    (Anew, _) | (AsDatabase, "shop") => {}
                    (AsDatabase, _) => _ = self.is_on.remove(scope),
                }
                self.ask(SchemaChange::SwitchLearning { scope: self::scope(scope), to: *to });
            }
            Doing::State(collection, maximum) => {
                self.stated.insert(collection, *maximum);
                let edit = match maximum {
                    Some(maximum) => {
                        StatementEdit::Replace(document(&json!({ "maximum": maximum })))
                    }
                    None => StatementEdit::Remove,
                };
                let condition = Condition::default();
                self.ask(SchemaChange::State { collection: id(collection), edit, condition });
            }
            Doing::Run(task, steps) => self.world.run(*task, *steps),
            Doing::Commit(task) => self.world.commit(*task),
            Doing::Crash(task) => self.world.crash(*task),
            Doing::Again(task) => self.world.again(*task),
            Doing::Wait(millis) => {
                self.world.now = self.world.now.plus(Duration::from_millis(*millis));
            }
        }
    }

    fn write(&mut self, collection: &'static str, entity: u64, fields: Option<u64>) {
        self.requests += 1;
        let entity_id = format!("{collection}/eu/{entity:04}");
        let change = match fields {
            Some(fields) => {
                let value = fielded(fields);
                self.documents.insert((collection, entity), document(&value));
                replace(&value.to_string())
            }
            None => {
                self.documents.remove(&(collection, entity));
                Change::Delete
            }
        };
        self.world.append(&Message::EntityPatch(ask(self.requests, &entity_id, change)));
    }

    fn ask(&mut self, change: SchemaChange) {
        self.requests += 1;
        self.world.append(&Message::SchemaPatch(schema(self.requests, "shop", change)));
    }

    /// Every collection for which learning is on has the definition of its documents, each counted
    /// once; and what users state is what they said last.
    fn check(&self) {
        for collection in COLLECTIONS {
            let whole = self.is_on.get(collection).or_else(|| self.is_on.get("shop"));
            if whole == Some(&true) && !collection.contains('$') {
                self.check_learned(collection);
            }
            // Of the system's nothing can be stated.
            let stated = self.stated.get(collection).filter(|_| !collection.contains('$'));
            let stated = stated.copied().flatten();
            let stated = stated.map(|maximum| json!({ "maximum": maximum }));
            assert_eq!(self.world.stated(&id(collection)), stated, "of {collection}");
        }
        let is_system = |message: &Message| match message {
            Message::Lesson(lesson) => lesson.collection.is_system(),
            _ => false,
        };
        assert_eq!(
            self.world.count(is_system),
            0,
            "nothing is learned of the system's collections"
        );
    }

    fn check_learned(&self, collection: &str) {
        let documents = self.documents.iter().filter(|((of, _), _)| *of == collection);
        let model = documents.fold(Model::default(), |model, (_, document)| {
            model.learn(None, Some(document), Timestamp::ZERO).expect("JSON")
        });
        let learned = self.world.learned(&id(collection));
        if model.documents() == 0 {
            let count = learned.map_or(json!(0), |learned| learned["x-tidelog"]["count"].clone());
            return assert_eq!(count, 0, "of {collection}");
        }
        let expected = model.definition(Notes::With).to_value().expect("JSON");
        assert_eq!(learned.map(timeless), Some(timeless(expected)), "of {collection}");
    }
}

/// The definition without the times at which something was first seen.
fn timeless(mut definition: Value) -> Value {
    if let Value::Object(members) = &mut definition {
        members.shift_remove("first_seen");
        for value in members.values_mut() {
            *value = timeless(value.take());
        }
    }
    definition
}

/// Documents whose definition says how many there are of each, and nothing of those that were before.
fn fielded(fields: u64) -> Value {
    let mut value = json!({});
    for (bit, field) in [(1, "a"), (2, "b"), (4, "n")] {
        if fields & bit != 0 {
            value[field] = if field == "n" { json!({ "x": true }) } else { json!(true) };
        }
    }
    value
}

fn scope(text: &str) -> LearningScope {
    match text.contains('/') {
        true => LearningScope::Collection(id(text)),
        false => LearningScope::Database(text.parse().expect("a good id")),
    }
}

fn id(text: &str) -> CollectionId {
    text.parse().expect("a good id")
}

fn document(value: &Value) -> Document {
    Document::from_value(value).expect("it is small")
}

const COLLECTIONS: [&str; 4] = ["shop/orders", "shop/users", "shop/u", "shop/$zoneSubscription"];
const SCOPES: [&str; 3] = ["shop", "shop/orders", "shop/users"];
