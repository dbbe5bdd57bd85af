//! Schemas: learned, stated, both as one; and learning switched.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::Answer,
    system::{System, script},
};

const ORDERS: &str = "/v1/collections/shop/orders/schema";

#[test]
fn what_documents_are_like_is_learned_and_shown() {
    script(async |shop| {
        shop.get(ORDERS).await.fails(404, "not-found", "nothing is stated or learned of");
        put(&shop, 1, r#"{"title":"a","age":30}"#).await;
        put(&shop, 2, r#"{"title":"b"}"#).await;
        let learned = learned(&shop, |schema| usage(schema, "age") == 0.5).await;
        let schema = learned.json();
        assert_eq!(learned.header("content-type"), Some("application/schema+json"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], "tidelog:/shop/orders");
        assert_eq!(schema["required"], json!(["title"]));
        assert_eq!(schema["properties"]["age"]["type"], "integer");
        assert_eq!(schema["x-tidelog"]["count"], 2);

        let tag = learned.header("etag").expect("a tag").to_owned();
        shop.get(ORDERS).with("if-none-match", &tag).await.is(304).has("etag", &tag).says("");
        shop.get(ORDERS).with("if-match", "\"1\"").await.fails(
            412,
            "precondition-failed",
            "at rev",
        );
        let all = shop.get("/v1/databases/shop/schema").await.is(200).has("etag", &tag).json();
        assert_eq!(all["$id"], "tidelog:/shop");
        assert_eq!(all["$defs"]["orders"]["properties"], schema["properties"]);
        let database = shop.get("/v1/databases/shop").await.is(200);
        assert_eq!(database.header("etag"), Some(&*tag));
    });
}

#[test]
fn usage_follows_the_fields_of_documents_in_the_steps_of_the_original() {
    script(async |shop| {
        let patch = async |entity: u32, op: Value| {
            let path = format!("/v1/entities/shop/orders/eu/{entity}");
            let answer = shop.patch(&path, "json-patch", json!([op]).to_string()).await;
            assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        };
        let add = |field: &str| json!({"op":"add","path":format!("/{field}"),"value":"x"});
        let shows = async |expected: &str| {
            learned(&shop, |schema| usages(schema) == expected).await;
        };
        patch(1, add("title")).await;
        patch(2, add("age")).await;
        shows("age 0.5, title 0.5").await;
        patch(1, add("age")).await;
        shows("age 1.0 required, title 0.5").await;
        patch(1, json!({"op":"remove","path":"/age"})).await;
        patch(2, add("title")).await;
        shows("age 0.5, title 1.0 required").await;
        patch(3, add("title")).await;
        patch(4, add("title")).await;
        shows("age 0.25, title 1.0 required").await;
        for entity in 1..=4 {
            patch(entity, add("mobile")).await;
        }
        for entity in 1..=3 {
            patch(entity, json!({"op":"move","from":"/mobile","path":"/home"})).await;
        }
        shows("age 0.25, home 0.75, mobile 0.25, title 1.0 required").await;
    });
}

#[test]
fn what_users_state_stays_whatever_is_learned() {
    script(async |shop| {
        let merge = r#"{"properties":{"age":{"maximum":120}}}"#;
        let made = shop.patch(ORDERS, "merge-patch", merge).await.is(201);
        assert_eq!(made.json()["properties"]["age"]["maximum"], 120);
        assert_eq!(made.json()["properties"]["age"]["x-tidelog"]["pinned"], json!(["maximum"]));
        put(&shop, 1, r#"{"age":500}"#).await;
        let learned = learned(&shop, |schema| schema["x-tidelog"]["count"] == 1).await;
        let age = &learned.json()["properties"]["age"];
        assert_eq!((&age["type"], &age["minimum"]), (&json!("integer"), &Value::Null));
        assert_eq!(age["maximum"], 120);
        shop.get(&format!("{ORDERS}/stated")).await.is(200).says(merge);

        let old = made.header("etag").expect("a tag");
        let unpin = r#"{"properties":{"age":{"maximum":null}}}"#;
        let late = shop.patch(ORDERS, "merge-patch", unpin).with("if-match", old).await;
        late.fails(412, "precondition-failed", "read it and decide again");
        let tag = learned.header("etag").expect("a tag");
        let changed = shop.patch(ORDERS, "merge-patch", unpin).with("if-match", tag).await.is(200);
        assert_eq!(changed.json()["properties"]["age"]["maximum"], 500);

        let op = r#"[{"op":"add","path":"/description","value":"what is sold"}]"#;
        let changed = shop.patch(ORDERS, "json-patch", op).await.is(200);
        assert_eq!(changed.json()["description"], "what is sold");
        let minimal = shop.put(ORDERS, r#"{"title":"Orders"}"#).with("prefer", "return=minimal");
        minimal.await.is(204).has("preference-applied", "return=minimal").says("");
        let schema = shop.get(ORDERS).await.json();
        assert_eq!((&schema["title"], &schema["description"]), (&json!("Orders"), &Value::Null));
        let removed = shop.delete(ORDERS).await.is(200).json();
        assert_eq!((&removed["title"], &removed["type"]), (&Value::Null, &json!("object")));
        shop.delete(ORDERS).await.fails(404, "not-found", "nothing is stated");
        shop.get(&format!("{ORDERS}/stated")).await.fails(404, "not-found", "nothing is stated");
    });
}

#[test]
fn a_schema_that_was_read_can_be_sent_again() {
    script(async |shop| {
        put(&shop, 1, r#"{"age":5,"lines":[{"sku":"a"}]}"#).await;
        let read = learned(&shop, |schema| schema["x-tidelog"]["count"] == 1).await;
        let sent = shop.ask("PUT", ORDERS).with("content-type", "application/schema+json");
        let sent = sent.body(read.body.clone()).await.is(200).json();
        assert_eq!(sent["properties"]["age"]["maximum"], 5);
        assert_eq!(sent["properties"]["age"]["x-tidelog"]["by"], "user");
    });
}

#[test]
fn a_schema_that_is_not_taken_is_refused_with_a_pointer_to_the_place() {
    script(async |shop| {
        let cases = [
            (r#"[]"#, "#", "a schema is an object"),
            (r#"{"properties":{"a b":{"type":"strng"}}}"#, "#/properties/a%20b/type", "no type"),
            (r#"{"properties":{"a":{"minimum":3,"maximum":2}}}"#, "#/properties/a", "no value"),
            (r#"{"items":{"pattern":"("}}"#, "#/items/pattern", "does not compile"),
            (r#"{"pattern":"(a|b{99}){99}{99}"}"#, "#/pattern", "explode"),
            (r#"{"$ref":"https://example.com/x"}"#, "#/$ref", "stay inside"),
            (r##"{"$ref":"#/$defs/x"}"##, "#/$ref", "no schema at"),
        ];
        for (schema, pointer, words) in cases {
            let problem = shop.put(ORDERS, schema).await.fails(422, "invalid-schema", words).json();
            assert!(
                problem["pointer"].as_str().is_some_and(|it| it.starts_with(pointer)),
                "{problem}"
            );
        }
        let of_system = "/v1/collections/shop/$zoneSubscription/schema";
        shop.put(of_system, "{}").await.fails(400, "bad-request", "nothing is stated");
        shop.put(ORDERS, "{").await.fails(400, "bad-request", "");
        let key = shop.put(ORDERS, "{}").with("idempotency-key", "k").await;
        key.fails(400, "bad-request", "take no Idempotency-Key");
        let kind = "vnd.tidelog.operations";
        shop.patch(ORDERS, kind, "[]").await.fails(400, "bad-request", "merge-patch+json or");
        let elsewhere = "/v1/collections/bank/orders/schema";
        shop.put(elsewhere, "{}").await.fails(404, "unknown-database", "no database bank");
        shop.get(elsewhere).await.fails(404, "unknown-database", "no database bank");
        shop.get("/v1/databases/bank/schema").await.fails(404, "unknown-database", "bank");
    });
}

#[test]
fn learning_is_on_and_can_be_switched_and_given_back() {
    script(async |shop| {
        let (database, orders) = ("/v1/databases/shop/schema", ORDERS);
        let state = async |path: &str| shop.get(&format!("{path}/learning")).await.is(200).json();
        let is =
            |is_on: bool, since: u64, by: &str| json!({"learning":is_on,"since":since,"by":by});
        assert_eq!(state(database).await, is(true, 1, "shop"));
        assert_eq!(state(orders).await, is(true, 1, "shop"));
        let learning = |path: &str, is_on: bool| {
            shop.put(&format!("{path}/learning"), json!({ "learning": is_on }).to_string())
        };
        let off = learning(database, false).await.is(200);
        assert_eq!(off.json(), is(false, 2, "shop"));
        assert_eq!(off.json(), learning(database, false).await.is(200).json(), "it is off already");
        put(&shop, 1, r#"{"a":1}"#).await;
        put(&shop, 2, r#"{"a":2}"#).await;
        shop.post(&format!("{orders}/relearn"), "").await.fails(409, "learning-off", "is off for");
        assert_eq!(learning(orders, true).await.is(200).json(), is(true, 3, "shop/orders"));
        let schema = learned(&shop, |schema| schema["x-tidelog"]["count"] == 2).await.json();
        assert_eq!(schema["properties"]["a"]["maximum"], 2);

        shop.delete("/v1/entities/shop/orders/eu/2").await.is(204);
        let schema = learned(&shop, |schema| schema["x-tidelog"]["count"] == 1).await.json();
        assert_eq!(schema["properties"]["a"]["maximum"], 2, "what was there widens");
        shop.post(&format!("{orders}/relearn"), "").await.is(200);
        let schema =
            learned(&shop, |schema| schema["properties"]["a"]["maximum"] == 1).await.json();
        assert_eq!(schema["x-tidelog"]["count"], 1);

        let back = shop.delete(&format!("{orders}/learning")).await.is(200).json();
        assert_eq!((&back["learning"], &back["by"]), (&json!(false), &json!("shop")));
        learning(database, true).await.is(200);
        put(&shop, 3, r#"{"b":1}"#).await;
        learned(&shop, |schema| schema["x-tidelog"]["count"] == 2).await;
        let bad = shop.put(&format!("{database}/learning"), r#"{"learning":"yes"}"#).await;
        bad.fails(400, "bad-request", r#"{"learning":true}"#);
        shop.delete(&format!("{database}/learning")).await.is(405);
    });
}

#[test]
fn whoever_changes_a_schema_reads_it_as_they_changed_it() {
    script(async |shop| {
        for maximum in 1..20 {
            let body = json!({ "maximum": maximum }).to_string();
            let made = shop.put(ORDERS, body).with("prefer", "return=minimal").await;
            let position = made.header("tidelog-position").expect("a position");
            let read = shop.get(ORDERS).with("tidelog-position", position).await.is(200).json();
            assert_eq!(read["maximum"], maximum);
        }
    });
}

async fn put(shop: &System, entity: u32, document: &str) {
    let answer = shop.put(&format!("/v1/entities/shop/orders/eu/{entity}"), document).await;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// The schema of the orders, once it is so.
async fn learned(shop: &System, is_so: impl Fn(&Value) -> bool) -> Answer {
    let mut answer = shop.get(ORDERS).await;
    for _ in 0..2_000 {
        if answer.status == 200 && is_so(&answer.json()) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        answer = shop.get(ORDERS).await;
    }
    panic!("it did not come to be so: {answer:?}");
}

fn usage(schema: &Value, field: &str) -> f64 {
    schema["properties"][field]["x-tidelog"]["usage"].as_f64().unwrap_or_default()
}

/// The usage of each field, and whether it is required.
fn usages(schema: &Value) -> String {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return String::new() };
    let usages = properties.keys().map(|field| {
        let is_required = required.iter().any(|name| name == field);
        format!("{field} {:?}{}", usage(schema, field), if is_required { " required" } else { "" })
    });
    usages.collect::<Vec<_>>().join(", ")
}
