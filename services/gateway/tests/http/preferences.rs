//! Prefer, requests that are asked about later, and answers that do not come.

use std::{future::IntoFuture, time::Duration};

use serde_json::{Value, json};
use tidelog_gateway::Settings;

use crate::{
    client::Answer,
    log::Appends,
    system::{System, script, script_with, settings},
};

const PATH: &str = "/v1/entities/shop/orders/eu/42";
const PREFER: &str = "prefer";

/// What became of a request, once it is done.
async fn outcome(shop: &System, accepted: &Answer) -> Value {
    let location = accepted.header("location").expect("a location");
    loop {
        let answer = shop.get(location).await.is(200).json();
        assert_eq!(answer["id"], accepted.json()["id"]);
        if answer["state"] != "pending" {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn return_minimal_answers_without_the_document() {
    script(async |shop| {
        let minimal = || shop.put(PATH, "1").with(PREFER, "return=minimal");
        let created = minimal().await.is(201).has("etag", "\"1\"").lacks("content-type");
        created.has("preference-applied", "return=minimal").says("");
        let replaced = minimal().await.is(204).has("etag", "\"2\"");
        replaced.has("preference-applied", "return=minimal").says("");
        let full = shop.put(PATH, "2").with(PREFER, "return=representation").await.is(200);
        full.has("preference-applied", "return=representation").says("2");
        let zone = "/v1/zones/shop/orders/eu/entities";
        let added = shop.post(zone, "1").with(PREFER, "return=minimal").await.is(201).says("");
        assert!(added.header("location").is_some());
    });
}

#[test]
fn respond_async_is_answered_at_once_and_asked_about_later() {
    script(async |shop| {
        let accepted = shop.put(PATH, "{\"n\":1}").with(PREFER, "respond-async").await.is(202);
        let accepted = accepted.has("preference-applied", "respond-async");
        assert_eq!(accepted.json()["state"], "pending");
        let done = outcome(&shop, &accepted).await;
        assert_eq!(done["state"], "done");
        let answer =
            json!({"status": 201, "entity": "shop/orders/eu/42", "revision": 1, "value": {"n": 1}});
        assert_eq!(done["answer"], answer);
        shop.get(PATH).await.is(200);
    });
}

#[test]
fn a_failed_request_is_told_as_such_later() {
    script(async |shop| {
        let ask = shop.put(PATH, "1").with("if-match", "\"7\"").with(PREFER, "respond-async");
        let done = outcome(&shop, &ask.await.is(202)).await;
        assert_eq!(done["answer"]["status"], 412);
        assert_eq!(done["answer"]["entity"], "shop/orders/eu/42");
        assert_eq!(done["answer"]["problem"]["type"], "/problems/precondition-failed");
        assert_eq!(done["answer"]["parts"], Value::Null);
    });
}

#[test]
fn a_batch_asked_about_later_has_its_parts() {
    script(async |shop| {
        let body = json!({"parts": [
            {"op": "create", "entity": "shop/orders/eu/1", "value": 1},
            {"op": "fly", "entity": "shop/orders/eu/2"},
        ]});
        let ask = shop.post("/v1/databases/shop/batch", body.to_string());
        let accepted = ask.with(PREFER, "respond-async").await.is(202);
        let done = outcome(&shop, &accepted).await;
        let parts = done["answer"]["parts"].as_array().expect("parts").clone();
        assert_eq!([&parts[0]["status"], &parts[1]["status"]], [201, 400]);
        assert_eq!(parts[0]["value"], 1);
        assert_eq!(parts[1]["entity"], "shop/orders/eu/2");
        assert_eq!(done["answer"], json!({"status": 200, "parts": parts}));
    });
}

#[test]
fn a_batch_of_one_part_asked_about_later_is_a_batch() {
    script(async |shop| {
        let part = json!({"op": "create", "entity": "shop/orders/eu/1", "value": 1});
        let told = json!({"entity": "shop/orders/eu/1", "status": 201, "revision": 1, "value": 1});
        let body = json!({"parts": [part]}).to_string();
        let ask = shop.post("/v1/databases/shop/batch", body);
        let done = outcome(&shop, &ask.with(PREFER, "respond-async").await.is(202)).await;
        assert_eq!(done["answer"], json!({"status": 200, "parts": [told]}));
    });
}

#[test]
fn a_request_is_accepted_only_once_it_is_known_to_be_in_the_log() {
    script(async |shop| {
        for (prefer, status) in [("respond-async", 201), ("wait=0", 200)] {
            shop.stall(Duration::from_millis(500));
            shop.appends(Appends::HeldBack);
            let mut ask = shop.put(PATH, "1").with(PREFER, prefer).into_future();
            let early = tokio::time::timeout(Duration::from_millis(100), &mut ask).await;
            assert!(early.is_err(), "{early:?}");
            shop.appends(Appends::Known);
            let accepted = ask.await.is(202);
            assert_eq!(outcome(&shop, &accepted).await["answer"]["status"], status);
        }
    });
}

#[test]
fn an_answer_says_that_a_request_is_in_the_log() {
    script(async |shop| {
        shop.appends(Appends::HeldBack);
        let accepted = shop.put(PATH, "1").with(PREFER, "respond-async").await.is(202);
        assert_eq!(outcome(&shop, &accepted).await["answer"]["status"], 201);
    });
}

#[test]
fn a_request_that_is_not_known_to_be_in_the_log_is_not_accepted() {
    let settings = Settings { answer_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        shop.appends(Appends::Refused);
        for prefer in ["respond-async", "wait=5"] {
            let refused = shop.put(PATH, "1").with(PREFER, prefer).await;
            refused.fails(503, "unavailable", "the disk is full").lacks("location");
        }
        shop.get(PATH).await.is(404);
        shop.stall(Duration::from_secs(1));
        shop.appends(Appends::HeldBack);
        let unknown = shop.put(PATH, "1").with(PREFER, "respond-async").await;
        unknown.fails(504, "outcome-unknown", "may be carried out or not").lacks("location");
    });
}

#[test]
fn wait_is_answered_in_full_if_there_is_time() {
    script(async |shop| {
        let answer = shop.put(PATH, "1").with(PREFER, "wait=20").await.is(201).says("1");
        answer.has("preference-applied", "wait=20");
        shop.stall(Duration::from_secs(2));
        let accepted = shop.put(PATH, "2").with(PREFER, "respond-async, wait=1").await.is(202);
        let accepted = accepted.has("preference-applied", "respond-async, wait=1");
        let done = outcome(&shop, &accepted).await;
        assert_eq!(done["answer"]["revision"], 2);
    });
}

#[test]
fn an_answer_that_does_not_come_in_time_is_an_unknown_outcome() {
    let settings = Settings { answer_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        shop.stall(Duration::from_secs(1));
        let unknown = shop.put(PATH, "1").await;
        let unknown = unknown.fails(504, "outcome-unknown", "no answer yet");
        assert_eq!(unknown.json()["retryable"], true);
        let id = unknown.json()["request_id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/requests/{id}");
        shop.get(&path).await.is(200).says(&format!(r#"{{"id":"{id}","state":"pending"}}"#));
    });
}

#[test]
fn a_request_that_nobody_sent_is_pending_and_then_expired() {
    script(async |shop| {
        let ask = async |id: &str| shop.get(&format!("/v1/requests/{id}")).await;
        ask("other:0:1:1764000000000")
            .await
            .is(200)
            .says(r#"{"id":"other:0:1:1764000000000","state":"pending"}"#);
        ask("other:0:1:1763000000000")
            .await
            .is(200)
            .says(r#"{"id":"other:0:1:1763000000000","state":"expired"}"#);
        ask("x").await.fails(400, "bad-request", "as in app-1:0:17:1764000000000");
    });
}

#[test]
fn only_an_answer_with_the_document_says_that_it_has_it() {
    script(async |shop| {
        let full = ("prefer", "return=representation");
        let ask = || shop.put(PATH, "1").with("idempotency-key", "a").with(full.0, full.1);
        ask().await.is(201).has("preference-applied", full.1).says("1");
        ask().await.is(201).has("preference-applied", full.1).says("1");
        shop.put(PATH, "2").await.is(200);
        let replay = ask().await.is(201).has("idempotent-replayed", "true").says("");
        replay.lacks("preference-applied");
        let deleted = shop.delete(PATH).with(full.0, full.1).await.is(204);
        deleted.lacks("preference-applied");
    });
}

#[test]
fn an_unknown_outcome_may_be_retried_only_where_that_is_harmless() {
    let settings = Settings { answer_timeout: Duration::from_millis(100), ..settings() };
    script_with(settings, async |shop| {
        shop.stall(Duration::from_secs(60));
        const BATCH: &str = "/v1/databases/shop/batch";
        let patch = || shop.patch(PATH, "merge-patch", "{}");
        let post = || shop.post("/v1/zones/shop/orders/eu/entities", "1");
        let batch = json!({"parts": [{"op": "delete", "entity": "shop/orders/eu/1"}]});
        let batch = || shop.post(BATCH, batch.to_string());
        for (ask, retryable) in [
            (shop.put(PATH, "1"), true),
            (shop.delete(PATH), true),
            (patch(), false),
            (patch().with("if-match", "*"), true),
            (patch().with("if-none-match", "*"), true),
            (patch().with("idempotency-key", "a"), true),
            (post(), false),
            (post().with("idempotency-key", "a"), true),
            (batch(), false),
            (batch().with("idempotency-key", "a"), true),
        ] {
            let shown = format!("{retryable}");
            let problem = ask.await.fails(504, "outcome-unknown", "no answer yet").json();
            assert_eq!(problem["retryable"].to_string(), shown, "{problem}");
            let detail = problem["detail"].as_str().expect("a detail");
            let is_without = detail.contains("read before you ask again: it had no Idempotency");
            assert_eq!(is_without, !retryable, "{detail}");
        }
    });
}
