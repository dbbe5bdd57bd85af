//! What the requests for a database's schema come to, with what was learned among them, carried out one
//! after the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Condition, Effect, Refusal, State, Told, clients::Clients, patch};
use crate::history::Name;

/// A record of `schema-patches`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its offset.
    pub offset: u64,
    /// Its append time, in milliseconds.
    pub time_ms: u64,
    /// What it says.
    pub what: What,
}

/// What a record of `schema-patches` says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Somebody asks for a change.
    Request {
        /// The request.
        name: Name,
        /// The client's lowest number without an outcome.
        first_incomplete: u64,
        /// When it was first sent, by its client's clock.
        first_sent_ms: u64,
        /// The database.
        database: Box<str>,
        /// The change.
        change: Change,
    },
    /// What was learned.
    Learned {
        /// The collection.
        collection: Box<str>,
        /// What.
        learned: Learned,
    },
}

/// A change of a schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The database is made.
    Provision,
    /// What is stated of a collection.
    State {
        /// The collection.
        collection: Box<str>,
        /// What is done to it.
        edit: Edit,
        /// Under which condition.
        condition: Condition,
    },
    /// Learning is switched.
    Switch {
        /// The database or collection.
        scope: Box<str>,
        /// What becomes of it.
        to: Switching,
    },
}

/// What is done to what is stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Edit {
    /// It becomes this.
    Replace(Value),
    /// A JSON Patch on it.
    Patch(Value),
    /// A JSON Merge Patch on it.
    Merge(Value),
    /// Nothing is stated any more.
    Remove,
}

/// What becomes of learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switching {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// It begins again; it must be on.
    Anew,
    /// It is as the database has it.
    AsDatabase,
}

/// What was learned of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The epoch.
    pub epoch: u64,
    /// The number in the epoch.
    pub number: u64,
    /// The definition.
    pub definition: Value,
}

/// A collection's definition after a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The offset of the record that changed it.
    pub offset: u64,
    /// The schema's revision by that.
    pub revision: u64,
    /// What is stated.
    pub statement: Option<Value>,
    /// What was learned.
    pub learned: Option<Learned>,
}

/// A switch of learning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// For what.
    pub scope: Box<str>,
    /// The epoch that begins by it.
    pub epoch: u64,
    /// Whether it is on.
    pub is_on: bool,
    /// Whether a collection's holds only until its database's is switched.
    pub follows: bool,
}

/// What a partition of `schema-patches` comes to.
#[derive(Default)]
pub struct Schemas {
    /// The definitions of each collection, one for each change, in their order.
    pub definitions: BTreeMap<Box<str>, Vec<Definition>>,
    /// The switches, in their order.
    pub switches: Vec<Switch>,
    /// What became of each request: its first carrying out.
    pub outcomes: BTreeMap<Name, Told>,
    revisions: BTreeMap<Box<str>, u64>,
    clients: Clients,
}

/// A type that there is not: a statement that has it is refused.
pub const NO_TYPE: &str = "colour";

impl Schemas {
    /// Carries the records of one partition out.
    #[must_use]
    pub fn fold(entries: &[Entry]) -> Self {
        let mut schemas = Self::default();
        for entry in entries {
            schemas.clients.time_is(entry.time_ms);
            match &entry.what {
                What::Learned { collection, learned } => {
                    schemas.take_learned(entry.offset, collection, learned);
                }
                What::Request { name, first_incomplete, first_sent_ms, database, change } => {
                    if schemas.outcomes.contains_key(name) {
                        continue;
                    }
                    let refused = schemas.clients.refused(name, *first_incomplete, *first_sent_ms);
                    let told = match refused {
                        Some(why) => Told::NotDone(why),
                        None => schemas.carry_out(entry.offset, database, change),
                    };
                    schemas.outcomes.insert(name.clone(), told);
                }
            }
        }
        schemas
    }

    /// The switch that holds for a collection.
    #[must_use]
    pub fn holds(&self, collection: &str) -> Option<&Switch> {
        let database = self.last_switch(database_of(collection));
        match self.last_switch(collection) {
            Some(own) if !own.follows || database.is_none_or(|it| it.epoch < own.epoch) => {
                Some(own)
            }
            Some(_) | None => database,
        }
    }

