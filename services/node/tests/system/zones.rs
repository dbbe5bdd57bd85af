//! Zones and devices as apps and people meet them, also when the node is killed in between.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use ureq::BodyReader;

use crate::{
    http::Http,
    node::{Node, json_of, tidelog},
};

const FEED: &str = "/v1/zones/shop/orders/eu/changes";

#[test]
fn a_reader_that_goes_on_after_a_kill_misses_nothing_and_sees_nothing_twice() {
    let data = tempfile::tempdir().expect("a folder");
    let mut node = Node::start(data.path());
    node.http().provision("shop");
    let (mut token, mut seen) = (None::<String>, Vec::new());
    for round in 0..3 {
        let http = node.http();
        for n in 0..40 {
            write(&http, round * 40 + n);
        }
        // Half of it is read before the kill, the rest after.
        let page = feed(&http, token.as_deref(), 20, "&wait=10");
        token = page["next"].as_str().map(Into::into);
        seen.extend(sequences(&page));
        node.kill();
        node = Node::start(data.path());
    }
    let http = node.http();
    while seen.len() < 120 {
        let page = feed(&http, token.as_deref(), 7, "&wait=10");
        token = page["next"].as_str().map(Into::into);
        seen.extend(sequences(&page));
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
    assert_eq!(feed(&http, token.as_deref(), 7, "")["changes"], json!([]));
}

#[test]
fn a_stream_goes_on_where_its_reader_was_after_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let mut node = Node::start(data.path());
    node.http().provision("shop");
    let (mut last, mut seen) = (None::<String>, Vec::new());
    for round in 0..3u64 {
        let mut events = Stream::open(&node, last.as_deref());
        let url = node.url().to_owned();
        let writer = thread::spawn(move || {
            let http = Http::new(&url);
            (0..30).for_each(|n| write(&http, round * 30 + n));
        });
        while seen.len() < usize::try_from(round).expect("few") * 30 + 20 {
            let (name, id, data) = events.next();
            last = Some(id);
            if name == "change" {
                seen.push(data["sequence"].as_u64().expect("a number"));
            }
        }
        writer.join().expect("the writes are done");
        node.kill();
        node = Node::start(data.path());
    }
    let mut events = Stream::open(&node, last.as_deref());
    while seen.len() < 90 {
        let (name, _, data) = events.next();
        match &*name {
            "change" => seen.push(data["sequence"].as_u64().expect("a number")),
            "up-to-date" => {}
            other => panic!("{other}: {data}"),
        }
    }
    assert_eq!(seen, (1..=90).collect::<Vec<_>>());
}

#[test]
fn what_devices_have_not_read_survives_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    let connected = http.put("/v1/users/ann/devices/phone", r#"{"databases":["shop"]}"#);
    assert_eq!(connected.status, 201, "{connected:?}");
    let subscription = "/v1/entities/shop/$zoneSubscription/phone/1";
    let body = r#"{"collection":"shop/orders","own_changes":false}"#;
    assert_eq!(http.put(subscription, body).status, 201);
    // A subscription begins a moment after it is written.
    let mut writes = 0;
    eventually(|| {
        write(&http, 0);
        writes += 1;
        unread(&http)["last"].as_u64() > Some(0)
    });
    eventually(|| unread(&http)["zones"][0]["last"] == writes);
    let known = unread(&http)["last"].as_u64().expect("a number");
    let read =
        http.post("/v1/devices/phone/notifications/ack", &json!({"through": known}).to_string());
    assert_eq!((read.status, &read.json()["zones"]), (200, &json!([])));
    for n in 1..=10 {
        write(&http, n);
    }
    eventually(|| unread(&http)["last"].as_u64() == Some(known + 10));
    let told = unread(&http);
    node.kill();

    let node = Node::start(data.path());
    let http = node.http();
    assert_eq!(unread(&http), told);
    assert_eq!(told["zones"][0]["created"], 10);
    assert_eq!(http.put("/v1/users/ann/devices/phone", "{}").status, 200, "it is known");
    let listed = node.ok(&["devices", "ann", "--json"]);
    assert_eq!(json_of(&listed)["device"], "phone");
    let printed = node.ok(&["notifications", "phone", "--ack"]);
    assert!(printed.starts_with("shop/orders/eu\t"), "{printed}");
    assert_eq!(unread(&http)["zones"], json!([]));
    assert_eq!(node.ok(&["devices", "ann", "--forget", "phone"]), "forgot phone of ann\n");
    eventually(|| http.get(subscription).status == 404);
}

