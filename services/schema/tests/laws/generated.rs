//! Documents that come and go, and statements about them.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Map, Value, json};

/// How many entities there are.
pub(crate) const ENTITIES: usize = 6;

/// What becomes of an entity.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) entity: usize,
    pub(crate) after: Option<Value>,
}

/// Few, or many of which each changes little: lists of values take some.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = |value: BoxedStrategy<Value>| {
        let after = prop::option::weighted(0.9, value);
        (0..ENTITIES, after).prop_map(|(entity, after)| Step { entity, after })
    };
    prop_oneof![vec(step(value().boxed()), 1..16), vec(step(plain().boxed()), 16..60)]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let other = scalar().prop_recursive(3, 24, 5, |inner| {
        prop_oneof![3 => object(inner.clone()), 1 => vec(inner, 0..4).prop_map(Value::Array)]
    });
    prop_oneof![4 => object(other.clone().boxed()), 1 => other, 1 => wide()]
}

/// Objects of few fields with few values.
fn plain() -> impl Strategy<Value = Value> {
    let few = select(vec![json!(1), json!(2), json!("a"), json!("bb"), Value::Null]);
    object(few.boxed())
}

fn object(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    btree_map(select(NAMES.to_vec()), inner, 0..5).prop_map(|fields| json!(fields))
}

/// More keys than fields may be, in a few documents together.
fn wide() -> impl Strategy<Value = Value> {
    btree_map(0..500_u32, scalar(), 60..200).prop_map(|fields| {
        fields.into_iter().map(|(key, value)| (format!("k{key}"), value)).collect()
    })
}

fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3..9_i64).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |it| it.is_finite()).prop_map(Value::from),
        (-9..9_i32).prop_map(|it| Value::from(f64::from(it))),
        string().prop_map(Value::from),
    ]
    .boxed()
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,3}",
        "\\PC{0,20}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "20[0-9]{2}-0[1-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,4})?(Z|z|[+-][0-2][0-9]:[0-5][0-9])",
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a-z.+\"]{1,5}@[a-z.-]{1,7}",
        "(https?|urn|mailto|[a-z]{1,3}):(//)?[a-z.:@%0-9\\[\\]é]{0,8}(/[a-z%0-9 ]{0,4})?",
    ]
}

/// JSON Schemas, as users state them; not all are taken.
pub(crate) fn statement() -> impl Strategy<Value = Value> {
    let leaf = vec(leaf_keyword(), 0..3).prop_map(schema_of);
    let schema = leaf.prop_recursive(3, 20, 4, |inner| {
        let keywords = vec(prop_oneof![2 => leaf_keyword(), 3 => keyword(inner)], 0..4);
        prop_oneof![8 => keywords.prop_map(schema_of), 1 => any::<bool>().prop_map(Value::from)]
    });
    (schema.clone(), prop::option::of(schema)).prop_map(|(mut schema, shared)| {
        if let (Value::Object(schema), Some(shared)) = (&mut schema, shared) {
            schema.insert("$defs".into(), json!({ "shared": shared }));
        }
        schema
    })
}

fn schema_of(keywords: Vec<(&'static str, Value)>) -> Value {
    Value::Object(keywords.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn leaf_keyword() -> BoxedStrategy<(&'static str, Value)> {
    let number =
        || prop_oneof![(-9..9_i64).prop_map(Value::from), (-9.0..9.0_f64).prop_map(Value::from)];
    let count = || (0..6_u32).prop_map(Value::from);
    let names = || subsequence(NAMES.to_vec(), 0..3).prop_map(|names| json!(names));
    let named =
        |keywords: Vec<&'static str>, value: BoxedStrategy<Value>| (select(keywords), value);
    prop_oneof![
        4 => subsequence(TYPES.to_vec(), 1..5).prop_map(|types| ("type", json!(types))),
        2 => select(TYPES.to_vec()).prop_map(|name| ("type", json!(name))),
        3 => named(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], number().boxed()),
        1 => select(vec![1, 2, 3]).prop_map(|factor| ("multipleOf", json!(factor))),
        3 => named(
            vec![
                "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
                "minContains", "maxContains",
            ],
            count().boxed(),
        ),
        1 => select(vec!["^[a-z]*$", "a", "^\\d{4}"]).prop_map(|it| ("pattern", json!(it))),
        1 => select(vec!["date", "date-time", "uuid", "email", "uri", "ours"])
            .prop_map(|it| ("format", json!(it))),
        2 => names().prop_map(|names| ("required", names)),
        1 => vec(scalar(), 1..4).prop_map(|values| ("enum", json!(values))),
        1 => scalar().prop_map(|value| ("const", value)),
        1 => (select(NAMES.to_vec()), names()).prop_map(|(name, names)| {
            ("dependentRequired", json!({ name: names }))
        }),
        1 => any::<bool>().prop_map(|it| ("uniqueItems", json!(it))),
        1 => select(vec!["title", "$comment"]).prop_map(|name| (name, json!("words"))),
        2 => select(vec![
            "#", "#/$defs/shared", "#/properties/name", "#/items", "#/additionalProperties", "#/not",
            "#/$defs/shared/properties/id",
        ])
        .prop_map(|target| ("$ref", json!(target))),
    ]
    .boxed()
}

fn keyword(
    inner: impl Strategy<Value = Value> + Clone + 'static,
) -> BoxedStrategy<(&'static str, Value)> {
    let fields = |inner: BoxedStrategy<Value>| {
        btree_map(select(NAMES.to_vec()), inner, 1..4).prop_map(|fields| json!(fields))
    };
    let inner = inner.boxed();
    prop_oneof![
        5 => fields(inner.clone()).prop_map(|fields| ("properties", fields)),
        1 => fields(inner.clone()).prop_map(|fields| ("dependentSchemas", fields)),
        1 => (select(vec!["^k", "e$", "."]), inner.clone()).prop_map(|(name, schema)| {
            ("patternProperties", Value::Object(Map::from_iter([(name.into(), schema)])))
        }),
        8 => (
            select(vec![
                "items", "additionalProperties", "items", "additionalProperties", "propertyNames",
                "contains", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties",
            ]),
            inner.clone(),
        ),
        2 => (select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), vec(inner, 1..3))
            .prop_map(|(name, schemas)| (name, Value::Array(schemas))),
    ]
    .boxed()
}

const NAMES: [&str; 6] = ["id", "name", "tags", "size", "at", ""];

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "object", "array"];
