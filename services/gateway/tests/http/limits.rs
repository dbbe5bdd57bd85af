//! What is too large, too deep, or not right in itself.

use std::time::Duration;

use tidelog_gateway::{Settings, limits};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::system::{crowded, script, script_with, settings};

const PATH: &str = "/v1/entities/shop/orders/eu/42";
const MIB: usize = 1024 * 1024;

#[test]
fn a_document_may_have_a_mebibyte_and_no_more() {
    script(async |shop| {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        let most = text(MIB);
        shop.put(PATH, most.clone()).await.is(201);
        shop.get(PATH).await.is(200).says(&most);
        let answer = shop.put(PATH, text(MIB + 1)).await;
        answer.fails(413, "too-large", "1048577 bytes as compact JSON and 1048576 are allowed");
        let spaced = format!("{}{}", " ".repeat(MIB / 2), "1");
        shop.put(PATH, spaced).await.is(200).says("1");
    });
}

#[test]
fn a_body_beyond_all_bounds_is_refused_however_it_is_sent() {
    script(async |shop| {
        let body = "x".repeat(limits::BATCH_BODY_BYTES_MAX + 1);
        let words = "bytes or more and";
        let meant = "; a document as compact JSON may have 1048576";
        shop.put(PATH, body.clone()).await.fails(413, "too-large", meant);
        shop.put(PATH, body.clone())
            .await
            .fails(413, "too-large", words)
            .has("connection", "close");
        shop.patch(PATH, "json-patch", body.clone()).await.fails(413, "too-large", words);
        shop.post("/v1/databases/shop/batch", body.clone()).await.fails(413, "too-large", words);
        shop.post("/v1/zones/shop/orders/eu/entities", body).await.fails(413, "too-large", words);
    });
}

