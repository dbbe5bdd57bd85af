//! The steps by which the original system was accepted: how usage follows the changes of entities.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{Document, Timestamp, patch::JsonPatch};
use tidelog_schema::{Model, Notes};

#[test]
fn usage_follows_the_fields_of_documents() {
    let mut collection = Collection::default();
    collection.patch("1", r#"[{"op":"add","path":"/title","value":"Mr."}]"#);
    collection.patch("2", r#"[{"op":"add","path":"/age","value":30}]"#);
    assert_eq!(collection.usage(""), "age 0.5, title 0.5");
    collection.patch("1", r#"[{"op":"add","path":"/age","value":31}]"#);
    assert_eq!(collection.usage(""), "age 1 required, title 0.5");
    collection.patch("1", r#"[{"op":"remove","path":"/age"}]"#);
    collection.patch("2", r#"[{"op":"add","path":"/title","value":"Ms."}]"#);
    assert_eq!(collection.usage(""), "age 0.5, title 1 required");
    collection.patch("3", r#"[{"op":"add","path":"/title","value":"Dr."}]"#);
    collection.patch("4", r#"[{"op":"add","path":"/title","value":"Dr."}]"#);
    assert_eq!(collection.usage(""), "age 0.25, title 1 required");
    for entity in ["1", "2", "3", "4"] {
        collection.patch(entity, r#"[{"op":"add","path":"/mobile","value":"555"}]"#);
    }
    for entity in ["1", "2", "3"] {
        collection.patch(entity, r#"[{"op":"move","from":"/mobile","path":"/home"}]"#);
    }
    assert_eq!(collection.usage(""), "age 0.25, home 0.75, mobile 0.25, title 1 required");
    collection.delete("4");
    assert_eq!(
        collection.usage(""),
        "age 0.333333, home 1 required, title 1 required",
        "what no document has is not shown"
    );
}

#[test]
fn usage_of_nested_fields_is_by_the_objects_that_could_have_them() {
    let mut collection = Collection::default();
    collection.patch("1", r#"[{"op":"add","path":"/phone","value":{"mobile":"1"}}]"#);
    collection.patch("2", r#"[{"op":"add","path":"/phone","value":{"mobile":"2"}}]"#);
    collection.patch("3", r#"[{"op":"add","path":"/name","value":"no phone"}]"#);
    assert_eq!(collection.usage(""), "name 0.333333, phone 0.666666");
    assert_eq!(collection.usage("/properties/phone"), "mobile 1 required");
    collection.patch("1", r#"[{"op":"move","from":"/phone/mobile","path":"/phone/home"}]"#);
    assert_eq!(collection.usage("/properties/phone"), "home 0.5, mobile 0.5");
    collection.patch("2", r#"[{"op":"remove","path":"/phone"}]"#);
    assert_eq!(collection.usage("/properties/phone"), "home 1 required");
}

#[test]
fn usage_in_arrays_is_by_the_elements() {
    let mut collection = Collection::default();
    let lines = r#"[{"op":"add","path":"/lines","value":[{"sku":1,"note":"x"},{"sku":2}]}]"#;
    collection.patch("1", lines);
    assert_eq!(collection.usage("/properties/lines/items"), "note 0.5, sku 1 required");
    collection.patch("1", r#"[{"op":"remove","path":"/lines/0"}]"#);
    assert_eq!(collection.usage("/properties/lines/items"), "sku 1 required");
    collection.patch("1", r#"[{"op":"add","path":"/lines/-","value":7}]"#);
    assert_eq!(collection.usage("/properties/lines/items"), "sku 1 required");
}

/// Entities, and what was learned of their changes.
#[derive(Default)]
struct Collection {
    entities: BTreeMap<String, Document>,
    model: Model,
}

impl Collection {
    fn patch(&mut self, entity: &str, patch: &str) {
        let before = self.entities.get(entity).cloned();
        let patch = JsonPatch::parse(patch.as_bytes()).expect("a good patch");
        let start = before.clone().unwrap_or_else(Document::empty_object);
        let value = start.to_value().expect("a document is JSON");
        let value = patch.apply(value).expect("the patch applies");
        let after = Document::from_value(&value).expect("it is small");
        self.entities.insert(entity.to_owned(), after.clone());
        self.learn(before, Some(after));
    }

    fn delete(&mut self, entity: &str) {
        let before = self.entities.remove(entity);
        self.learn(before, None);
    }

    fn learn(&mut self, before: Option<Document>, after: Option<Document>) {
        let time = Timestamp::from_millis(1_000);
        let model = std::mem::take(&mut self.model);
        self.model = model.learn(before.as_ref(), after.as_ref(), time).expect("JSON");
    }

    /// The fields of the object that the schema at the pointer is about.
    fn usage(&self, pointer: &str) -> String {
        let definition = self.model.definition(Notes::With).to_value().expect("JSON");
        let schema = definition.pointer(pointer).expect("a schema is there");
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let fields = schema["properties"].as_object().expect("it has fields");
        let usage = |(name, field): (&String, &Value)| {
            let is_required = required.iter().any(|required| required == name);
            let mark = if is_required { " required" } else { "" };
            let usage = field["x-tidelog"]["usage"].as_f64().expect("a number");
            format!("{name} {usage}{mark}")
        };
        fields.iter().map(usage).collect::<Vec<_>>().join(", ")
    }
}
