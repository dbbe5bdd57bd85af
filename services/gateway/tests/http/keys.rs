//! Idempotency-Key.

use std::time::Duration;

use serde_json::json;
use tidelog_gateway::Settings;

use crate::system::{script, script_with, settings};

const PATH: &str = "/v1/entities/shop/orders/eu/42";
const INCREMENT: &str = r#"[{"op":"increment","path":"/n","by":1}]"#;
const KEY: &str = "idempotency-key";

#[test]
fn a_replay_has_the_first_status_and_revision_and_says_so() {
    script(async |shop| {
        let ask = || shop.patch(PATH, "vnd.tidelog.operations", INCREMENT).with(KEY, "abc");
        ask().await.is(201).has("etag", "\"1\"").lacks("idempotent-replayed").says("{\"n\":1}");
        let again = ask().await.is(201).has("etag", "\"1\"").has("idempotent-replayed", "true");
        again.says("{\"n\":1}");
        shop.put(PATH, "{\"n\":9}").await.is(200);
        let later = ask().await.is(201).has("etag", "\"1\"").has("idempotent-replayed", "true");
        later.lacks("content-type").says("");
        shop.get(PATH).await.has("etag", "\"2\"").says("{\"n\":9}");
    });
}

#[test]
fn bare_and_quoted_are_the_same_key() {
    script(async |shop| {
        shop.put(PATH, "1").with(KEY, "abc").await.is(201);
        shop.put(PATH, "1").with(KEY, "\"abc\"").await.is(201).has("idempotent-replayed", "true");
    });
}

#[test]
fn another_request_under_the_key_is_refused() {
    script(async |shop| {
        shop.put(PATH, "1").with(KEY, "abc").await.is(201);
        let other = shop.put(PATH, "2").with(KEY, "abc").await;
        other.fails(422, "idempotency-key-reused", "another request");
        let conditional = shop.put(PATH, "1").with(KEY, "abc").with("if-match", "\"1\"").await;
        conditional.fails(422, "idempotency-key-reused", "another request");
        // The key belongs to method and target.
        shop.put("/v1/entities/shop/orders/eu/43", "2").with(KEY, "abc").await.is(201);
        shop.delete(PATH).with(KEY, "abc").await.is(204).lacks("idempotent-replayed");
        shop.delete(PATH).with(KEY, "abc").await.is(204).has("idempotent-replayed", "true");
    });
}

#[test]
fn refusals_about_the_entity_are_remembered_and_others_are_not() {
    script(async |shop| {
        let conditional = || shop.put(PATH, "1").with("if-match", "\"1\"").with(KEY, "a");
        conditional().await.is(412).lacks("idempotent-replayed");
        shop.put(PATH, "0").await.is(201);
        conditional().await.is(412).has("idempotent-replayed", "true");

        let test = r#"[{"op":"test","path":"","value":1}]"#;
        let patch = || shop.patch(PATH, "json-patch", test).with(KEY, "b");
        patch().await.is(409);
        shop.put(PATH, "1").await.is(200);
        patch().await.is(409).has("idempotent-replayed", "true");

        shop.put(PATH, "{").with(KEY, "c").await.is(400);
        shop.ask("PUT", PATH).with("content-type", "text/plain").with(KEY, "c").await.is(415);
        shop.put(PATH, "3").with(KEY, "c").await.is(200).lacks("idempotent-replayed");
    });
}

#[test]
fn a_post_under_a_key_creates_one_entity() {
    script(async |shop| {
        let zone = "/v1/zones/shop/orders/eu/entities";
        let first = shop.post(zone, "{\"n\":1}").with(KEY, "abc").await.is(201);
        let location = first.header("location").expect("a location").to_owned();
        let again = shop.post(zone, "{\"n\":1}").with(KEY, "abc").await.is(201);
        again.has("location", &location).has("idempotent-replayed", "true").says("{\"n\":1}");
        shop.post(zone, "{\"n\":2}").with(KEY, "abc").await.is(422);
        let list = shop.get(zone).await.json();
        assert_eq!(list["entities"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn a_batch_under_a_key_is_carried_out_once() {
    script(async |shop| {
        let batch = "/v1/databases/shop/batch";
        let operations: serde_json::Value = serde_json::from_str(INCREMENT).expect("JSON");
        let part = json!({"op": "operations", "entity": "shop/orders/eu/42", "value": operations});
        let body = json!({"parts": [part, part]}).to_string();
        let first = shop.post(batch, body.clone()).with(KEY, "abc").await.is(200);
        let revisions = |answer: &serde_json::Value| {
            [answer["parts"][0]["revision"].clone(), answer["parts"][1]["revision"].clone()]
        };
        assert_eq!(revisions(&first.json()), [1, 2]);
        let again = shop.post(batch, body).with(KEY, "abc").await.is(200);
        let again = again.has("idempotent-replayed", "true").json();
        assert_eq!(revisions(&again), [1, 2]);
        shop.get(PATH).await.says("{\"n\":2}");
        let other = json!({"parts": [part]}).to_string();
        let other = shop.post(batch, other).with(KEY, "abc").await;
        other.fails(422, "idempotency-key-reused", "another batch");
    });
}

#[test]
fn a_key_that_cannot_be_read_is_refused() {
    script(async |shop| {
        let long = "k".repeat(256);
        for key in ["", "\"\"", "a b", "\"a", &long] {
            let answer = shop.put(PATH, "1").with(KEY, key).await;
            answer.fails(400, "bad-request", "1 to 255 visible ASCII characters");
        }
        shop.put(PATH, "1").with(KEY, &long[..255]).await.is(201);
    });
}

#[test]
fn while_the_first_is_under_way_the_second_waits_and_then_gets_its_answer() {
    script(async |shop| {
        let ask = || shop.patch(PATH, "vnd.tidelog.operations", INCREMENT).with(KEY, "abc");
        shop.stall(Duration::from_millis(300));
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first.status, second.status), (201, 201));
        let replays =
            [&first, &second].map(|answer| answer.header("idempotent-replayed").is_some());
        assert_eq!(replays.iter().filter(|replayed| **replayed).count(), 1);
        shop.get(PATH).await.has("etag", "\"1\"").says("{\"n\":1}");
    });
}

#[test]
fn the_second_is_told_to_come_back_if_the_first_takes_too_long() {
    let settings = Settings { answer_timeout: Duration::from_millis(400), ..settings() };
    script_with(settings, async |shop| {
        let ask = || shop.patch(PATH, "vnd.tidelog.operations", INCREMENT).with(KEY, "abc");
        shop.stall(Duration::from_secs(2));
        let late = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ask().await
        };
        let (first, late) = tokio::join!(ask(), late);
        first.fails(504, "outcome-unknown", "no answer yet");
        let late = late.fails(409, "request-in-flight", "send this one again later");
        assert_eq!(late.json()["retryable"], true);
        shop.stall(Duration::from_millis(2));
        let answer = loop {
            let answer = ask().await;
            if answer.status != 504 {
                break answer;
            }
        };
        answer.is(201).has("idempotent-replayed", "true").says("{\"n\":1}");
    });
}
