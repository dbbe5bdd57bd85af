//! What is done to schemas, and to documents from which they are learned: in the seeds that learn.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Size, Step, What};
use crate::{
    dice::Dice,
    model::{
        Action,
        schema::{Edit, NO_TYPE, Switching},
    },
};

/// Their numbers begin here, whatever else the workload has.
const NUMBERS_FROM: u32 = 700_000;

/// The collections that schemas are learned of. The first is that of all other steps.
pub const COLLECTIONS: [&str; 3] = [super::COLLECTION, "shop/places", "shop/people"];

/// How many entities of each collection are written for learning.
const ENTITIES: u64 = 12;

/// Something that has to do with schemas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schema {
    /// A document is written, for what is in it.
    Write {
        /// The collection, by its place among them.
        collection: usize,
        /// The entity.
        entity: u64,
        /// What is done.
        action: Action,
    },
    /// So many entities come that a walk over them takes several steps.
    Crowd {
        /// The collection.
        collection: usize,
    },
    /// What is stated of a collection changes.
    State {
        /// The collection.
        collection: usize,
        /// How.
        edit: Edit,
        /// Whether there has to be a definition, or must not be.
        exists: Option<bool>,
        /// How long the client waits.
        patience_ms: u64,
        /// How often it then asks again.
        again: u32,
    },
    /// Learning is switched.
    Switch {
        /// The collection; nothing for all of the database.
        collection: Option<usize>,
        /// What becomes of it.
        to: Switching,
        /// How long the client waits.
        patience_ms: u64,
        /// How often it then asks again.
        again: u32,
    },
    /// A definition is read.
    Show {
        /// The collection.
        collection: usize,
    },
    /// Those of all collections are read at once.
    ShowAll {
        /// Whether they have to be as new as what the client knows of.
        with_positions: bool,
    },
}

/// The steps of a seed that have to do with schemas.
pub(super) fn steps(seed: u64, size: Size) -> Vec<Step> {
    let mut dice = Dice::new(seed, "schemas");
    let mut steps = Vec::new();
    let mut add = |dice: &mut Dice, at_ms: u64, what: Schema| {
        let number = NUMBERS_FROM + u32::try_from(steps.len()).expect("few");
        let client = u32::try_from(dice.below(u64::from(size.clients))).expect("few");
        steps.push(Step { number, client, at_ms, what: What::Schema(what) });
    };
    for _ in 0..size.length_ms * WRITES_PER_10_S / 10_000 {
        let (at_ms, what) = (dice.below(size.length_ms), write(&mut dice));
        add(&mut dice, at_ms, what);
    }
    for number in 0..4 + dice.below(12) {
        let (at_ms, what) = (dice.below(size.length_ms), state(&mut dice, number));
        add(&mut dice, at_ms, what);
    }
    for _ in 0..dice.below(16) {
        let at_ms = dice.below(size.length_ms);
        let what = match dice.below(4) {
            0 => Schema::ShowAll { with_positions: dice.percent(50) },
            _ => Schema::Show { collection: collection(&mut dice) },
        };
        add(&mut dice, at_ms, what);
    }
    for _ in 0..dice.below(5) {
        // One switch, or some of which each comes while the walk of the one before is made.
        let mut at_ms = dice.below(size.length_ms);
        let pause_ms = *dice.one(&[20, 200, 1_000]);
        for _ in 0..*dice.one(&[1, 1, 2, 3]) {
            let what = switch(&mut dice);
            add(&mut dice, at_ms, what);
            at_ms += dice.below(pause_ms);
        }
    }
    if dice.percent(30) {
        // Whoever begins anew after it walks over it, and some write meanwhile.
        let (at_ms, collection) = (dice.below(size.length_ms), collection(&mut dice));
        add(&mut dice, at_ms, Schema::Crowd { collection });
        let again_ms = at_ms + dice.below(size.length_ms.saturating_sub(at_ms).max(1));
        let (patience_ms, again) = (20_000, 5);
        let to = Switching::Anew;
        let what = Schema::Switch { collection: Some(collection), to, patience_ms, again };
        add(&mut dice, again_ms, what);
    }
    steps
}

/// How many documents are written for learning in ten seconds.
const WRITES_PER_10_S: u64 = 40;

fn collection(dice: &mut Dice) -> usize {
    usize::try_from(dice.below(COLLECTIONS.len() as u64)).expect("few")
}

fn write(dice: &mut Dice) -> Schema {
    let collection = collection(dice);
    let action = match dice.below(10) {
        0..=4 => Action::Replace(document(dice)),
        5..=7 => Action::Merge(change(dice)),
        _ => Action::Delete,
    };
    Schema::Write { collection, entity: dice.below(ENTITIES), action }
}

/// A document, of which no two have to have the same fields, and a field not always the same type.
fn document(dice: &mut Dice) -> Value {
    let mut document = json!({ "n": dice.below(100) });
    for _ in 0..dice.below(6) {
        let (name, value) = field(dice);
        document[name] = value;
    }
    document
}

