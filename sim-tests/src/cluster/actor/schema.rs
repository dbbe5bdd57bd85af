//! Taking a step that has to do with schemas.

use std::time::Duration;

use serde_json::Value;
use tidelog_core::{
    Document, Message, PartitionId, Timestamp, Topic,
    message::{
        self, Change, EntityPatch, LearningChange, LearningScope, Part, PartRequest, Remember,
        SchemaChange, StatementEdit,
    },
    patch::JsonPatch,
    query::DefinitionView,
};
use tidelog_driver::With;

use super::{
    Actor,
    asking::{name, patiently},
    known::Known,
    odd::origin,
    told,
};
use crate::{
    history::Place,
    model::{
        Condition,
        schema::{Edit, Switching},
    },
    observed::{SchemaChanged, SchemaShown},
    workload::{COLLECTIONS, DATABASE, Schema},
};

/// How long a definition, and the answer to a write that is there to be learned from, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// More entities than a walk takes in one step, all in one partition.
const CROWD: usize = 520;

impl Actor {
    pub(super) async fn schema(&self, number: u32, schema: &Schema) {
        match schema {
            Schema::Write { collection, entity, action } => {
                let entity = format!("{}/learned/e{entity}", COLLECTIONS[*collection]);
                let request = told::request(action, &Condition::None);
                self.one(&entity, request, With::default()).await;
            }
            Schema::Crowd { collection } => self.crowd(number, *collection).await,
            Schema::State { collection, edit, exists, patience_ms, again } => {
                let condition = match exists {
                    None => message::Condition::default(),
                    Some(true) => message::Condition::exists(),
                    Some(false) => message::Condition::missing(),
                };
                let id = COLLECTIONS[*collection].parse().expect("a collection's id");
                let change = SchemaChange::State { collection: id, edit: edit_of(edit), condition };
                self.change(number, change, (*patience_ms, *again)).await;
                // As people do: what they have stated is to be there when they look.
                self.show(number, COLLECTIONS[*collection]).await;
            }
            Schema::Switch { collection, to, patience_ms, again } => {
                let scope = match collection {
                    None => LearningScope::Database(DATABASE.parse().expect("a database's id")),
                    Some(collection) => {
                        let collection = COLLECTIONS[*collection].parse();
                        LearningScope::Collection(collection.expect("a collection's id"))
                    }
                };
                let to = match to {
                    Switching::On => LearningChange::On,
                    Switching::Off => LearningChange::Off,
                    Switching::Anew => LearningChange::Anew,
                    Switching::AsDatabase => LearningChange::AsDatabase,
                };
                let change = SchemaChange::SwitchLearning { scope, to };
                self.change(number, change, (*patience_ms, *again)).await;
            }
            Schema::Show { collection } => self.show(number, COLLECTIONS[*collection]).await,
            Schema::ShowAll { with_positions } => self.show_all(number, *with_positions).await,
        }
    }

    async fn change(&self, step: u32, change: SchemaChange, (patience_ms, again): (u64, u32)) {
        let Some(driver) = self.driver() else { return };
        let database = DATABASE.parse().expect("a database's id");
        let mut call = driver.schema_request(database, change, With::default());
        let name = call.id().await.ok().map(|id| name(&id, 1));
        let outcome = match patiently(&driver, &mut call, patience_ms, again).await {
            Ok(answered) => {
                if let Some(life) = self.life().as_mut() {
                    life.known.learn(answered.position);
                }
                told::outcome(&answered.answer)
            }
            Err(error) => told::failure(&error),
        };
        let at_us = self.recorder().now_us();
        let changed = SchemaChanged { step, name, outcome, at_us };
        self.recorder().look().schemas.changes.push(changed);
    }

    async fn show(&self, step: u32, collection: &str) {
        let Some(driver) = self.driver() else { return };
        let known = self.known(true);
        let at_least = self.known_of(&known);
        let id = collection.parse().expect("a collection's id");
        let deadline = driver.now().plus(PATIENCE);
        let Ok(definition) = driver.definition(&id, known.positions(), deadline).await else {
            return;
        };
        self.is_shown(step, collection, at_least, definition);
    }

    async fn show_all(&self, step: u32, with_positions: bool) {
        let Some(driver) = self.driver() else { return };
        let known = self.known(with_positions);
        let at_least = self.known_of(&known);
        let database = DATABASE.parse().expect("a database's id");
        let deadline = driver.now().plus(PATIENCE);
        let Ok(mut all) = driver.definitions(&database, known.positions(), deadline).await else {
            return;
        };
        for collection in COLLECTIONS {
            let found = all.iter().position(|view| view.collection.as_str() == collection);
            let definition = found.map(|nth| all.swap_remove(nth));
            self.is_shown(step, collection, at_least, definition);
        }
        assert!(all.is_empty(), "definitions of no collection, or two of one: {all:?}");
    }

    /// How far in `schema-patches` whoever answers must be.
    fn known_of(&self, known: &Known) -> Option<Place> {
        known.of(Topic::SchemaPatches, self.0.world.settings.layout.partition(DATABASE))
    }

    fn is_shown(
        &self,
        step: u32,
        collection: &str,
        at_least: Option<Place>,
        definition: Option<DefinitionView>,
    ) {
        let at_us = self.recorder().now_us();
        let collection = collection.into();
        let shown = SchemaShown { step, at_us, collection, at_least, definition };
        self.recorder().look().schemas.shown.push(shown);
    }

    /// Writes so many entities of one partition that a walk over them takes several steps.
    async fn crowd(&self, number: u32, collection: usize) {
        let (client, begun) = (format!("crowd{number}"), self.now());
        let layout = self.0.world.settings.layout;
        let ids = (0..).map(|nth| format!("{}/crowd/{number}-{nth}", COLLECTIONS[collection]));
        let ids = ids.filter(|id| layout.partition(id) == PartitionId(0)).take(CROWD);
        let patches = (1..).zip(ids).map(|(nth, id)| member(&client, nth, begun, &id));
        drop(self.append(patches.map(|it| self.record(&it)).collect()).await);
    }
}

fn member(client: &str, number: u64, sent: Timestamp, id: &str) -> Message {
    let document = Document::from_value(&serde_json::json!({ "n": number })).expect("a document");
    let condition = message::Condition::default();
    Message::EntityPatch(EntityPatch {
        origin: origin(client, number, 1, sent),
        part: Part::ONLY,
        key: None,
        entity: id.parse().expect("an entity's id"),
        request: PartRequest { change: Change::Replace(document), condition },
        wants_value: false,
        remember: Remember::No,
    })
}

fn edit_of(edit: &Edit) -> StatementEdit {
    const REASON: &str = "what a workload asks for is well-formed";
    let document = |value: &Value| Document::from_value(value).expect(REASON);
    match edit {
        Edit::Replace(value) => StatementEdit::Replace(document(value)),
        Edit::Merge(value) => StatementEdit::Merge(document(value)),
        Edit::Patch(patch) => {
            StatementEdit::Patch(JsonPatch::parse(patch.to_string().as_bytes()).expect(REASON))
        }
        Edit::Remove => StatementEdit::Remove,
    }
}
