//! Batches.

use serde_json::{Value, json};

use crate::system::script;

const BATCH: &str = "/v1/databases/shop/batch";

fn batch(parts: Value) -> String {
    json!({ "parts": parts }).to_string()
}

/// Reads answered from the position of a batch show what the batch did, whichever task they ask.
#[test]
fn a_batch_tells_positions_at_which_its_own_writes_are_read() {
    script(async |shop| {
        let ids: Vec<_> = (0..20).map(|n| format!("shop/orders/eu/{n}")).collect();
        let part = |id: &String| json!({"op": "create", "entity": id, "value": id});
        let mut parts: Vec<_> = ids.iter().map(part).collect();
        parts.push(json!({"op": "create", "entity": "another/orders/eu/1", "value": 1}));
        let body = json!({ "parts": parts }).to_string();
        let answer = shop.post("/v1/databases/shop/batch", body).await.is(200);
        let positions = answer.header("tidelog-position").expect("positions").to_owned();
        let elements: Vec<_> = positions.split(',').collect();
        assert!(elements[0].starts_with("entity-patches:"), "{positions}");
        assert_eq!(elements.len(), 3, "one of each partition: {positions}");
        for id in &ids {
            let ask = shop.get(&format!("/v1/entities/{id}"));
            ask.with("tidelog-position", &positions).await.is(200).says(&format!("{id:?}"));
        }
        let list = shop.get("/v1/zones/shop/orders/eu/entities");
        let list = list.with("tidelog-position", &positions).await.is(200);
        assert_eq!(list.json()["entities"].as_array().map(Vec::len), Some(20));
        // Each of them counts.
        let beyond = positions.replace(elements[1], "1:99999");
        let beyond =
            shop.get("/v1/zones/shop/orders/eu/entities").with("tidelog-position", &beyond);
        beyond.await.fails(400, "unknown-position", "entity-patches:1:99999");
    });
}

#[test]
fn a_batch_that_changes_nothing_tells_no_position() {
    script(async |shop| {
        let body = r#"{"parts":[{"op":"create","entity":"another/orders/eu/1","value":1}]}"#;
        let answer = shop.post("/v1/databases/shop/batch", body).await.is(200);
        answer.lacks("tidelog-position");
    });
}

#[test]
fn parts_are_answered_in_order_with_the_statuses_of_single_calls() {
    script(async |shop| {
        let body = batch(json!([
            {"op": "replace", "entity": "shop/orders/eu/1", "value": {"n": 1}},
            {"op": "replace", "entity": "shop/orders/eu/1", "value": {"n": 2}, "if_revision": 1},
            {"op": "patch", "entity": "shop/orders/eu/1",
                "value": [{"op": "replace", "path": "/n", "value": 3}], "if_exists": true},
            {"op": "merge", "entity": "shop/orders/eu/1", "value": {"a": 1}},
            {"op": "operations", "entity": "shop/orders/eu/1",
                "value": [{"op": "increment", "path": "/n", "by": 1}], "if_revision": [9, 4]},
            {"op": "read", "entity": "shop/orders/eu/1"},
            {"op": "create", "entity": "shop/orders/eu/1", "value": 0},
            {"op": "delete", "entity": "shop/orders/eu/1"},
            {"op": "read", "entity": "shop/orders/eu/1"},
            {"op": "create", "entity": "shop/orders/eu/1", "value": 7, "if_exists": false},
        ]));
        let answer = shop.post(BATCH, body).await.is(200).json();
        let parts = answer["parts"].as_array().expect("parts");
        let told = |index: usize| {
            let part = &parts[index];
            assert_eq!(part["entity"], "shop/orders/eu/1");
            (part["status"].as_u64(), part["revision"].as_u64(), part["value"].clone())
        };
        let none = Value::Null;
        assert_eq!(told(0), (Some(201), Some(1), json!({"n": 1})));
        assert_eq!(told(1), (Some(200), Some(2), json!({"n": 2})));
        assert_eq!(told(2), (Some(200), Some(3), json!({"n": 3})));
        assert_eq!(told(3), (Some(200), Some(4), json!({"n": 3, "a": 1})));
        assert_eq!(told(4), (Some(200), Some(5), json!({"n": 4, "a": 1})));
        assert_eq!(told(5), (Some(200), Some(5), json!({"n": 4, "a": 1})));
        assert_eq!(told(6), (Some(412), Some(5), none.clone()));
        assert_eq!(told(7), (Some(204), Some(6), none.clone()));
        assert_eq!(told(8), (Some(404), None, none));
        assert_eq!(told(9), (Some(201), Some(7), json!(7)));
        assert_eq!(parts[6]["problem"]["type"], "/problems/precondition-failed");
    });
}

