//! What is to be learned from documents, all at once: a schema of whatever came, with counts of what is
//! there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

/// The values that stand in one place of the documents.
#[derive(Clone, Debug, Default)]
pub struct Place<'v> {
    /// Those that ever came.
    pub came: Vec<&'v Value>,
    /// Those that are there.
    pub there: Vec<&'v Value>,
}

/// Fields of one object that are told apart.
const FIELDS_MAX: usize = 256;

/// Distinct values that are listed.
const VALUES_MAX: usize = 16;

/// Bytes of a string that is listed.
const VALUE_BYTES_MAX: usize = 32;

/// How often each of the listed values occurs, on average and at least.
const VALUE_USES_MIN: usize = 8;

impl Place<'_> {
    /// The schema of the values here.
    #[must_use]
    pub fn schema(&self) -> Value {
        self.schema_among(None)
    }

    /// The same where there could be as many as `of`.
    fn schema_among(&self, of: Option<usize>) -> Value {
        let mut schema = Map::new();
        let kinds: BTreeSet<_> = self.came.iter().map(|it| kind(it)).collect();
        let types: Vec<_> = KINDS
            .into_iter()
            .filter(|it| kinds.contains(it) && (*it != "integer" || !kinds.contains("number")))
            .collect();
        match types[..] {
            [] => {}
            [only] => drop(schema.insert("type".into(), only.into())),
            _ => drop(schema.insert("type".into(), types.into())),
        }
        let numbers = || self.came.iter().filter_map(|it| it.as_number());
        let by_size =
            |a: &&Number, b: &&Number| a.as_f64().partial_cmp(&b.as_f64()).expect("finite");
        if let (Some(low), Some(high)) = (numbers().min_by(by_size), numbers().max_by(by_size)) {
            schema.insert("minimum".into(), low.clone().into());
            schema.insert("maximum".into(), high.clone().into());
        }
        self.add_values(&mut schema, &kinds);
        self.add_members(&mut schema);
        self.add_elements(&mut schema);
        schema.insert(NOTES.into(), self.notes(of));
        schema.into()
    }

    fn add_values(&self, schema: &mut Map<String, Value>, kinds: &BTreeSet<&'static str>) {
        let texts: Vec<_> = self.came.iter().filter_map(|it| it.as_str()).collect();
        let format_of_first = texts.first().and_then(|first| format(first));
        let format_of_all =
            format_of_first.filter(|it| texts.iter().all(|s| format(s) == Some(it)));
        if let Some(format) = format_of_all {
            schema.insert("format".into(), format.into());
        } else if let Some(values) = self.listed(&texts, kinds) {
            schema.insert("enum".into(), values);
        } else if !texts.is_empty() {
            let lengths = || texts.iter().map(|it| it.chars().count());
            schema.insert("minLength".into(), lengths().min().into());
            schema.insert("maxLength".into(), lengths().max().into());
        }
    }

    /// Integers and strings that are few, with nothing else among them than nulls.
    fn listed(&self, texts: &[&str], kinds: &BTreeSet<&'static str>) -> Option<Value> {
        let whole = |it: &&&Value| kind(it) == "integer";
        let integers: BTreeMap<_, _> =
            self.came.iter().filter(whole).map(|it| (integer(it), (*it).clone())).collect();
        let texts: BTreeSet<_> = texts.iter().copied().collect();
        let distinct = integers.len() + texts.len();
        let are_alone = kinds.iter().all(|it| matches!(*it, "null" | "integer" | "string"));
        let are_short = texts.iter().all(|it| it.len() <= VALUE_BYTES_MAX);
        let there = self.there.iter().filter(|it| matches!(kind(it), "integer" | "string")).count();
        let are_few = (1..=VALUES_MAX).contains(&distinct) && there >= VALUE_USES_MIN * distinct;
        if !(are_alone && are_short && are_few) {
            return None;
        }
        let null = kinds.contains("null").then_some(Value::Null);
        let texts = texts.into_iter().map(Value::from);
        Some(null.into_iter().chain(integers.into_values()).chain(texts).collect())
    }

    fn add_members(&self, schema: &mut Map<String, Value>) {
        let objects = self.there.iter().filter(|it| it.is_object()).count();
        let mut fields: BTreeMap<&str, Place<'_>> = BTreeMap::new();
        for (name, value) in members(&self.came) {
            fields.entry(name).or_default().came.push(value);
        }
        for (name, value) in members(&self.there) {
            fields.entry(name).or_default().there.push(value);
        }
        if fields.len() > FIELDS_MAX {
            let mut all = Place::default();
            for field in fields.into_values() {
                all.came.extend(field.came);
                all.there.extend(field.there);
            }
            schema.insert("additionalProperties".into(), all.schema());
            return;
        }
        fields.retain(|_, field| !field.there.is_empty());
        let required = fields.iter().filter(|(_, field)| field.there.len() == objects);
        let required: Vec<_> = required.map(|(name, _)| *name).collect();
        let properties = fields.iter();
        let properties: Map<_, _> = properties
            .map(|(name, field)| ((*name).to_owned(), field.schema_among(Some(objects))))
            .collect();
        if !required.is_empty() {
            schema.insert("required".into(), required.into());
        }
        if !properties.is_empty() {
            schema.insert("properties".into(), properties.into());
        }
    }

    fn add_elements(&self, schema: &mut Map<String, Value>) {
        let lengths = || self.came.iter().filter_map(|it| it.as_array()).map(Vec::len);
        let (Some(low), Some(high)) = (lengths().min(), lengths().max()) else { return };
        schema.insert("minItems".into(), low.into());
        schema.insert("maxItems".into(), high.into());
        let elements = Place { came: elements(&self.came), there: elements(&self.there) };
        if !elements.came.is_empty() {
            schema.insert("items".into(), elements.schema());
        }
    }

    fn notes(&self, of: Option<usize>) -> Value {
        let mut notes = Map::new();
        notes.insert("by".into(), "learned".into());
        notes.insert("count".into(), self.there.len().into());
        if let Some(of) = of {
            notes.insert("usage".into(), usage(self.there.len(), of).into());
        }
        let seen =
            KINDS.into_iter().filter(|kind| self.came.iter().any(|it| self::kind(it) == *kind));
        let count = |of: &str| self.there.iter().filter(|it| kind(it) == of).count();
        let counts: Map<_, _> = seen.map(|kind| (kind.to_owned(), count(kind).into())).collect();
        if counts.len() > 1 {
            notes.insert("types".into(), counts.into());
        }
        notes.into()
    }
}

