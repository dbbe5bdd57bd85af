//! What the gateway promises, said as a script.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{http::Http, node::Node};

const PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const OPERATIONS: &str = "application/vnd.tidelog.operations+json";

#[test]
fn an_entity_is_created_read_replaced_patched_and_deleted() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/42";
    assert_eq!(http.get(path).problem(), "not-found");

    let reply = http.put(path, r#"{ "n": 1, "tags": [] }"#);
    assert_eq!(reply.status, 201);
    assert_eq!(reply.text(), r#"{"n":1,"tags":[]}"#);
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let position = reply.header("tidelog-position").expect("a position");
    assert!(position.starts_with("entity-patches:"), "{position}");
    let read = http.call("GET", path).header("tidelog-position", position).send("");
    assert_eq!((read.status, read.header("etag")), (200, Some("\"1\"")));

    let reply = http.put(path, r#"{"n":2,"tags":["a"]}"#);
    assert_eq!((reply.status, reply.header("etag")), (200, Some("\"2\"")));

    let reply = http.patch(path, PATCH, r#"[{"op":"add","path":"/tags/-","value":"b"}]"#);
    assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"n":2,"tags":["a","b"]}"#));
    let reply = http.patch(path, MERGE, r#"{"n":null,"m":1}"#);
    assert_eq!(reply.text(), r#"{"tags":["a","b"],"m":1}"#);
    let operations = r#"[{"op":"increment","path":"/m","by":41},
        {"op":"add-unique","path":"/tags","value":"c"},
        {"op":"add-unique","path":"/tags","value":"a"},
        {"op":"remove-value","path":"/tags","value":"b"}]"#;
    let reply = http.patch(path, OPERATIONS, operations);
    assert_eq!(reply.text(), r#"{"tags":["a","c"],"m":42}"#);
    assert_eq!(reply.header("etag"), Some("\"5\""));

    let reply = http.delete(path);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(http.get(path).status, 404);
    assert_eq!(http.delete(path).problem(), "not-found");
    let reply = http.put(path, "1");
    assert_eq!((reply.status, reply.header("etag")), (201, Some("\"7\"")), "revisions go on");
    assert_eq!(http.call("HEAD", path).send("").status, 200);
}

#[test]
fn minimal_answers_have_no_document() {
    let (_node, http) = shop();
    let put = |body| {
        let call = http.call("PUT", "/v1/entities/shop/orders/eu/1");
        let call = call.header("content-type", "application/json");
        call.header("prefer", "return=minimal").send(body)
    };
    let reply = put("{}");
    assert_eq!((reply.status, reply.body.len()), (201, 0));
    assert_eq!(reply.header("preference-applied"), Some("return=minimal"));
    let reply = put("{}");
    assert_eq!((reply.status, reply.header("etag")), (204, Some("\"2\"")));
}

#[test]
fn preconditions_guard_writes_and_spare_reads() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/1";
    let put = |name: &str, value: &str| {
        let call = http.call("PUT", path).header("content-type", "application/json");
        call.header(name, value).send("{}")
    };
    assert_eq!(put("if-match", "*").problem(), "precondition-failed");
    assert_eq!(put("if-none-match", "*").status, 201);
    assert_eq!(put("if-none-match", "*").status, 412);
    assert_eq!(put("if-match", "\"2\"").status, 412);
    assert_eq!(put("if-match", "\"7\", \"1\"").status, 200);
    assert_eq!(put("if-match", "W/\"2\"").status, 412);
    assert_eq!(put("if-match", "2").status, 400);
    let get = |value: &str| http.call("GET", path).header("if-none-match", value).send("");
    let reply = get("\"2\"");
    assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some("\"2\"")));
    assert_eq!(get("\"1\"").status, 200);
    let delete = http.call("DELETE", path).header("if-match", "\"1\"").send("");
    assert_eq!(delete.status, 412);
    assert_eq!(http.call("DELETE", path).header("if-match", "\"2\"").send("").status, 204);
}

#[test]
fn a_patch_that_cannot_be_applied_says_why_and_changes_nothing() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/1";
    http.put(path, r#"{"a":1,"s":"text"}"#);
    let cases = [
        (
            PATCH,
            r#"[{"op":"replace","path":"/a","value":2},{"op":"test","path":"/a","value":1}]"#,
            409,
            "test-failed",
        ),
        (PATCH, r#"[{"op":"remove","path":"/b"}]"#, 409, "path-missing"),
        (PATCH, r#"[{"op":"explode","path":"/b"}]"#, 400, "bad-request"),
        (PATCH, r#"{"op":"remove","path":"/b"}"#, 400, "bad-request"),
        (PATCH, "[", 400, "bad-request"),
        (OPERATIONS, r#"[{"op":"increment","path":"/s","by":1}]"#, 422, "wrong-type"),
        (OPERATIONS, r#"[{"op":"increment","path":"/b/c","by":1}]"#, 409, "path-missing"),
        (MERGE, r#"{"n":1e400}"#, 422, "number-not-kept"),
        ("application/json", "{}", 415, "unsupported-media-type"),
    ];
    for (media_type, body, status, problem) in cases {
        let reply = http.patch(path, media_type, body);
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{body}");
        if status == 415 {
            let accepted = reply.header("accept-patch").expect("what is accepted");
            for media_type in [PATCH, MERGE, OPERATIONS] {
                assert!(accepted.contains(media_type), "{accepted}");
            }
        }
    }
    let reply = http.get(path);
    assert_eq!(
        (reply.header("etag"), reply.text().as_str()),
        (Some("\"1\""), r#"{"a":1,"s":"text"}"#)
    );
}

#[test]
fn a_request_under_an_idempotency_key_happens_once() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/1";
    let increment = |key: &str, by: u32| {
        let body = format!(r#"[{{"op":"increment","path":"/n","by":{by}}}]"#);
        let call = http.call("PATCH", path).header("content-type", OPERATIONS);
        call.header("idempotency-key", key).send(&body)
    };
    let first = increment("\"once\"", 5);
    assert_eq!((first.status, first.header("etag")), (201, Some("\"1\"")));
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = increment("once", 5);
    assert_eq!((again.status, again.header("etag")), (201, Some("\"1\"")));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text(), r#"{"n":5}"#);
    assert_eq!(increment("once", 6).problem(), "idempotency-key-reused");
    assert_eq!(increment("twice", 5).text(), r#"{"n":10}"#);
    assert_eq!(increment(&"k".repeat(256), 5).status, 400);
    // The key is for that method and entity alone.
    let call = http.call("DELETE", path).header("idempotency-key", "once");
    assert_eq!(call.send("").status, 204);
    let call = http.call("DELETE", path).header("idempotency-key", "once");
    let again = call.send("");
    assert_eq!((again.status, again.header("idempotent-replayed")), (204, Some("true")));

    // What a precondition or a test said is remembered too.
    let guarded = || {
        let call = http.call("PUT", path).header("content-type", "application/json");
        call.header("if-match", "\"99\"").header("idempotency-key", "guarded").send("{}")
    };
    assert_eq!(guarded().status, 412);
    let again = guarded();
    assert_eq!((again.status, again.header("idempotent-replayed")), (412, Some("true")));

    // An entity that gets its id here gets the same one again.
    let post = || {
        let call = http.call("POST", "/v1/zones/shop/orders/eu/entities");
        let call = call.header("content-type", "application/json");
        call.header("idempotency-key", "new").send(r#"{"new":true}"#)
    };
    let (one, two) = (post(), post());
    assert_eq!((one.status, two.status), (201, 201));
    assert!(one.header("location").is_some());
    assert_eq!(one.header("location"), two.header("location"));
    assert_eq!(two.header("idempotent-replayed"), Some("true"));
}

#[test]
fn lists_go_in_pages_in_the_order_of_the_ids() {
    let (_node, http) = shop();
    for n in 0..25 {
        http.put(&format!("/v1/entities/shop/orders/eu/{n:02}"), &n.to_string());
        http.put(&format!("/v1/entities/shop/orders/us/{n:02}"), &n.to_string());
    }
    http.delete("/v1/entities/shop/orders/eu/03");
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            http.get(&format!("/v1/collections/shop/orders/entities?limit=7{cursor}")).json();
        let entities = page["entities"].as_array().expect("a page");
        assert!(entities.len() <= 7);
        found.extend(entities.iter().map(|e| e["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found.len(), 49);
    assert!(found.is_sorted());
    let zone = http.get("/v1/zones/shop/orders/eu/entities").json();
    assert_eq!(zone["entities"].as_array().map(Vec::len), Some(24));
    assert_eq!(zone["next"], Value::Null);
    assert_eq!(zone["entities"][0], json!({"id":"shop/orders/eu/00","revision":1,"value":0}));
    for bad in ["limit=0", "limit=1001", "limit=x", "cursor=made-up"] {
        let reply = http.get(&format!("/v1/zones/shop/orders/eu/entities?{bad}"));
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
        reply.problem();
    }
    let collections = http.get("/v1/databases/shop/collections").json();
    assert_eq!(collections["collections"], json!(["shop/orders"]));
    let zones = http.get("/v1/collections/shop/orders/zones").json();
    assert_eq!(zones["zones"], json!(["shop/orders/eu", "shop/orders/us"]));
}

#[test]
fn a_batch_answers_each_part_as_a_single_call_would() {
    let (_node, http) = shop();
    http.put("/v1/entities/shop/orders/eu/1", r#"{"n":1}"#);
    let body = json!({"parts": [
        {"op":"replace","entity":"shop/orders/eu/1","value":{"n":2},"if_revision":1},
        {"op":"replace","entity":"shop/orders/eu/1","value":{"n":3},"if_revision":1},
        {"op":"patch","entity":"shop/orders/eu/2","value":[{"op":"add","path":"/a","value":1}],"if_exists":true},
        {"op":"merge","entity":"shop/orders/eu/2","value":{"a":1}},
        {"op":"create","entity":"shop/orders/eu/2","value":{}},
        {"op":"operations","entity":"shop/orders/eu/2","value":[{"op":"increment","path":"/a","by":1}]},
        {"op":"read","entity":"shop/orders/eu/2"},
        {"op":"delete","entity":"shop/orders/eu/2"},
        {"op":"read","entity":"shop/orders/eu/2"},
        {"op":"dance","entity":"shop/orders/eu/2"},
        {"op":"read","entity":"not an id"},
        {"op":"read","entity":"other/orders/eu/2"},
    ]});
    let reply = http.post("/v1/databases/shop/batch", &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let parts = reply.json();
    let parts = parts["parts"].as_array().expect("parts");
    let statuses: Vec<_> = parts.iter().map(|part| part["status"].as_u64()).collect();
    let expected = [200, 412, 412, 201, 412, 200, 200, 204, 404, 400, 400, 400];
    assert_eq!(statuses, expected.map(Some), "{parts:#?}");
    assert_eq!(
        parts[0],
        json!({"entity":"shop/orders/eu/1","status":200,"revision":2,"value":{"n":2}})
    );
    assert_eq!(parts[6]["value"], json!({"a":2}));
    assert!(
        parts[1]["problem"]["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("precondition-failed"))
    );
    let bad = |body: &str| http.post("/v1/databases/shop/batch", body);
    assert_eq!(bad(r#"{"parts":[]}"#).status, 400);
    assert_eq!(bad("{}").status, 400);
    assert_eq!(bad("[]").status, 400);
    let unknown = http.post("/v1/databases/nowhere/batch", &body.to_string());
    assert_eq!(unknown.problem(), "unknown-database");
}

#[test]
fn a_batch_under_an_idempotency_key_happens_once() {
    let (_node, http) = shop();
    let send = |by: u32| {
        let part = |id: u32| {
            json!({"op":"operations","entity":format!("shop/orders/eu/{id}"),
                "value":[{"op":"increment","path":"/n","by":by}]})
        };
        let body = json!({"parts": (0..20).map(part).collect::<Vec<_>>()});
        let call = http.call("POST", "/v1/databases/shop/batch");
        let call = call.header("content-type", "application/json");
        call.header("idempotency-key", "batch").send(&body.to_string())
    };
    let (first, again) = (send(1), send(1));
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.json(), again.json());
    assert_eq!(send(2).problem(), "idempotency-key-reused");
    assert_eq!(http.get("/v1/entities/shop/orders/eu/7").json(), json!({"n":1}));
}

#[test]
fn a_request_can_be_answered_later() {
    let (_node, http) = shop();
    let call = http.call("PUT", "/v1/entities/shop/orders/eu/1");
    let call = call.header("content-type", "application/json");
    let reply = call.header("prefer", "respond-async").send(r#"{"n":1}"#);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let location = reply.header("location").expect("where to ask").to_owned();
    assert!(location.starts_with("/v1/requests/"), "{location}");
    let outcome = loop {
        let outcome = http.get(&location).json();
        if outcome["state"] != "pending" {
            break outcome;
        }
    };
    assert_eq!(outcome["state"], "done");
    assert_eq!(outcome["id"], location.rsplit('/').next().expect("an id"));
    let answer = &outcome["answer"];
    assert_eq!(answer["status"], 201);
    assert_eq!(answer["entity"], "shop/orders/eu/1");
    assert_eq!(answer["revision"], 1);
    assert_eq!(answer["value"], json!({"n":1}));

    let body = json!({"parts":[{"op":"read","entity":"shop/orders/eu/1"}]}).to_string();
    let call = http.call("POST", "/v1/databases/shop/batch");
    let call = call.header("content-type", "application/json");
    let reply = call.header("prefer", "respond-async").send(&body);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let location = reply.header("location").expect("where to ask").to_owned();
    let outcome = loop {
        let outcome = http.get(&location).json();
        if outcome["state"] != "pending" {
            break outcome;
        }
    };
    assert_eq!(outcome["answer"]["parts"][0]["status"], 200, "{outcome}");

    assert_eq!(http.get("/v1/requests/nonsense").status, 400);
    let expired = http.get("/v1/requests/nobody:0:1:1000").json();
    assert_eq!(expired["state"], "expired");
}

#[test]
fn databases_are_provisioned_read_and_listed() {
    let (_node, http) = shop();
    let again = http.put("/v1/databases/shop", "");
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], "shop");
    assert_eq!(http.put("/v1/databases/another", "").status, 201);
    let list = http.get("/v1/databases").json();
    let ids: Vec<_> =
        list["databases"].as_array().expect("a list").iter().map(|db| db["id"].clone()).collect();
    assert_eq!(ids, ["another", "shop"]);
    assert_eq!(http.get("/v1/databases/nowhere").problem(), "unknown-database");
    assert_eq!(http.put("/v1/entities/nowhere/a/b/c", "{}").problem(), "unknown-database");
    assert_eq!(http.get("/v1/entities/nowhere/a/b/c").problem(), "unknown-database");
    assert_eq!(http.put("/v1/databases/a%20b", "").status, 400);
}

#[test]
fn browsers_are_let_in_only_where_it_was_said() {
    let (_node, http) = shop();
    let asked = http.call("GET", "/v1/databases").header("origin", "http://app.example").send("");
    assert_eq!(asked.header("access-control-allow-origin"), None);

    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &["--cors-origin", "http://app.example"]);
    let http = node.http();
    let asked = http.call("GET", "/v1/databases").header("origin", "http://app.example").send("");
    assert_eq!(asked.header("access-control-allow-origin"), Some("http://app.example"));
    let exposed = asked.header("access-control-expose-headers").expect("what is exposed");
    let exposed = exposed.to_ascii_lowercase();
    for name in [
        "etag",
        "location",
        "retry-after",
        "preference-applied",
        "idempotent-replayed",
        "tidelog-position",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let call = http.call("OPTIONS", "/v1/entities/shop/orders/eu/1");
    let call = call.header("origin", "http://app.example");
    let call = call.header("access-control-request-method", "PATCH");
    let preflight = call.header("access-control-request-headers", "content-type").send("");
    assert!(matches!(preflight.status, 200 | 204));
    assert!(preflight.header("access-control-allow-methods").is_some_and(|m| m.contains("PATCH")));
    let other = http.call("GET", "/v1/databases").header("origin", "http://evil.example").send("");
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[test]
fn health_and_readiness_are_told() {
    let (_node, http) = shop();
    assert_eq!(http.get("/healthz").status, 200);
    while http.get("/readyz").status != 200 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A node with the database `shop`.
fn shop() -> (Shop, Http) {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    (Shop { _node: node, _data: data }, http)
}

struct Shop {
    _node: Node,
    _data: tempfile::TempDir,
}
