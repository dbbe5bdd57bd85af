//! Slow, broken and too many connections, and the server's end.

use std::{sync::Arc, time::Duration};

use tidelog_gateway::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::system::{System, script, script_with, settings};

const PATH: &str = "/v1/entities/shop/orders/eu/42";

async fn connect(shop: &Arc<System>, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(shop.address).await.expect("the server listens");
    stream.write_all(text.as_bytes()).await.expect("the server reads");
    stream
}

/// All that the server sends until it closes the connection.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await;
    // A reset after the answer is as good as a close.
    let _ = read.expect("the server closes the connection");
    text
}

#[test]
fn a_header_that_does_not_come_to_an_end_is_given_up() {
    let settings = Settings { header_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        let mut stream = connect(&shop, "GET / HTTP/1.1\r\nx-slow: ").await;
        let text = read_all(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
        assert!(text.contains("connection: close\r\n"), "{text}");
        assert!(text.contains("/problems/header-timeout"), "{text}");
    });
}

#[test]
fn a_second_header_that_does_not_come_to_an_end_is_given_up_after_the_first_answer() {
    let settings = Settings { header_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        let mut stream = connect(&shop, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200");
        stream.write_all(b"GET /healthz HT").await.expect("the server reads");
        let text = read_all(&mut stream).await;
        assert!(text.contains("{\"status\":\"alive\"}HTTP/1.1 408"), "{text}");
    });
}

#[test]
fn a_connection_that_asks_for_nothing_is_closed_without_a_word() {
    let settings = Settings { header_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        assert_eq!(read_all(&mut connect(&shop, "").await).await, "");
    });
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let settings = Settings { body_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        let request = format!("PUT {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{{\"a");
        let text = read_all(&mut connect(&shop, &request).await).await;
        assert!(text.starts_with("HTTP/1.1 408"), "{text}");
        assert!(text.contains("/problems/body-timeout"), "{text}");
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn a_request_that_breaks_off_changes_nothing() {
    script(async |shop| {
        let request = format!("PUT {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{{}}");
        let mut stream = connect(&shop, &request).await;
        stream.shutdown().await.expect("a clean end");
        read_all(&mut stream).await;
        let request = format!("PUT {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{");
        drop(connect(&shop, &request).await);
        let chunked = format!(
            "PUT {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\nzz\r\n"
        );
        let text = read_all(&mut connect(&shop, &chunked).await).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn what_is_no_http_is_answered_with_400_and_closed() {
    script(async |shop| {
        let text = read_all(&mut connect(&shop, "\u{16}\u{3}\u{1} hello\r\n\r\n").await).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{text}");
        shop.get("/healthz").await.is(200);
    });
}

#[test]
fn a_request_names_one_host() {
    script(async |shop| {
        let body = "content-length: 2\r\n\r\n{}";
        for host in ["", "host: a\r\nhost: b\r\n", "host: a\r\nhost: a\r\n", "host: a b\r\n"] {
            for start in [format!("PUT {PATH}"), "GET /healthz".into(), "OPTIONS /".into()] {
                let request = format!("{start} HTTP/1.1\r\n{host}{body}");
                let text = read_all(&mut connect(&shop, &request).await).await;
                assert!(text.starts_with("HTTP/1.1 400"), "{host:?}: {text}");
                assert!(text.contains("/problems/bad-request") && text.contains("Host"), "{text}");
            }
        }
        let old = read_all(&mut connect(&shop, "GET /healthz HTTP/1.0\r\n\r\n").await).await;
        assert!(old.starts_with("HTTP/1.0 200"), "{old}");
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn a_chunked_body_is_taken() {
    script(async |shop| {
        let request = format!(
            "PUT {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\
             \r\n3\r\n{{\"n\r\n4\r\n\":1}}\r\n0\r\n\r\n"
        );
        let text = read_all(&mut connect(&shop, &request).await).await;
        assert!(text.starts_with("HTTP/1.1 201") && text.ends_with("{\"n\":1}"), "{text}");
    });
}

#[test]
fn a_body_in_another_transfer_coding_is_refused() {
    script(async |shop| {
        for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked"] {
            let request = format!(
                "PUT {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {coding}\r\n\r\n1\r\n7\r\n0\r\n\r\n"
            );
            let text = read_all(&mut connect(&shop, &request).await).await;
            assert!(text.starts_with("HTTP/1.1 400"), "{coding}: {text}");
            assert!(text.contains("no other Transfer-Encoding"), "{coding}: {text}");
        }
        shop.get(PATH).await.is(404);
    });
}

/// Where a proxy in front may have seen the body end elsewhere, what comes after it is not taken for
/// a request (RFC 9112, section 6.1).
#[test]
fn after_a_body_of_two_lengths_the_connection_is_closed() {
    script(async |shop| {
        let length = "content-length: 4\r\n";
        let chunked = "transfer-encoding: chunked\r\n";
        for (one, other) in [(length, chunked), (chunked, length)] {
            let request = format!(
                "GET {PATH} HTTP/1.1\r\nhost: x\r\n{one}{other}\r\n0\r\n\r\n\
                 PUT {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n7"
            );
            let text = read_all(&mut connect(&shop, &request).await).await;
            assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
        }
        shop.get(PATH).await.is(404);
    });
}

#[test]
fn a_connection_is_kept_for_many_requests() {
    script(async |shop| {
        let one = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\n\r\n");
        let last = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let text = read_all(&mut connect(&shop, &format!("{one}{one}{last}")).await).await;
        assert_eq!(text.matches("HTTP/1.1 404").count(), 3, "{text}");
    });
}

#[test]
fn who_wants_to_send_too_much_is_told_before() {
    script(async |shop| {
        let request = format!(
            "PUT {PATH} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n"
        );
        let text = read_all(&mut connect(&shop, &request).await).await;
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    });
}

#[test]
fn too_many_connections_are_told_so() {
    let settings = Settings { connections_max: 2, ..settings() };
    script_with(settings, async |shop| {
        let held = [connect(&shop, "").await, connect(&shop, "").await];
        // The server takes connections in their order, so these two are in.
        let refused = shop.get("/healthz").await;
        refused.fails(503, "busy", "too many connections").has("retry-after", "1");
        drop(held);
        while shop.get("/healthz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn requests_under_way_are_finished_when_the_server_stops() {
    script(async |shop| {
        shop.stall(Duration::from_millis(300));
        let idle = connect(&shop, "").await;
        let request = shop.put(PATH, "1");
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            shop.stop();
            shop.stopped().await;
        };
        let (answer, ()) = tokio::join!(request, stopping);
        answer.is(201).says("1");
        assert!(TcpStream::connect(shop.address).await.is_err());
        drop(idle);
    });
}

#[test]
fn what_takes_too_long_is_cut_off_when_the_server_stops() {
    let settings = Settings { drain_timeout: Duration::from_millis(200), ..settings() };
    script_with(settings, async |shop| {
        let request = format!("PUT {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{{\"a");
        let mut stream = connect(&shop, &request).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.stop();
        shop.stopped().await;
        assert_eq!(read_all(&mut stream).await, "");
    });
}

#[test]
fn a_target_beyond_all_bounds_is_answered_with_no_more_than_a_status() {
    script(async |shop| {
        let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(65_535));
        let text = read_all(&mut connect(&shop, &request).await).await;
        let is_bare = text.ends_with("\r\n\r\n");
        assert!(is_bare && text.starts_with("HTTP/1.1 414"), "{text}");
    });
}