const KINDS: [&str; 7] = ["null", "boolean", "integer", "number", "string", "object", "array"];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Object(_) => "object",
        Value::Array(_) => "array",
    }
}

/// An integer, to be compared with others.
fn integer(value: &Value) -> i128 {
    value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).expect("an integer")
}

/// The format of a string, as far as the workload has any.
fn format(text: &str) -> Option<&'static str> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match &*shape {
        "0000-00-00" => Some("date"),
        "0000-00-00T00:00:00Z" => Some("date-time"),
        "00000000-0000-0000-0000-000000000000" => Some("uuid"),
        _ if shape.ends_with("@example.com") => Some("email"),
        _ if shape.starts_with("https://") => Some("uri"),
        _ => None,
    }
}

/// To six places.
fn usage(count: usize, of: usize) -> f64 {
    let parts = (count * 1_000_000).checked_div(of).unwrap_or(0);
    f64::from(u32::try_from(parts).expect("a share")) / 1_000_000.0
}

fn members<'v>(values: &[&'v Value]) -> impl Iterator<Item = (&'v str, &'v Value)> {
    let objects = values.iter().filter_map(|it| it.as_object());
    objects.flatten().map(|(name, value)| (&**name, value))
}

fn elements<'v>(values: &[&'v Value]) -> Vec<&'v Value> {
    values.iter().filter_map(|it| it.as_array()).flatten().collect()
}

/// A definition without the times in its notes: those are of the clocks that documents passed.
#[must_use]
pub fn without_times(mut definition: Value) -> Value {
    each_object(&mut definition, &|members| {
        if let Some(Value::Object(notes)) = members.get_mut(NOTES) {
            notes.shift_remove("first_seen");
        }
    });
    definition
}

/// A definition as it speaks of documents. Nothing but notes has their name in what is written here.
#[must_use]
pub fn without_notes(mut definition: Value) -> Value {
    each_object(&mut definition, &|members| drop(members.shift_remove(NOTES)));
    definition
}

/// Does something to every object in a value.
fn each_object(value: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            change(members);
            members.values_mut().for_each(|member| each_object(member, change));
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| each_object(element, change));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The member of a schema that has its notes.
const NOTES: &str = "x-tidelog";

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_driver::{
        core::{Document, Timestamp},
        schema::{Model, Notes},
    };

    use super::*;

    #[test]
    fn types_are_of_what_came_and_counts_of_what_is_there() {
        let documents = [json!({"n": 1, "s": "a"}), json!({"n": 2.5}), json!({"n": null})];
        let [gone, there @ ..] = &documents;
        let place = Place { came: documents.iter().collect(), there: there.iter().collect() };
        assert_ne!(gone, &there[0]);
        assert_eq!(
            place.schema(),
            json!({
                "type": "object",
                "required": ["n"],
                "properties": {"n": {
                    "type": ["null", "number"],
                    "minimum": 1,
                    "maximum": 2.5,
                    "x-tidelog": {
                        "by": "learned", "count": 2, "usage": 1.0,
                        "types": {"null": 1, "integer": 0, "number": 1},
                    },
                }},
                "x-tidelog": {"by": "learned", "count": 2},
            })
        );
    }

    /// The reference and the product are written apart from each other; where they differ on what the
    /// workload has, one of them is wrong.
    #[test]
    fn the_product_learns_the_same() {
        learned_alike(&crate::workload::sample_documents(60));
        let few = |nth: u64| {
            let n = if nth.is_multiple_of(9) { json!(null) } else { json!(nth % 3) };
            let mixed = if nth.is_multiple_of(2) { json!("two") } else { json!(nth % 5) };
            json!({"n": n, "mixed": mixed, "one": 1, "big": u64::MAX, "many": nth, "half": 0.5})
        };
        learned_alike(&(0..90).map(few).collect::<Vec<_>>());
        learned_alike(&(0..40).map(few).collect::<Vec<_>>());
    }

    /// What is learned of documents of which the first third has gone.
    fn learned_alike(documents: &[Value]) {
        let (gone, there) = documents.split_at(documents.len() / 3);
        let mut model = Model::default();
        let document = |it: &Value| Document::from_value(it).expect("a document");
        let time = Timestamp::ZERO;
        for it in documents {
            model = model.learn(None, Some(&document(it)), time).expect("it is JSON");
        }
        for it in gone {
            model = model.learn(Some(&document(it)), None, time).expect("it is JSON");
        }
        let learned = model.definition(Notes::With);
        let learned = learned.to_value().expect("a definition");
        let place = Place { came: documents.iter().collect(), there: there.iter().collect() };
        assert_eq!(without_times(learned), place.schema());
    }
}
