//! The values of a place are listed while they are few, and occur often enough to say something.

use serde_json::{Value, json};
use tidelog_core::{Document, Timestamp};
use tidelog_schema::{Model, Notes, Statement, combined};

#[test]
fn few_integers_and_strings_are_listed_and_nulls_with_them() {
    let stars = |n: u32| json!(1 + n % 5);
    let field = field(&learned((0..40).map(stars)));
    let expected =
        json!({ "type": "integer", "minimum": 1, "maximum": 5, "enum": [1, 2, 3, 4, 5] });
    assert_eq!(field, expected);
    let size =
        |n: u32| [json!("large"), json!(40), json!(null), json!("small")][n as usize % 4].clone();
    assert_eq!(
        self::field(&learned((0..40).map(size))),
        json!({
            "type": ["null", "integer", "string"],
            "minimum": 40,
            "maximum": 40,
            "enum": [null, 40, "large", "small"],
        })
    );
}

#[test]
fn values_that_occur_seldom_say_nothing_about_those_to_come() {
    let field = field(&learned((0..39).map(|n| json!(1 + n % 5))));
    assert_eq!(field, json!({ "type": "integer", "minimum": 1, "maximum": 5 }));
}

#[test]
fn both_kinds_together_are_few_or_many() {
    let mixed = |kinds: u32| {
        let value = move |n: u32| {
            if n.is_multiple_of(2) { json!(n % kinds) } else { json!(format!("v{}", n % kinds)) }
        };
        field(&learned((0..400).map(value))).get("enum").and_then(Value::as_array).map(Vec::len)
    };
    assert_eq!(mixed(16), Some(16));
    assert_eq!(mixed(18), None);
}

#[test]
fn no_list_leaves_out_a_value_of_another_kind() {
    for other in [json!(true), json!(0.5), json!([]), json!({})] {
        let values = (0..40).map(|_| json!(7)).chain([other.clone()]);
        assert_eq!(field(&learned(values)).get("enum"), None, "{other}");
    }
}

#[test]
fn what_a_user_states_about_values_stands_without_the_list() {
    let model = learned((0..40).map(|n| json!(1 + n % 5)));
    for stated in [json!({ "maximum": 10 }), json!({ "multipleOf": 1 }), json!({ "minimum": 0 })] {
        let stated = json!({ "properties": { "v": stated } });
        let document = Document::from_value(&stated).expect("it is small");
        let statement = Statement::check(&document).expect("taken");
        let definition = combined(Some(&model.definition(Notes::Without)), Some(&statement));
        assert_eq!(definition["properties"]["v"].get("enum"), None, "{definition}");
    }
}

fn learned(values: impl IntoIterator<Item = Value>) -> Model {
    values.into_iter().fold(Model::default(), |model, value| {
        let document = Document::from_value(&json!({ "v": value })).expect("it is small");
        model.learn(None, Some(&document), Timestamp::from_millis(1_000)).expect("it is JSON")
    })
}

fn field(model: &Model) -> Value {
    model.definition(Notes::Without).to_value().expect("JSON")["properties"]["v"].take()
}
