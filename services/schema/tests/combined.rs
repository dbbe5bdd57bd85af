//! What users state wins over what is learned, and stays won.

use serde_json::{Value, json};
use tidelog_core::{Document, Timestamp};
use tidelog_schema::{Model, Notes, Statement, collection_schema, combined, database_schema};

#[test]
fn statements_win_keyword_by_keyword_and_the_rest_stays_learned() {
    let definition = with(&json!({ "properties": { "age": { "maximum": 120 } } }));
    assert_eq!(
        definition["properties"]["age"],
        json!({
            "type": "integer", "minimum": 17, "maximum": 120,
            "x-tidelog": { "by": "user", "count": 3, "usage": 1.0,
                "first_seen": "1970-01-01T00:00:01.000Z", "pinned": ["maximum"] },
        })
    );
    assert_eq!(definition["properties"]["name"], learned()["properties"]["name"]);
    assert_eq!(definition["required"], learned()["required"]);
}

#[test]
fn a_stated_type_takes_what_was_learned_of_other_types_away() {
    let definition = with(&json!({ "properties": { "age": { "type": "string" } } }));
    assert_eq!(without_notes(&definition["properties"]["age"]), json!({ "type": "string" }));
}

#[test]
fn a_stated_bound_drops_a_learned_one_that_it_contradicts() {
    let definition = with(&json!({ "properties": { "age": { "maximum": 10 } } }));
    let age = without_notes(&definition["properties"]["age"]);
    assert_eq!(age, json!({ "type": "integer", "maximum": 10 }));
    let definition = with(&json!({ "properties": { "age": { "exclusiveMinimum": 0 } } }));
    let age = without_notes(&definition["properties"]["age"]);
    assert_eq!(age, json!({ "type": "integer", "maximum": 34, "exclusiveMinimum": 0 }));
}

#[test]
fn required_is_what_the_user_says() {
    assert_eq!(with(&json!({ "required": [] }))["required"], json!([]));
    assert_eq!(with(&json!({ "required": ["id"] }))["required"], json!(["id"]));
}

#[test]
fn what_may_not_be_there_is_not_learned_to_be_there() {
    let definition = with(&json!({ "properties": { "age": false } }));
    assert_eq!(definition["properties"]["age"], false);
    assert_eq!(definition["required"], json!(["name"]));
    let closed = json!({ "properties": { "name": {} }, "additionalProperties": false });
    let definition = with(&closed);
    assert_eq!(definition["properties"]["age"], Value::Null);
    assert_eq!(definition["properties"]["name"]["type"], "string");
    assert_eq!(definition["required"], json!(["name"]));
}

#[test]
fn no_array_has_to_be_longer_than_a_user_has_room_for() {
    let model = [json!({ "tags": ["a"] }), json!({ "tags": ["a", "b"] })]
        .iter()
        .try_fold(Model::default(), |model, it| {
            model.learn(None, Some(&document(it)), Timestamp::from_millis(1_000))
        })
        .expect("documents");
    let learned = model.definition(Notes::With);
    let with = |stated: Value| {
        let stated = json!({ "properties": { "tags": stated } });
        let stated = Statement::check(&document(&stated)).expect("a schema");
        without_notes(&combined(Some(&learned), Some(&stated))["properties"]["tags"])
    };
    let closed = json!({ "type": "array", "items": false });
    assert_eq!(with(json!({ "items": false })), closed);
    let closed = json!({ "type": "array", "prefixItems": [{}], "unevaluatedItems": false });
    assert_eq!(with(json!({ "prefixItems": [{}], "unevaluatedItems": false })), closed);
    assert_eq!(with(json!({ "items": true }))["minItems"], 1);
}

#[test]
fn what_speaks_of_a_value_as_a_whole_leaves_nothing_learned_beside_it() {
    for whole in
        [json!({ "const": 7 }), json!({ "anyOf": [{ "type": "string" }, { "minimum": 5 }] })]
    {
        let definition = with(&json!({ "properties": { "age": whole.clone() } }));
        assert_eq!(without_notes(&definition["properties"]["age"]), whole);
    }
}