    fn last_switch(&self, scope: &str) -> Option<&Switch> {
        self.switches.iter().rev().find(|switch| *switch.scope == *scope)
    }

    fn take_learned(&mut self, offset: u64, collection: &str, learned: &Learned) {
        let holds = self.holds(collection).is_some_and(|it| it.is_on && it.epoch == learned.epoch);
        let before = self.definition(collection);
        let is_newer = before
            .learned
            .as_ref()
            .is_none_or(|known| (known.epoch, known.number) < (learned.epoch, learned.number));
        if holds && is_newer {
            let learned = Some(learned.clone());
            self.change(collection, Definition { offset, learned, ..before });
        }
    }

    fn carry_out(&mut self, offset: u64, database: &str, change: &Change) -> Told {
        let done = |effect, revision| Told::Done { offset, effect, revision };
        let known = self.revisions.get(database).copied();
        match (change, known) {
            (Change::Provision, Some(revision)) => done(Effect::Read, revision),
            (Change::Provision, None) => {
                self.revisions.insert(database.into(), 1);
                let scope = database.into();
                self.switches.push(Switch { scope, epoch: 1, is_on: true, follows: false });
                done(Effect::Created, 1)
            }
            (_, None) => Told::NotDone("no such database"),
            (Change::State { collection, edit, condition }, Some(_)) => {
                self.edit(offset, collection, edit, condition)
            }
            (Change::Switch { scope, to }, Some(revision)) => match self.next(scope, *to) {
                Err(why) => Told::NotDone(why),
                Ok(None) => done(Effect::Read, revision),
                Ok(Some((is_on, follows))) => {
                    let epoch = self.raise(database);
                    self.switches.push(Switch { scope: scope.clone(), epoch, is_on, follows });
                    done(Effect::Updated, epoch)
                }
            },
        }
    }

    /// What a switch comes to: whether it is on, and whether it follows the database's. Nothing, where
    /// that is so already.
    fn next(&self, scope: &str, to: Switching) -> Result<Option<(bool, bool)>, &'static str> {
        let is_database = !scope.contains('/');
        let own = self.last_switch(scope);
        let is_own = |is_on| own.is_some_and(|own| !own.follows && own.is_on == is_on);
        match to {
            Switching::On => Ok((!is_own(true)).then_some((true, false))),
            Switching::Off => Ok((!is_own(false)).then_some((false, false))),
            Switching::Anew => {
                let holds = if is_database { own } else { self.holds(scope) };
                if !holds.is_some_and(|it| it.is_on) {
                    return Err("learning is off");
                }
                Ok(Some((true, !is_database && own.is_none_or(|own| own.follows))))
            }
            Switching::AsDatabase if is_database => Err("it is a database"),
            Switching::AsDatabase => {
                let is_on = self.last_switch(database_of(scope)).is_some_and(|it| it.is_on);
                Ok(own.is_some_and(|own| !own.follows).then_some((is_on, true)))
            }
        }
    }

    fn edit(&mut self, offset: u64, collection: &str, edit: &Edit, under: &Condition) -> Told {
        let before = self.definition(collection);
        let exists_at = before.exists_at();
        let refused = |refusal| Told::Refused { refusal, exists_at };
        if *edit == Edit::Remove && before.statement.is_none() {
            return refused(Refusal::NotFound);
        }
        let state = State { revision: before.revision, value: exists_at.map(Value::from) };
        if !under.holds(&state) {
            return refused(Refusal::Condition);
        }
        let start = || before.statement.clone().unwrap_or_else(empty);
        let after = match edit {
            Edit::Replace(value) => value.clone(),
            Edit::Merge(change) => patch::merge(start(), change),
            Edit::Patch(operations) => match patch::patch(start(), operations) {
                Ok(value) => value,
                Err(refusal) => return refused(refusal),
            },
            Edit::Remove => empty(),
        };
        if has_no_type(&after) {
            return Told::NotDone("no schema");
        }
        let statement = (after != empty()).then_some(after);
        let after = Definition { offset, statement, ..before };
        let is_there = after.statement.is_some() || after.learned.is_some();
        let effect = match (exists_at, is_there) {
            (_, false) => Effect::Deleted,
            (None, true) => Effect::Created,
            (Some(_), true) => Effect::Updated,
        };
        let revision = self.change(collection, after);
        Told::Done { offset, effect, revision }
    }

    fn definition(&self, collection: &str) -> Definition {
        let last = self.definitions.get(collection).and_then(|all| all.last());
        last.cloned().unwrap_or_default()
    }

    fn change(&mut self, collection: &str, after: Definition) -> u64 {
        let revision = self.raise(database_of(collection));
        let all = self.definitions.entry(collection.into()).or_default();
        all.push(Definition { revision, ..after });
        revision
    }

    fn raise(&mut self, database: &str) -> u64 {
        let revision = self.revisions.entry(database.into()).or_default();
        *revision += 1;
        *revision
    }
}

