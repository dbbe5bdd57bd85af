//! A model as JSON Schema.

use serde_json::{Map, Value, json};
use tidelog_core::Document;

use crate::model::{Members, Model, Shape, Tally, Text, integer};

/// Whether a definition says how often, and since when, under `x-tidelog`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notes {
    /// It says so.
    With,
    /// It says what documents are like, and nothing more.
    Without,
}

impl Model {
    /// What was learned, as a JSON Schema that every document of the collection has.
    ///
    /// One that is larger than a document may be leaves out its notes and the lists of values.
    #[must_use]
    pub fn definition(&self, notes: Notes) -> Document {
        let whole = definition(self.root(), Style { notes, has_values: true });
        Document::from_value(&whole).unwrap_or_else(|_| {
            let lean = Style { notes: Notes::Without, has_values: false };
            Document::from_value(&definition(self.root(), lean))
                .expect("the limits of a model keep it within a document's")
        })
    }
}

#[derive(Clone, Copy)]
struct Style {
    notes: Notes,
    has_values: bool,
}

fn definition(root: &Shape, style: Style) -> Value {
    Value::Object(schema(root, None, style))
}

/// The schema of a shape, of which there could be as many as `of`.
fn schema(shape: &Shape, of: Option<u64>, style: Style) -> Map<String, Value> {
    let mut schema = Map::new();
    if let Some(types) = types(shape) {
        schema.insert("type".into(), types);
    }
    if let Some((low, high)) = shape.extent.ends() {
        schema.insert("minimum".into(), low.into());
        schema.insert("maximum".into(), high.into());
    }
    if let Some(values) = values(shape, style) {
        schema.insert("enum".into(), values);
    } else if let Some(text) = &shape.text {
        add_text(&mut schema, text);
    }
    add_members(&mut schema, shape, style);
    add_elements(&mut schema, shape, style);
    if style.notes == Notes::With {
        schema.insert("x-tidelog".into(), notes(shape, of));
    }
    schema
}

/// The types of JSON Schema. A double's is `number`, which integers have too.
fn types(shape: &Shape) -> Option<Value> {
    let has_doubles = shape.doubles.is_seen();
    let types: Vec<_> = [
        ("null", shape.nulls.is_seen()),
        ("boolean", shape.booleans.is_seen()),
        ("integer", shape.integers.is_seen() && !has_doubles),
        ("number", has_doubles),
        ("string", shape.strings.is_seen()),
        ("object", shape.objects.is_seen()),
        ("array", shape.arrays.is_seen()),
    ]
    .into_iter()
    .filter_map(|(name, is_seen)| is_seen.then_some(name))
    .collect();
    match types[..] {
        [] => None,
        [name] => Some(name.into()),
        _ => Some(types.into()),
    }
}

/// What strings have in common where they are not listed.
fn add_text(schema: &mut Map<String, Value>, text: &Text) {
    if let Some(format) = text.formats.common() {
        schema.insert("format".into(), format.name().into());
    } else if let Some((low, high)) = text.lengths.get() {
        schema.insert("minLength".into(), low.into());
        schema.insert("maxLength".into(), high.into());
    }
}

/// All values that ever were here, where they are few and say something about those to come.
fn values(shape: &Shape, style: Style) -> Option<Value> {
    if !style.has_values || !are_listable(shape) {
        return None;
    }
    // Few documents with few values say nothing; and a format says more than the strings that have it.
    let few = shape.values.few()?;
    let count = shape.integers.count() + shape.strings.count();
    let has_format = shape.text.as_ref().is_some_and(|text| text.formats.common().is_some());
    if few.len() == 0 || count < VALUE_USES_MIN * few.len() as u64 || has_format {
        return None;
    }
    let null = shape.nulls.is_seen().then_some(Value::Null);
    let integers = few.integers.iter().map(|value| integer(*value).into());
    let strings = few.strings.iter().map(|value| json!(value));
    Some(null.into_iter().chain(integers).chain(strings).collect())
}

/// `enum` is about values of every type.
fn are_listable(shape: &Shape) -> bool {
    [shape.booleans, shape.doubles, shape.objects, shape.arrays]
        .iter()
        .all(|tally| !tally.is_seen())
}

fn add_members(schema: &mut Map<String, Value>, shape: &Shape, style: Style) {
    let objects = shape.objects.count();
    match &shape.members {
        Members::Fields(fields) => {
            let fields = fields.iter().filter(|(_, field)| field.count() > 0);
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, field) in fields {
                if field.count() == objects {
                    required.push(Value::from(&**name));
                }
                let of = Some(objects);
                properties.insert((**name).into(), Value::Object(self::schema(field, of, style)));
            }
            if !properties.is_empty() {
                schema.insert("properties".into(), properties.into());
            }
            if !required.is_empty() {
                schema.insert("required".into(), required.into());
            }
        }
        Members::Map(values) => {
            let values = self::schema(values, None, style);
            schema.insert("additionalProperties".into(), values.into());
        }
    }
}

fn add_elements(schema: &mut Map<String, Value>, shape: &Shape, style: Style) {
    if let Some((low, high)) = shape.lengths.get() {
        schema.insert("minItems".into(), low.into());
        schema.insert("maxItems".into(), high.into());
    }
    if let Some(elements) = &shape.elements {
        schema.insert("items".into(), self::schema(elements, None, style).into());
    }
}

fn notes(shape: &Shape, of: Option<u64>) -> Value {
    let mut notes = Map::new();
    notes.insert("by".into(), "learned".into());
    notes.insert("count".into(), shape.count().into());
    if let Some(of) = of {
        notes.insert("usage".into(), usage(shape.count(), of).into());
    }
    if let Some(since) = shape.since {
        notes.insert("first_seen".into(), since.to_rfc3339().into());
    }
    let counts: Map<_, _> = [
        ("null", shape.nulls),
        ("boolean", shape.booleans),
        ("integer", shape.integers),
        ("number", shape.doubles),
        ("string", shape.strings),
        ("object", shape.objects),
        ("array", shape.arrays),
    ]
    .into_iter()
    .filter(|(_, tally): &(_, Tally)| tally.is_seen())
    .map(|(name, tally)| (name.to_owned(), tally.count().into()))
    .collect();
    if counts.len() > 1 {
        notes.insert("types".into(), counts.into());
    }
    notes.into()
}

/// The share of objects that have a field. It is 1 only where all have it.
fn usage(count: u64, of: u64) -> f64 {
    const PARTS: u128 = 1_000_000;
    if of == 0 {
        return 0.0;
    }
    let parts = u128::from(count) * PARTS / u128::from(of);
    parts.min(PARTS) as f64 / PARTS as f64
}

/// How often a value has to occur, on average, for a list of all to be worth showing.
const VALUE_USES_MIN: u64 = 8;