/// A merge patch: some fields come, some go.
fn change(dice: &mut Dice) -> Value {
    let mut change = json!({});
    for _ in 0..1 + dice.below(2) {
        let (name, value) = field(dice);
        change[name] = if dice.percent(30) { Value::Null } else { value };
    }
    change
}

fn field(dice: &mut Dice) -> (&'static str, Value) {
    let n = dice.below(1_000);
    match dice.below(12) {
        0 => ("half", json!(f64::from(u32::try_from(n).expect("small")) + 0.5)),
        1 => ("id", json!(format!("{n:08}-0000-4000-8000-000000000000"))),
        2 => ("at", json!(format!("2026-11-25T10:00:{:02}Z", n % 60))),
        3 => ("day", json!(format!("2026-11-{:02}", 1 + n % 28))),
        4 => ("mail", json!(format!("a{n}@example.com"))),
        5 => ("link", json!(format!("https://example.com/{n}"))),
        6 => ("kind", json!(["red", "green", "blue"][usize::try_from(n % 3).expect("small")])),
        7 => ("tags", (0..n % 4).map(|tag| json!(format!("tag{tag}"))).collect()),
        8 => ("lines", (0..n % 3).map(|line| json!({"sku": line, "of": {"n": n}})).collect()),
        9 => ("mixed", [json!(n), json!("text"), json!(true), json!([n])][dice_of(n)].clone()),
        10 => ("ok", json!(n.is_multiple_of(2))),
        _ => ("inner", json!({"a": n, "b": {"c": format!("{n}")}})),
    }
}

fn dice_of(n: u64) -> usize {
    usize::try_from(n % 4).expect("small")
}

/// Each says something of its own, so that no two contradict each other.
fn state(dice: &mut Dice, number: u64) -> Schema {
    let value = 1_000 + number;
    let member = |name: &str, what: Value| {
        let mut properties = serde_json::Map::new();
        properties.insert(name.into(), what);
        Edit::Merge(json!({ "properties": properties }))
    };
    let edit = match dice.below(22) {
        0 | 1 => Edit::Merge(json!({ "title": format!("t{value}") })),
        2 => member("n", json!({ "type": ["integer", "null"] })),
        3 => member("n", json!({ "maximum": value })),
        4 => member("kind", json!({ "enum": ["red", "green"] })),
        5 => member("mixed", json!({ "maxLength": value })),
        6 => member("inner", json!({ "description": format!("d{value}") })),
        7 => member("never", json!({ "type": "string", "minLength": 1 })),
        8 => Edit::Merge(json!({ "required": ["n"] })),
        9 => Edit::Replace(json!({ "title": format!("r{value}"), "properties": {"day": {}} })),
        10 => member("n", json!({ "maximum": null, "type": null })),
        11 => Edit::Patch(json!([{"op": "remove", "path": "/title"}])),
        12 => Edit::Patch(
            json!([{"op": "add", "path": "/description", "value": format!("p{value}")}]),
        ),
        13 => Edit::Merge(json!({ "title": null, "required": null, "description": null })),
        14 => Edit::Remove,
        15 => member("tags", json!({ "items": { "maxLength": value } })),
        16 => {
            member("lines", json!({ "items": { "properties": { "sku": { "maximum": value } } } }))
        }
        17 => member("lines", json!({ "items": false })),
        18 => member("inner", json!({ "properties": { "a": {} }, "additionalProperties": false })),
        19 => member("inner", json!({ "additionalProperties": { "title": format!("i{value}") } })),
        20 => {
            let counted = json!({ "type": "integer", "maximum": value });
            let refers = json!({ "$ref": "#/$defs/counted" });
            Edit::Merge(json!({ "$defs": { "counted": counted }, "properties": { "n": refers } }))
        }
        _ => member("n", json!({ "type": NO_TYPE })),
    };
    let (patience_ms, again) = patience(dice);
    let exists = *dice.one(&[None, None, None, Some(true), Some(false)]);
    Schema::State { collection: collection(dice), edit, exists, patience_ms, again }
}

fn switch(dice: &mut Dice) -> Schema {
    let to = match dice.below(20) {
        0..=4 => Switching::On,
        5..=7 => Switching::Off,
        8..=15 => Switching::Anew,
        _ => Switching::AsDatabase,
    };
    let collection = dice.percent(60).then(|| collection(dice));
    let (patience_ms, again) = patience(dice);
    Schema::Switch { collection, to, patience_ms, again }
}

/// As with other requests.
fn patience(dice: &mut Dice) -> (u64, u32) {
    match dice.below(10) {
        0 => (50 + dice.below(500), 0),
        1 | 2 => (50 + dice.below(2_000), 3),
        _ => (20_000, 5),
    }
}

/// Documents as they are written for learning.
#[cfg(test)]
pub(crate) fn sample_documents(count: usize) -> Vec<Value> {
    let mut dice = Dice::new(1, "sample");
    (0..count).map(|_| document(&mut dice)).collect()
}
