//! Databases: provisioning, reading, listing.

use serde_json::json;

use crate::system::script;

#[test]
fn a_database_is_provisioned_once() {
    script(async |shop| {
        let made = shop.ask("PUT", "/v1/databases/store").await.is(201).has("etag", "\"1\"");
        assert_eq!(made.json()["id"], "store");
        assert_eq!(made.json()["revision"], 1);
        let created = made.json()["created"].as_str().expect("a time").to_owned();
        assert!(created.starts_with("2025-11-24T16:0") && created.ends_with('Z'), "{created}");
        shop.put("/v1/databases/store", "{}").await.is(200).says(&made.body);
        shop.get("/v1/databases/store").await.is(200).has("etag", "\"1\"").says(&made.body);
        let minimal = shop.put("/v1/databases/store", "").with("prefer", "return=minimal").await;
        minimal.is(204).has("preference-applied", "return=minimal").says("");
    });
}

#[test]
fn conditions_hold_for_databases_too() {
    script(async |shop| {
        shop.put("/v1/databases/a", "").with("if-match", "*").await.is(412);
        shop.get("/v1/databases/a").await.is(404);
        shop.put("/v1/databases/a", "").with("if-none-match", "*").await.is(201);
        shop.put("/v1/databases/a", "").with("if-none-match", "*").await.is(412);
        shop.put("/v1/databases/a", "").with("if-match", "\"1\"").await.is(200);
        shop.get("/v1/databases/a").with("if-none-match", "\"1\"").await.is(304);
        shop.get("/v1/databases/a").with("if-match", "\"2\"").await.is(412);
    });
}

#[test]
fn a_database_that_is_not_there_is_not_found() {
    script(async |shop| {
        shop.get("/v1/databases/store").await.fails(404, "unknown-database", "no database store");
        shop.put("/v1/databases/a%20b", "").await.fails(400, "bad-request", "segment 1 has");
        let answer = shop.put("/v1/databases/store", r#"{"learning":false}"#).await;
        answer.fails(400, "bad-request", "empty body, or with {}");
        shop.get("/v1/databases/store").await.is(404);
    });
}

#[test]
fn databases_are_listed_in_pages() {
    script(async |shop| {
        for id in ["b", "a", "c"] {
            shop.put(&format!("/v1/databases/{id}"), "").await.is(201);
        }
        let ids = |page: &serde_json::Value| {
            let list = page["databases"].as_array().expect("a list").clone();
            list.iter().map(|database| database["id"].clone()).collect::<Vec<_>>()
        };
        let first = shop.get("/v1/databases?limit=2").await.is(200).json();
        assert_eq!(ids(&first), [json!("a"), json!("b")]);
        let next = first["next"].as_str().expect("a cursor");
        let second = shop.get(&format!("/v1/databases?limit=2&cursor={next}")).await.is(200).json();
        assert_eq!(ids(&second), [json!("c"), json!("shop")]);
        assert_eq!(second["next"], json!(null));
    });
}

#[test]
fn provisioning_takes_no_key() {
    script(async |shop| {
        let answer = shop.put("/v1/databases/a", "").with("idempotency-key", "k").await;
        answer.fails(400, "bad-request", "idempotent in itself and takes no Idempotency-Key");
        shop.get("/v1/databases/a").await.is(404);
    });
}

#[test]
fn a_database_is_seen_at_the_position_of_its_making() {
    script(async |shop| {
        let made = shop.put("/v1/databases/a", "").await.is(201);
        let position = made.header("tidelog-position").expect("a position");
        shop.get("/v1/databases/a").with("tidelog-position", position).await.is(200);
        shop.get("/v1/databases/a").with("tidelog-position", "x").await.is(400);
    });
}