#[test]
fn a_part_that_is_wrong_in_itself_fails_alone() {
    script(async |shop| {
        let body = batch(json!([
            {"op": "fly", "entity": "shop/orders/eu/1"},
            {"op": "replace", "entity": "shop/orders/eu", "value": 1},
            {"op": "replace", "entity": "store/orders/eu/1", "value": 1},
            {"op": "replace", "entity": "shop/orders/eu/1", "value": 1},
            {"op": "replace", "entity": "shop/orders/eu/2"},
            {"op": "delete", "entity": "shop/orders/eu/2", "value": 1},
            17,
            {"op": "patch", "entity": "shop/orders/eu/1", "value": {}},
        ]));
        let answer = shop.post(BATCH, body).await.is(200).json();
        let statuses: Vec<_> =
            answer["parts"].as_array().expect("parts").iter().map(|part| &part["status"]).collect();
        assert_eq!(statuses, [400, 400, 400, 201, 400, 400, 400, 400]);
        let problem = &answer["parts"][2]["problem"];
        assert_eq!(problem["type"], "/problems/another-database");
        assert_eq!(answer["parts"][1]["entity"], "shop/orders/eu");
        let detail = answer["parts"][0]["problem"]["detail"].as_str().expect("a detail");
        assert!(detail.contains("\"fly\" is no op"), "{detail}");
        shop.get("/v1/entities/shop/orders/eu/1").await.is(200).says("1");
    });
}

#[test]
fn a_document_that_cannot_be_kept_fails_alone() {
    script(async |shop| {
        let body = r#"{"parts":[
            {"op":"replace","entity":"shop/orders/eu/1","value":{"a":1,"a":2}},
            {"op":"replace","entity":"shop/orders/eu/1","value":0.12345678901234567890123},
            {"op":"replace","entity":"shop/orders/eu/1","value":1}
        ]}"#;
        let answer = shop.post(BATCH, body).await.is(200).json();
        let statuses = [0, 1, 2].map(|index| answer["parts"][index]["status"].clone());
        assert_eq!(statuses, [400, 422, 201]);
    });
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    script(async |shop| {
        let cases = [
            ("", "not JSON"),
            ("[]", "a batch is an object"),
            ("{}", "no \"parts\""),
            ("{\"parts\":{}}", "is a list"),
            ("{\"parts\":[]}", "has no parts"),
            ("{\"parts\":[1],\"atomic\":\"zone\"}", "\"atomic\" means nothing"),
        ];
        for (body, words) in cases {
            shop.post(BATCH, body).await.fails(400, "bad-request", words);
        }
        let body = batch(json!([{"op": "read", "entity": "store/a/b/c"}]));
        let answer = shop.post("/v1/databases/store/batch", body.clone()).await;
        answer.fails(404, "unknown-database", "no database store");
        let answer = shop.ask("POST", BATCH).with("content-type", "text/plain").body(body).await;
        answer.fails(415, "unsupported-media-type", "text/plain").has("accept", "application/json");
    });
}

#[test]
fn return_minimal_leaves_out_the_documents_of_writes() {
    script(async |shop| {
        let body = batch(json!([
            {"op": "replace", "entity": "shop/orders/eu/1", "value": {"n": 1}},
            {"op": "merge", "entity": "shop/orders/eu/1", "value": {"n": 2}},
            {"op": "read", "entity": "shop/orders/eu/1"},
        ]));
        let answer = shop.post(BATCH, body).with("prefer", "return=minimal").await.is(200);
        let answer = answer.has("preference-applied", "return=minimal").json();
        let expected = json!({"parts": [
            {"entity": "shop/orders/eu/1", "status": 201, "revision": 1},
            {"entity": "shop/orders/eu/1", "status": 204, "revision": 2},
            {"entity": "shop/orders/eu/1", "status": 200, "revision": 2, "value": {"n": 2}},
        ]});
        assert_eq!(answer, expected);
    });
}

#[test]
fn a_batch_of_a_thousand_parts_is_answered_whole() {
    script(async |shop| {
        let part = |n: usize| json!({"op": "create", "entity": format!("shop/orders/eu/{n}"), "value": {"n": n}});
        let parts: Vec<_> = (0..1_000).map(part).collect();
        let answer = shop.post(BATCH, batch(json!(parts))).await.is(200).json();
        let parts = answer["parts"].as_array().expect("parts");
        assert_eq!(parts.len(), 1_000);
        assert!(parts.iter().enumerate().all(|(n, part)| part["value"]["n"] == n));
    });
}

#[test]
fn documents_that_do_not_fit_together_are_left_out_and_that_is_told() {
    script(async |shop| {
        let path = "/v1/entities/shop/orders/eu/1";
        let document = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
        shop.put(path, document).await.is(201);
        let read = json!({"op": "read", "entity": "shop/orders/eu/1"});
        let one = shop.post(BATCH, batch(json!([read]))).await.is(200).json();
        assert_eq!(one["values"], Value::Null);
        assert!(one["parts"][0]["value"].is_string());
        let many = shop.post(BATCH, batch(json!(vec![read; 8]))).await.is(200).json();
        assert_eq!(many["values"], "omitted");
        for part in many["parts"].as_array().expect("parts") {
            assert_eq!((&part["status"], &part["value"]), (&json!(200), &Value::Null));
        }
    });
}

#[test]
fn a_part_that_names_no_entity_has_none_in_its_answer() {
    script(async |shop| {
        let answer = shop.post(BATCH, batch(json!([17]))).await.is(200).json();
        let part = &answer["parts"][0];
        assert_eq!(part["entity"], Value::Null);
        assert_eq!(part["problem"]["detail"], "the part is not an object");
    });
}