#[test]
fn reads_are_refused_while_others_do_not_take_their_answers() {
    let settings = Settings { answers_bytes_max: 10 * MIB, ..settings() };
    script_with(settings, async |shop| {
        let text = format!("\"{}\"", "x".repeat(MIB - 2));
        for n in 0..4 {
            shop.put(&format!("/v1/entities/shop/big/eu/{n}"), text.clone()).await.is(201);
        }
        let list = "/v1/zones/shop/big/eu/entities";
        let request = format!("GET {list} HTTP/1.1\r\nhost: x\r\n\r\n");
        let mut idle = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(shop.address).await.expect("the server listens");
            stream.write_all(request.as_bytes()).await.expect("the server reads");
            stream.readable().await.expect("an answer has begun");
            idle.push(stream);
        }
        shop.get(list).await.fails(503, "busy", "have not taken").has("retry-after", "1");
        shop.get("/v1/entities/shop/big/eu/1").await.is(200).says(&text);
        shop.put(PATH, "1").await.is(201);
        shop.get(PATH).await.is(200);
        drop(idle);
        while shop.get(list).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn what_is_no_json_is_refused_with_the_place() {
    script(async |shop| {
        let cases = [
            ("", "this is not JSON"),
            ("{\"a\":1,}", "at line 1, column 8"),
            ("{} x", "this is not JSON"),
            ("{\"a\":1,\n\"a\":2}", "the key \"a\" stands twice in the same object"),
            ("nul", "this is not JSON"),
        ];
        for (body, words) in cases {
            shop.put(PATH, body).await.fails(400, "bad-request", words);
        }
        let ask = shop.ask("PUT", PATH).with("content-type", "application/json");
        ask.body([b'"', 0xff, b'"']).await.fails(400, "bad-request", "not UTF-8 from byte 1 on");
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn a_document_may_nest_a_hundred_levels_and_no_more() {
    script(async |shop| {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        shop.put(PATH, nested(100)).await.is(201);
        let words = "nest deeper than 100 levels";
        shop.put(PATH, nested(101)).await.fails(400, "bad-request", words);
        shop.put(PATH, nested(100_000)).await.fails(400, "bad-request", words);
        shop.put(PATH, nested(100)).await.is(200);
        let path = "/0".repeat(99);
        let patch = format!(r#"[{{"op":"add","path":"{path}/0","value":[]}}]"#);
        shop.patch(PATH, "json-patch", patch).await.fails(422, "too-deep", words);
        let path = "/0".repeat(101);
        let patch = format!(r#"[{{"op":"remove","path":"{path}"}}]"#);
        shop.patch(PATH, "json-patch", patch).await.fails(400, "bad-request", "100 levels");
    });
}

#[test]
fn a_number_that_cannot_be_kept_is_refused() {
    script(async |shop| {
        for number in ["18446744073709551616", "0.12345678901234567890123", "1e400"] {
            let answer = shop.put(PATH, format!("{{\"n\":{number}}}")).await;
            answer.fails(422, "number-not-kept", "fits neither a 64-bit integer nor a double");
        }
        shop.put(PATH, "[18446744073709551615,-9223372036854775808,0.1]").await.is(201);
        shop.put(PATH, "{\"n\":18446744073709551615}").await.is(200);
        let operations = r#"[{"op":"increment","path":"/n","by":1}]"#;
        let answer = shop.patch(PATH, "vnd.tidelog.operations", operations).await;
        answer.fails(422, "number-not-kept", "the result fits neither");
    });
}

#[test]
fn another_media_type_is_refused() {
    script(async |shop| {
        let ask = || shop.ask("PUT", PATH).body("{}");
        let answer = ask().with("content-type", "application/x-www-form-urlencoded").await;
        let answer = answer.fails(415, "unsupported-media-type", "has to be application/json");
        answer.has("accept", "application/json");
        let answer = ask().with("content-encoding", "gzip").await;
        answer.fails(415, "unsupported-media-type", "without a Content-Encoding");
        ask().await.is(201);
        ask().with("content-type", "application/json; charset=utf-8").await.is(200);
        shop.ask("DELETE", PATH).body("{}").await.fails(400, "bad-request", "DELETE has no body");
    });
}

#[test]
fn a_header_that_is_too_large_is_refused() {
    script(async |shop| {
        let answer = shop.get(PATH).with("cookie", &"x".repeat(17 * 1024)).await;
        answer.fails(431, "header-too-large", "16384 are allowed");
        let answer = shop.get(&format!("{PATH}?{}", "x".repeat(17 * 1024))).await;
        answer.fails(431, "header-too-large", "16384 are allowed");
        let mut ask = shop.get(PATH);
        for n in 0..97 {
            ask = ask.with(&format!("x-{n}"), "1");
        }
        ask.await.fails(431, "header-too-large", "98 fields and 96 are allowed");
        shop.get(PATH).with("cookie", &"x".repeat(15 * 1024)).await.is(404);
        // Beyond all bounds there is no more than the status.
        shop.get(PATH).with("cookie", &"x".repeat(100 * 1024)).await.is(431);
    });
}

#[test]
fn batches_have_bounds() {
    script(async |shop| {
        let batch = "/v1/databases/shop/batch";
        let parts = vec![r#"{"op":"read","entity":"shop/orders/eu/1"}"#; 1_001];
        let answer = shop.post(batch, format!("{{\"parts\":[{}]}}", parts.join(","))).await;
        answer.fails(413, "too-large", "1001 parts and 1000 are allowed");
        let value = "x".repeat(MIB - 100);
        let part = format!(r#"{{"op":"create","entity":"shop/orders/eu/1","value":"{value}"}}"#);
        let parts = vec![part; 3].join(",");
        let parts = format!(
            "{parts},{{\"op\":\"create\",\"entity\":\"shop/orders/eu/2\",\"value\":\"{}\"}}",
            "x".repeat(1_000)
        );
        let answer = shop.post(batch, format!("{{\"parts\":[{parts}]}}")).await;
        answer.fails(413, "too-large", "bytes in the log and 3145728 are allowed");
        shop.get("/v1/entities/shop/orders/eu/1").await.is(404);
    });
}

#[test]
fn bodies_that_would_fill_the_memory_are_refused_for_now() {
    let settings = Settings { bodies_bytes_max: 10, ..settings() };
    script_with(settings, async |shop| {
        let answer = shop.put(PATH, "\"0123456789\"").await;
        answer.fails(503, "busy", "the room that there is").has("retry-after", "1");
        shop.put(PATH, "1").await.is(201);
    });
}

#[test]
fn requests_beyond_those_that_may_be_under_way_are_refused_for_now() {
    crowded(1, async |shop| {
        shop.stall(Duration::from_millis(500));
        let late = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            shop.put("/v1/entities/shop/orders/eu/43", "1").await
        };
        let (first, late) = tokio::join!(shop.put(PATH, "1"), late);
        first.is(201);
        let late = late.fails(503, "busy", "too many requests are under way; none was sent");
        late.has("retry-after", "1");
        shop.get("/v1/entities/shop/orders/eu/43").await.is(404);
    });
}

#[test]
fn the_collections_of_the_system_are_not_written() {
    script(async |shop| {
        let (path, words) = ("/v1/entities/shop/$schema/a/b", "$schema belongs to the system");
        shop.put(path, "1").await.fails(400, "bad-request", words);
        shop.patch(path, "merge-patch", "{}").await.fails(400, "bad-request", words);
        shop.delete(path).await.fails(400, "bad-request", words);
        let zone = "/v1/zones/shop/$schema/a/entities";
        shop.post(zone, "1").await.fails(400, "bad-request", words);
        let parts = r#"{"parts":[{"op":"delete","entity":"shop/$schema/a/b"}]}"#;
        let batch = shop.post("/v1/databases/shop/batch", parts).await.is(200).json();
        assert_eq!(batch["parts"][0]["status"], 400);
        shop.get(path).await.is(404);
        shop.put("/v1/entities/shop/$zoneSubscription/phone/1", r#"{"zone":"shop/orders/eu"}"#)
            .await
            .is(201);
    });
}
