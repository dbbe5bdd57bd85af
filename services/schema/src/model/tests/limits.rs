use serde_json::{Value, json};

use super::{Change, learned};
use crate::{
    Model, Notes,
    limits::{DEPTH_MAX, FIELDS_MAX, shapes_max},
};

#[test]
fn an_object_of_random_keys_is_a_map() {
    let changes: Vec<_> = (0..10_000)
        .map(|n| Change::creation(&json!({ format!("key-{n}"): n, format!("other-{n}"): "x" })))
        .collect();
    let model = learned(&changes);
    assert_eq!(model.shapes(), 2);
    assert_eq!(
        definition(&model),
        json!({
            "type": "object",
            "additionalProperties": {
                "type": ["integer", "string"],
                "minimum": 0,
                "maximum": 9_999,
                "minLength": 1,
                "maxLength": 1,
            },
        })
    );
}

#[test]
fn as_many_fields_as_are_told_apart_are_fields_and_one_more_makes_a_map() {
    let object =
        |fields: usize| -> Value { (0..fields).map(|n| (format!("f{n}"), json!(true))).collect() };
    let properties = |fields| {
        let definition = definition(&learned(&[Change::creation(&object(fields))]));
        definition.get("properties").map(|properties| properties.as_object().map(|p| p.len()))
    };
    assert_eq!(properties(FIELDS_MAX), Some(Some(FIELDS_MAX)));
    assert_eq!(properties(FIELDS_MAX + 1), None);
}

#[test]
fn a_key_that_is_no_name_makes_a_map() {
    for key in ["x".repeat(129), "line\nline".to_owned()] {
        let definition = definition(&learned(&[Change::creation(&json!({ key: 1 }))]));
        assert!(definition.get("additionalProperties").is_some(), "{definition}");
    }
}

#[test]
fn nothing_that_comes_makes_a_model_larger_than_its_bound() {
    let bush = |spread: usize, seed: usize| -> Value {
        let leaf = |n: usize| json!({ format!("a{n}"): [n], format!("b{n}"): { "c": "x".repeat(n % 40) } });
        (0..spread).map(|n| (format!("k{}", (n * 7 + seed) % 200), leaf(n + seed))).collect()
    };
    let mut changes = Vec::new();
    for seed in 0..60 {
        changes.push(Change::creation(&bush(seed, seed * 31)));
        changes.push(Change::creation(&json!([bush(seed, seed), { "in": bush(9, seed) }])));
    }
    let mut largest = 0;
    let mut model = Model::default();
    for change in &changes {
        model = super::learn(model, change);
        largest = largest.max(model.shapes());
    }
    assert!(largest <= shapes_max(0), "{largest} shapes");
    assert!(largest > shapes_max(2), "{largest} shapes put no limit to the test");
}

#[test]
fn below_the_greatest_depth_anything_goes() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "in": inner }));
    let model = learned(&[Change::creation(&nested(60))]);
    assert_eq!(model.shapes(), DEPTH_MAX + 1);
    let mut definition = definition(&model);
    for _ in 0..DEPTH_MAX {
        definition = definition["properties"]["in"].take();
    }
    assert_eq!(definition, json!({ "type": "object" }));
}

#[test]
fn the_largest_definition_leaves_out_what_it_can() {
    // Eleven fields in the root, each of 90 fields with sixteen values that nearly fill the space.
    let changes: Vec<_> = (0..16 * 8)
        .map(|n| {
            let inner: Value = (0..90)
                .map(|field| {
                    let name = format!("{field:0>126}");
                    (name, Value::from(format!("{:\">32}", n % 16)))
                })
                .collect();
            let fields: Value =
                (0..11).map(|field| (format!("{field:0>126}"), inner.clone())).collect();
            Change::creation(&fields)
        })
        .collect();
    let model = learned(&changes);
    assert!(model.shapes() > 1_000, "{}", model.shapes());
    let definition = model.definition(Notes::With);
    assert!(!definition.as_str().contains("x-tidelog"), "its notes are left out");
    assert!(!definition.as_str().contains("enum"), "its values are left out");
}

fn definition(model: &Model) -> Value {
    model.definition(Notes::Without).to_value().expect("a definition is JSON")
}