#[test]
fn what_is_learned_neither_undoes_a_statement_nor_contradicts_it() {
    let definition = with(&json!({ "maxProperties": 1 }));
    assert_eq!(definition.get("required"), None, "two would be");
    let many = (0..300).map(|n| json!({ format!("key-{n}"): "x@example.org", "tags": [n] }));
    let map = many.fold(Model::default(), |model, value| {
        model.learn(None, Some(&document(&value)), Timestamp::from_millis(1_000)).expect("JSON")
    });
    let over = |stated: &Value| {
        let stated = Statement::check(&document(stated)).expect("taken");
        combined(Some(&map.definition(Notes::Without)), Some(&stated))
    };
    let closed = over(&json!({ "unevaluatedProperties": false }));
    assert_eq!(closed.get("additionalProperties"), None, "it would have evaluated all");
    let values = json!({ "additionalProperties": { "unevaluatedItems": false, "maxLength": 3 } });
    let values = &over(&values)["additionalProperties"];
    assert_eq!((values.get("items"), values.get("format")), (None, None), "{values}");
}

#[test]
fn a_statement_about_what_was_never_seen_is_the_users() {
    let definition = with(&json!({ "properties": { "email": { "format": "email" } } }));
    let email = json!({ "format": "email", "x-tidelog": { "by": "user", "pinned": ["format"] } });
    assert_eq!(definition["properties"]["email"], email);
    let stated = Statement::check(&document(&json!({ "type": "object" }))).expect("taken");
    let alone = json!({ "type": "object", "x-tidelog": { "by": "user", "pinned": ["type"] } });
    assert_eq!(combined(None, Some(&stated)), alone);
    assert_eq!(combined(None, None), json!({}));
}

#[test]
fn what_is_stated_stays_won_whatever_is_learned() {
    let stated = json!({ "properties": { "age": { "type": "integer", "maximum": 120 } } });
    let stated = Statement::check(&document(&stated)).expect("taken");
    let mut model = people();
    for age in [json!(500), json!("old"), json!([1]), json!(null)] {
        let person = document(&json!({ "age": age }));
        model = model.learn(None, Some(&person), Timestamp::from_millis(2_000)).expect("JSON");
        let definition = combined(Some(&model.definition(Notes::With)), Some(&stated));
        let age = &definition["properties"]["age"];
        assert_eq!((&age["type"], &age["maximum"]), (&json!("integer"), &json!(120)));
    }
}

#[test]
fn schemas_of_collections_and_databases_are_json_schema() {
    let stated = json!({
        "$defs": { "place": { "type": "object", "required": ["city"] } },
        "properties": { "home": { "$ref": "#/$defs/place" } },
    });
    let people = with(&stated);
    let id = "shop/people".parse().expect("a good id");
    let collection = collection_schema(&id, people.clone());
    let database = database_schema(
        &"shop".parse().expect("a good id"),
        [(id, people), ("shop/closed".parse().expect("a good id"), json!(false))],
    );
    for schema in [&collection, &database] {
        jsonschema::draft202012::meta::validate(schema).expect("it is JSON Schema 2020-12");
    }
    let mut by_database = database;
    by_database["$ref"] = json!("#/$defs/people");
    for schema in [collection, by_database] {
        let validator = jsonschema::draft202012::new(&schema).expect("a validator takes it");
        let person = |home: Value| json!({ "name": "Ada", "age": 20, "home": home });
        assert!(validator.is_valid(&person(json!({ "city": "London" }))), "{schema}");
        assert!(!validator.is_valid(&person(json!({}))), "{schema}");
    }
}

fn with(statement: &Value) -> Value {
    let statement = Statement::check(&document(statement)).expect("it is taken");
    let definition = combined(Some(&people().definition(Notes::With)), Some(&statement));
    jsonschema::draft202012::meta::validate(&definition).expect("it is JSON Schema 2020-12");
    definition
}

fn learned() -> Value {
    people().definition(Notes::With).to_value().expect("JSON")
}

fn people() -> Model {
    let people = [("Ada", 17), ("Grace", 34), ("Barbara", 28)];
    people.iter().fold(Model::default(), |model, (name, age)| {
        let person = document(&json!({ "name": name, "age": age }));
        model.learn(None, Some(&person), Timestamp::from_millis(1_000)).expect("JSON")
    })
}

fn document(value: &Value) -> Document {
    Document::from_value(value).expect("it is small")
}

fn without_notes(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema.as_object_mut().expect("an object").shift_remove("x-tidelog");
    schema
}
