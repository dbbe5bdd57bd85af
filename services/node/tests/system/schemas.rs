//! Schemas as users meet them: learned from what they put, stated by them, switched on late.

use std::{
    env,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::Http,
    node::{Node, json_of, repository, tidelog},
};

const QUICKLY: [&str; 2] = ["--schema-interval=50ms", "--usage-interval=100ms"];

#[test]
fn the_schema_of_real_documents_is_learned_and_survives_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &QUICKLY);
    import_movies(&node, "cinema/movies");
    let http = node.http();
    let movies = "/v1/collections/cinema/movies/schema";
    let schema = learned(&http, movies, |schema| schema["x-tidelog"]["count"] == 3_201);
    let title = &schema["properties"]["Title"];
    assert_eq!(title["type"], json!(["null", "integer", "string"]), "{title}");
    assert_eq!(schema["properties"]["IMDB Rating"]["maximum"], 9.2);
    assert!(schema["required"].as_array().is_some_and(|it| it.contains(&json!("Major Genre"))));
    assert_eq!(
        http.get("/v1/databases/cinema/schema").json()["$defs"]["movies"]["required"],
        schema["required"]
    );
    node.kill();

    let node = Node::start_with(data.path(), &QUICKLY);
    let http = node.http();
    assert_eq!(http.get(movies).json(), schema);
    let put = http.put("/v1/entities/cinema/movies/default/one-more", r#"{"Seen":true}"#);
    assert_eq!(put.status, 201);
    let after = learned(&http, movies, |schema| schema["x-tidelog"]["count"] == 3_202);
    assert_eq!(after["properties"]["Seen"]["type"], "boolean");
    assert_eq!(after.get("required"), None, "no field is in all of them any more");
}