impl Definition {
    fn exists_at(&self) -> Option<u64> {
        (self.statement.is_some() || self.learned.is_some()).then_some(self.revision)
    }
}

/// The database that a collection is in.
fn database_of(collection: &str) -> &str {
    collection.split_once('/').map_or(collection, |(database, _)| database)
}

fn empty() -> Value {
    Map::new().into()
}

/// Whether a type that there is not stands anywhere in a schema.
fn has_no_type(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| (name == "type" && value == NO_TYPE) || has_no_type(value)),
        Value::Array(elements) => elements.iter().any(has_no_type),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORDERS: &str = "shop/orders";

    #[test]
    fn what_is_stated_and_what_is_learned_stand_side_by_side() {
        let title = |text: &str| Edit::Merge(json!({ "title": text }));
        let schemas = Schemas::fold(&entries(vec![
            request(1, Change::Provision),
            request(2, state(title("a"))),
            learned(1, 1, "first"),
            request(2, state(title("b"))),
            learned(1, 1, "again"),
            learned(7, 1, "of another epoch"),
            request(3, state(Edit::Replace(json!({"type": NO_TYPE})))),
            request(4, state(Edit::Patch(json!([{"op": "remove", "path": "/title"}])))),
        ]));
        let told: Vec<_> = schemas.definitions[ORDERS]
            .iter()
            .map(|it| (it.revision, it.statement.clone(), it.learned.is_some()))
            .collect();
        let a = Some(json!({"title": "a"}));
        assert_eq!(told, [(2, a.clone(), false), (3, a, true), (4, None, true)]);
        assert!(matches!(schemas.outcomes[&name(3)], Told::NotDone(_)));
    }

    #[test]
    fn a_collection_follows_its_database_until_it_is_switched_by_itself() {
        let to = |scope: &str, to| Change::Switch { scope: scope.into(), to };
        let mut requests = vec![request(1, Change::Provision)];
        let mut held = Vec::new();
        for (number, change) in (2..).zip([
            to(ORDERS, Switching::Anew),
            to("shop", Switching::Off),
            to(ORDERS, Switching::Anew),
            to(ORDERS, Switching::On),
            to("shop", Switching::On),
            to(ORDERS, Switching::AsDatabase),
            to("shop", Switching::Anew),
        ]) {
            requests.push(request(number, change));
            let schemas = Schemas::fold(&entries(requests.clone()));
            let switch = schemas.holds(ORDERS).expect("one holds");
            held.push((&*switch.scope == "shop", switch.epoch, switch.is_on));
        }
        let (shop, orders) = (true, false);
        assert_eq!(
            held,
            [
                (orders, 2, true),
                (shop, 3, false),
                (shop, 3, false),
                (orders, 4, true),
                (orders, 4, true),
                (orders, 6, true),
                (shop, 7, true),
            ]
        );
    }

    fn entries(all: Vec<What>) -> Vec<Entry> {
        let entry = |(offset, what)| Entry { offset, time_ms: offset, what };
        (0..).zip(all).map(entry).collect()
    }

    fn request(number: u64, change: Change) -> What {
        let (first_incomplete, first_sent_ms) = (1, 0);
        let database = "shop".into();
        What::Request { name: name(number), first_incomplete, first_sent_ms, database, change }
    }

    fn state(edit: Edit) -> Change {
        Change::State { collection: ORDERS.into(), edit, condition: Condition::None }
    }

    fn learned(epoch: u64, number: u64, what: &str) -> What {
        let learned = Learned { epoch, number, definition: json!({ "what": what }) };
        What::Learned { collection: ORDERS.into(), learned }
    }

    fn name(number: u64) -> Name {
        Name { client: "app:0".into(), number, part: 1 }
    }
}
