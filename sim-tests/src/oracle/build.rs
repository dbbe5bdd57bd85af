//! Short ways to write down by hand what became of schemas: of the database `shop`, in which learning is
//! on, and its collection `shop/orders`.

use serde_json::{Value, json};
use tidelog_core::{
    Document, Message, Offset, RequestId, Revision, Timestamp,
    message::{
        DefinitionUpdate, LearnedDefinition, LearningScope, LearningSwitch, MarkedUpdate, Origin,
        SchemaChange, SchemaPatch, StatementEdit,
    },
    query::DefinitionView,
};

use crate::{
    history::{Name, Outcome, Place},
    log::build::{log, request, update},
    model::Effect,
    observed::{Observed, SchemaChanged, SchemaShown, SchemasSeen, Settled},
};

/// What became of schemas.
pub(super) struct World {
    /// The records of `schema-patches` after that by which the database is provisioned.
    pub(super) patches: Vec<Message>,
    pub(super) updates: Vec<Message>,
    pub(super) switches: Vec<Message>,
    pub(super) changes_of_entities: Vec<Message>,
    pub(super) changes: Vec<SchemaChanged>,
    pub(super) shown: Vec<SchemaShown>,
}

/// A world with these records of `schema-patches`, in which everybody has heard that learning is on, and in
/// which an entity of another database was changed.
pub(super) fn world(patches: Vec<Message>) -> World {
    let scope = LearningScope::Database("shop".parse().expect("a database"));
    let switch = LearningSwitch { scope, epoch: Revision(1), is_on: true, follows: false };
    World {
        patches,
        updates: Vec::new(),
        switches: vec![Message::LearningSwitch(switch)],
        changes_of_entities: Vec::new(),
        changes: Vec::new(),
        shown: Vec::new(),
    }
}

impl World {
    pub(super) fn observed(&self) -> Observed {
        let mut messages = vec![schema(1, SchemaChange::Provision)];
        messages.extend(self.patches.iter().cloned());
        messages.extend(self.updates.iter().cloned());
        messages.extend(self.switches.iter().cloned());
        messages.extend(self.changes_of_entities.iter().cloned());
        if self.changes_of_entities.is_empty() {
            messages.push(elsewhere());
        }
        let (changes, shown) = (self.changes.clone(), self.shown.clone());
        Observed {
            log: log(messages),
            schemas: SchemasSeen { changes, shown },
            settled: Some(Settled::default()),
            ..Observed::default()
        }
    }
}

/// A user states a title.
pub(super) fn title(number: u64, title: &str) -> Message {
    let edit = StatementEdit::Merge(document(&json!({ "title": title })));
    let collection = "shop/orders".parse().expect("a collection");
    schema(number, SchemaChange::State { collection, edit, condition: Default::default() })
}

fn schema(number: u64, change: SchemaChange) -> Message {
    let RequestId { name, first_sent } = request(number);
    let origin = Origin { name, first_incomplete: 1, first_sent, user: None, device: None };
    let database = "shop".parse().expect("a database");
    Message::SchemaPatch(SchemaPatch { origin, database, change })
}

pub(super) fn learned(epoch: u64, number: u64, definition: Value) -> Message {
    Message::LearnedDefinition(LearnedDefinition {
        collection: "shop/orders".parse().expect("a collection"),
        epoch: Revision(epoch),
        number,
        definition: document(&definition),
        time: Timestamp::ZERO,
    })
}

/// What is told of the collection.
pub(super) fn definition(
    offset: u64,
    revision: u64,
    title: Option<&str>,
    learned: Option<&str>,
) -> Message {
    let document = |title: &str| document(&json!({ "title": title }));
    Message::DefinitionUpdate(DefinitionUpdate {
        collection: "shop/orders".parse().expect("a collection"),
        revision: Revision(revision),
        statement: title.map(document),
        learned: learned.map(document),
        offset: Offset(offset),
        time: Timestamp::ZERO,
    })
}

/// A client was told that its change was made.
pub(super) fn acknowledged(number: u64, revision: u64) -> SchemaChanged {
    let effect = if revision == 2 { Effect::Created } else { Effect::Updated };
    let outcome = Outcome::Done { effect, revision, value: None };
    let name = Some(Name { client: "app:0".into(), number, part: 1 });
    SchemaChanged { step: 0, name, outcome, at_us: 0 }
}

/// A client that has heard of an offset was shown a revision with a title.
pub(super) fn shown(what: Option<(u64, &str)>, at_least: Option<u64>) -> SchemaShown {
    let definition = what.map(|(revision, title)| DefinitionView {
        collection: "shop/orders".parse().expect("a collection"),
        revision: Revision(revision),
        statement: Some(document(&json!({ "title": title }))),
        learned: None,
    });
    SchemaShown {
        step: 0,
        at_us: 0,
        collection: "shop/orders".into(),
        at_least: at_least.map(|offset| Place { partition: 0, offset }),
        definition,
    }
}

/// A change that is not learned from.
pub(super) fn unmarked_update(
    revision: u64,
    before: Option<Value>,
    after: Option<Value>,
) -> Message {
    update(revision, revision, before, after)
}

/// A change that is learned from.
pub(super) fn marked(
    revision: u64,
    epoch: u64,
    before: Option<Value>,
    after: Option<Value>,
) -> Message {
    let Message::EntityUpdate(update) = update(revision, revision, before, after) else {
        unreachable!("it is one")
    };
    Message::MarkedUpdate(MarkedUpdate { update, epoch: Revision(epoch) })
}

/// Something in another database, so that there is a task of entity-storage.
fn elsewhere() -> Message {
    let Message::EntityUpdate(mut update) = update(1, 1, None, Some(json!({}))) else {
        unreachable!("it is one")
    };
    update.entity = "depot/boxes/a/1".parse().expect("an entity");
    Message::EntityUpdate(update)
}

fn document(value: &Value) -> Document {
    Document::from_value(value).expect("a document")
}