#[test]
fn a_device_that_is_silent_is_forgotten_and_its_subscriptions_with_it() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &["--device-lease=1s"]);
    let http = node.http();
    http.provision("shop");
    let phone = "/v1/users/ann/devices/phone";
    assert_eq!(http.put(phone, r#"{"databases":["shop"]}"#).status, 201);
    let subscription = "/v1/entities/shop/$zoneSubscription/phone/1";
    assert_eq!(http.put(subscription, r#"{"collection":"shop/orders"}"#).status, 201);
    eventually(|| http.get(subscription).status == 404);
    assert_eq!(http.get(phone).status, 404);
    assert_eq!(http.put(phone, "{}").status, 201, "it is new again");
}

#[test]
fn the_command_line_watches_a_zone() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let http = node.http();
    http.provision("shop");
    write(&http, 1);
    eventually(|| !node.ok(&["watch", "shop/orders/eu", "--all", "--once"]).is_empty());
    let once = node.run(&["watch", "shop/orders/eu", "--all", "--once", "--json"]);
    let told = String::from_utf8(once.stdout).expect("text");
    assert_eq!(json_of(&told)["entity"], "shop/orders/eu/1");
    let said = String::from_utf8(once.stderr).expect("text");
    let token = said.trim().strip_prefix("go on with --since ").expect("a token").to_owned();
    let mut watch = tidelog()
        .args(["watch", "shop/orders/eu", "--since", &token])
        .env("TIDELOG_URL", node.url())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    write(&http, 2);
    let line = lines.next().expect("a line").expect("text");
    watch.kill().expect("it runs");
    watch.wait().expect("it ends");
    assert!(line.starts_with("2\t") && line.ends_with("created\tshop/orders/eu/2\t1"), "{line}");
}

#[test]
fn a_feed_keeps_as_many_changes_as_it_is_told_to() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start_with(data.path(), &["--feed-changes=10"]);
    let http = node.http();
    http.provision("shop");
    write(&http, 1);
    let token = feed(&http, None, 1, "&wait=10")["next"].as_str().expect("a token").to_owned();
    for n in 2..=30 {
        write(&http, n);
    }
    eventually(|| sequences(&feed(&http, None, 100, "")).last() == Some(&30));
    assert_eq!(sequences(&feed(&http, None, 100, "")), (21..=30).collect::<Vec<_>>());
    let expired = http.get(&format!("{FEED}?since={token}"));
    assert_eq!((expired.status, &*expired.problem()), (410, "change-token-expired"));
}

#[test]
fn a_token_of_another_cluster_is_refused() {
    let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir());
    let there = there.expect("a folder");
    let (here, there) = (Node::start(here.path()), Node::start(there.path()));
    let token = |node: &Node| {
        let http = node.http();
        http.provision("shop");
        write(&http, 1);
        feed(&http, None, 1, "&wait=10")["next"].as_str().expect("a token").to_owned()
    };
    let (ours, theirs) = (token(&here), token(&there));
    assert_ne!(ours, theirs);
    assert_eq!(here.http().get(&format!("{FEED}?since={ours}")).status, 200);
    let refused = here.http().get(&format!("{FEED}?since={theirs}"));
    assert_eq!((refused.status, &*refused.problem()), (400, "invalid-change-token"));
}

/// A stream of server-sent events, read line by line.
struct Stream(std::io::Lines<BufReader<BodyReader<'static>>>);

impl Stream {
    fn open(node: &Node, last: Option<&str>) -> Self {
        let mut request = ureq::get(format!("{}{FEED}", node.url()));
        request = request.header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.call().expect("an answer");
        Self(BufReader::new(response.into_body().into_reader()).lines())
    }

    fn next(&mut self) -> (String, String, Value) {
        let (mut name, mut id, mut data) = (String::new(), String::new(), None);
        loop {
            let line = self.0.next().expect("the stream goes on").expect("text");
            match line.split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = Some(json_of(value)),
                Some(_) | None => {}
            }
            if let (true, Some(data)) = (line.is_empty(), data.take_if(|_| line.is_empty())) {
                return (name, id, data);
            }
        }
    }
}

fn write(http: &Http, n: u64) {
    let reply = http.put(&format!("/v1/entities/shop/orders/eu/{n}"), &n.to_string());
    assert!(matches!(reply.status, 200 | 201), "{reply:?}");
}

fn feed(http: &Http, since: Option<&str>, limit: u32, more: &str) -> Value {
    let since = since.map_or(String::new(), |since| format!("&since={since}"));
    let reply = http.get(&format!("{FEED}?limit={limit}{since}{more}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn sequences(page: &Value) -> Vec<u64> {
    let changes = page["changes"].as_array().expect("a list").iter();
    changes.map(|change| change["sequence"].as_u64().expect("a number")).collect()
}

fn unread(http: &Http) -> Value {
    let reply = http.get("/v1/devices/phone/notifications");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "it does not come to hold");
        thread::sleep(Duration::from_millis(5));
    }
}