#[test]
fn switched_on_with_documents_there_each_is_counted_once_while_writes_go_on() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &QUICKLY);
    let http = node.http();
    http.provision("shop");
    let learning = "/v1/databases/shop/schema/learning";
    assert_eq!(http.put(learning, r#"{"learning":false}"#).status, 200);
    // A multiple of 100; `TIDELOG_DOCUMENTS=100000` tries as many in half a minute.
    let documents: u32 =
        env::var("TIDELOG_DOCUMENTS").map_or(4_000, |n| n.parse().expect("a number"));
    for hundred in 0..documents / 100 {
        create(&http, hundred * 100..(hundred + 1) * 100);
    }
    thread::scope(|scope| {
        for writer in 0..4 {
            let http = node.http();
            scope.spawn(move || write(&http, writer));
        }
        assert_eq!(http.put(learning, r#"{"learning":true}"#).status, 200);
    });
    // Of the first each writer has changed 100, deleted 50, and made 100 new ones.
    let usage =
        |schema: &Value, field: &str| schema["properties"][field]["x-tidelog"]["count"].clone();
    // That many there can be before all is learned: what is awaited is all of it.
    let schema = learned(&http, "/v1/collections/shop/orders/schema", |schema| {
        let count = schema["x-tidelog"]["count"] == documents - 4 * 50 + 4 * 100;
        count && ["late", "more"].iter().all(|field| usage(schema, field) == 400)
    });
    assert_eq!(usage(&schema, "n"), documents + 200);
    assert_eq!(schema["required"], json!(["n"]));
}

#[test]
fn schemas_are_shown_pinned_patched_edited_and_switched_from_the_command_line() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &QUICKLY);
    let http = node.http();
    node.ok(&["provision", "shop"]);
    let refused = node.run(&["schema", "show", "shop/orders"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("tidelog schema edit shop/orders"), "{words}");
    node.ok(&["put", "shop/orders/eu/1", r#"{"age":30,"lines":[{"sku":"a"},{"sku":"b"}]}"#]);
    let orders = "/v1/collections/shop/orders/schema";
    learned(&http, orders, |schema| schema["x-tidelog"]["count"] == 1);

    let shown = json_of(&node.ok(&["schema", "show", "shop/orders"]));
    assert_eq!(shown["properties"]["age"]["maximum"], 30);
    let all = json_of(&node.ok(&["schema", "show", "shop", "--json"]));
    assert_eq!(all["schema"]["$defs"]["orders"]["required"], json!(["age", "lines"]));
    let pin = |field: &str, schema: &str| {
        json_of(&node.ok(&["schema", "pin", "shop/orders", field, schema]))
    };
    assert_eq!(pin("/age", r#"{"maximum":120}"#)["properties"]["age"]["maximum"], 120);
    pin("/lines/-/sku", r#"{"maxLength":8}"#);
    node.ok(&["schema", "pin", "shop/orders", "/lines"]);
    let stated = || json_of(&node.ok(&["schema", "show", "shop/orders", "--stated"]));
    let sku = json!({"properties":{"sku":{"maxLength":8}}});
    let lines = json!({"items":sku,"type":"array","minItems":2,"maxItems":2});
    assert_eq!(stated(), json!({"properties":{"age":{"maximum":120},"lines":lines}}));
    node.ok(&["schema", "unpin", "shop/orders", "/lines"]);
    let unpinned = node.run(&["schema", "unpin", "shop/orders", "/lines"]);
    assert_eq!(unpinned.status.code(), Some(1));
    node.ok(&["schema", "patch", "shop/orders", r#"{"title":"Orders"}"#]);
    assert_eq!(stated(), json!({"properties":{"age":{"maximum":120}},"title":"Orders"}));
    let refused =
        node.run(&["schema", "pin", "shop/orders", "/age", r#"{"type":"strng"}"#, "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    let error = json_of(words.lines().last().expect("a line"));
    assert_eq!(error["error"]["problem"]["pointer"], "#/properties/age/type");

    let edited = tidelog()
        .args(["schema", "edit", "shop/orders"])
        .env("TIDELOG_URL", node.url())
        .env("EDITOR", r#"sh -c 'echo "{\"title\":\"Edited\"}" > "$0"'"#)
        .env_remove("VISUAL")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    assert!(edited.status.success(), "{}", String::from_utf8_lossy(&edited.stderr));
    assert_eq!(stated(), json!({"title":"Edited"}));

    let learning = |words: &[&str]| node.ok(&[&["schema", "learning"], words].concat());
    assert_eq!(learning(&["shop"]), "learning is on for shop since revision 1\n");
    assert!(learning(&["shop/orders"]).ends_with(", as for all of shop\n"));
    assert!(learning(&["shop/orders", "off"]).starts_with("learning is off for shop/orders since"));
    let relearn = node.run(&["schema", "relearn", "shop/orders"]);
    assert_eq!(relearn.status.code(), Some(1));
    assert!(learning(&["shop/orders", "as-database"]).ends_with(", as for all of shop\n"));
    node.ok(&["put", "shop/orders/eu/1", r#"{"age":7}"#]);
    node.ok(&["schema", "relearn", "shop/orders"]);
    let schema = learned(&http, orders, |schema| schema["properties"]["age"]["maximum"] == 7);
    assert_eq!(schema["properties"].as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(node.run(&["schema", "learning", "shop", "as-database"]).status.code(), Some(2));
}

/// Changes, deletes and makes orders, each a few times a key.
fn write(http: &Http, writer: u32) {
    for n in 0..100 {
        let path = format!("/v1/entities/shop/orders/eu/{}", writer * 1_000 + n);
        let merge = http.patch(&path, "application/merge-patch+json", r#"{"late":true}"#);
        assert_eq!(merge.status, 200);
        let path = format!("/v1/entities/shop/orders/eu/{}", writer * 1_000 + 500 + n);
        assert!(n % 2 == 0 || http.delete(&path).status == 204);
        let path = format!("/v1/entities/shop/orders/eu/new-{writer}-{n}");
        assert_eq!(http.put(&path, r#"{"n":1,"more":[]}"#).status, 201);
    }
}

fn create(http: &Http, numbers: std::ops::Range<u32>) {
    let part = |n| json!({"op":"create","entity":format!("shop/orders/eu/{n}"),"value":{"n":n}});
    let parts: Vec<_> = numbers.map(part).collect();
    let reply = http.post("/v1/databases/shop/batch", &json!({ "parts": parts }).to_string());
    assert_eq!(reply.status, 200);
}

fn import_movies(node: &Node, into: &str) {
    let file = repository("examples/movies/movies.json");
    let file = file.to_str().expect("a path of text");
    node.ok(&["import", file, "--into", into]);
}

/// A schema, once it is so.
fn learned(http: &Http, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let reply = http.get(path);
        let schema = (reply.status == 200).then(|| reply.json());
        match schema {
            Some(schema) if is_so(&schema) => return schema,
            _ if begun.elapsed() > Duration::from_secs(300) => panic!("it is not so: {schema:?}"),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}
