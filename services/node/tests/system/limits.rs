//! Every limit, with the error that a user sees.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::json;

use crate::{http::Http, node::Node};

#[test]
fn what_is_too_large_too_deep_or_malformed_is_refused_and_changes_nothing() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/1";
    let document = |text: String| text.into_bytes();
    let megabyte = 1024 * 1024;
    let cases = [
        (document(format!("\"{}\"", "x".repeat(megabyte))), 413, "too-large"),
        (document(format!("{}1{}", "[".repeat(101), "]".repeat(101))), 400, "bad-request"),
        (document("{\"a\":1,\"a\":2}".into()), 400, "bad-request"),
        (document("{".into()), 400, "bad-request"),
        (document("{} {}".into()), 400, "bad-request"),
        (document(String::new()), 400, "bad-request"),
        (vec![b'"', 0xff, b'"'], 400, "bad-request"),
        (document("123456789012345678901234567890".into()), 422, "number-not-kept"),
        (document("1e400".into()), 422, "number-not-kept"),
    ];
    for (body, status, problem) in cases {
        let call = http.call("PUT", path).header("content-type", "application/json");
        let reply = call.send_bytes(&body);
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem));
    }
    assert_eq!(http.get(path).status, 404);
    let largest = format!("\"{}\"", "x".repeat(megabyte - 2));
    assert_eq!(http.put(path, &largest).status, 201);
    let deepest = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(http.put(path, &deepest).status, 200);
}

#[test]
fn a_patch_that_would_grow_a_document_without_end_is_refused() {
    let (_node, http) = shop();
    let path = "/v1/entities/shop/orders/eu/1";
    http.put(path, r#"{"a":["x"]}"#);
    let double = json!({"op":"copy","from":"/a","path":"/a/-"});
    let patch = serde_json::Value::Array(vec![double; 30]).to_string();
    let reply = http.patch(path, "application/json-patch+json", &patch);
    assert!(matches!(reply.status, 413 | 422), "{}", reply.text());
    reply.problem();
    assert_eq!(http.get(path).text(), r#"{"a":["x"]}"#);
    let many = vec![json!({"op":"test","path":"/a","value":["x"]}); 1_001];
    let reply = http.patch(path, "application/json-patch+json", &json!(many).to_string());
    assert_eq!((reply.status, reply.problem().as_str()), (413, "too-large"));
    let deep = json!([{"op":"test","path":"/a".repeat(101),"value":1}]).to_string();
    assert_eq!(http.patch(path, "application/json-patch+json", &deep).status, 400);
}

#[test]
fn a_batch_has_its_limits_too() {
    let (_node, http) = shop();
    let part = |n: usize| json!({"op":"replace","entity":format!("shop/orders/eu/{n}"),"value":{}});
    let batch =
        |parts: usize| json!({"parts": (0..parts).map(part).collect::<Vec<_>>()}).to_string();
    let reply = http.post("/v1/databases/shop/batch", &batch(1_001));
    assert!(matches!(reply.status, 400 | 413), "{}", reply.text());
    reply.problem();
    let reply = http.post("/v1/databases/shop/batch", &batch(1_000));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["parts"].as_array().map(Vec::len), Some(1_000));
    let large = "x".repeat(900_000);
    let part =
        |n: u32| json!({"op":"replace","entity":format!("shop/orders/eu/{n}"),"value":large});
    let body = json!({"parts": (0..4).map(part).collect::<Vec<_>>()}).to_string();
    let reply = http.post("/v1/databases/shop/batch", &body);
    assert_eq!((reply.status, reply.problem().as_str()), (413, "too-large"));
}

#[test]
fn ids_are_checked_where_they_come_in() {
    let (_node, http) = shop();
    let long = "x".repeat(129);
    for (path, status) in [
        ("/v1/entities/shop/orders/eu/a%20b", 400),
        ("/v1/entities/shop/orders/eu/%2e%2e", 400),
        ("/v1/entities/shop/orders/eu/%ff", 400),
        ("/v1/entities/shop/$$x/eu/1", 400),
        (&format!("/v1/entities/shop/orders/eu/{long}"), 400),
        ("/v1/entities/shop/orders/eu", 400),
        ("/v1/nothing", 404),
        ("/", 404),
    ] {
        let reply = http.get(path);
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        reply.problem();
    }
    let reply = http.call("DELETE", "/v1/databases").send("");
    assert_eq!((reply.status, reply.problem().as_str()), (405, "method-not-allowed"));
    assert!(reply.header("allow").is_some_and(|allow| allow.contains("GET")));
    let reply =
        http.call("PUT", "/v1/entities/shop/orders/eu/1").header("content-type", "text/plain");
    assert_eq!(reply.send("{}").problem(), "unsupported-media-type");
    let position =
        http.call("GET", "/v1/entities/shop/orders/eu/1").header("tidelog-position", "x");
    assert_eq!(position.send("").status, 400);
}

#[test]
fn headers_without_end_and_nonsense_on_the_wire_get_an_answer_or_a_close() {
    let (node, http) = shop();
    let huge = http.call("GET", "/healthz").header("x-large", &"x".repeat(200_000)).try_send(b"");
    assert!(huge.is_err() || huge.is_ok_and(|reply| matches!(reply.status, 400 | 431)));
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"PUT\r\n\r\n"] {
        let address = node.node.url().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(bytes).expect("it takes bytes");
        let mut said = Vec::new();
        // A close without a word is an answer too.
        let _ = stream.read_to_end(&mut said);
        assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "{said:?}");
    }
    assert_eq!(http.get("/healthz").status, 200);
}

#[test]
fn a_body_that_never_comes_does_no_harm() {
    let (node, http) = shop();
    let address = node.node.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = "PUT /v1/entities/shop/orders/eu/1 HTTP/1.1\r\nhost: x\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"half\":";
    stream.write_all(head.as_bytes()).expect("it takes bytes");
    drop(stream);
    assert_eq!(http.get("/v1/entities/shop/orders/eu/1").status, 404);
}

fn shop() -> (Shop, Http) {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    (Shop { node, _data: data }, http)
}

struct Shop {
    node: Node,
    _data: tempfile::TempDir,
}
