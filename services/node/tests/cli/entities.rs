//! Commands about single entities and lists, against a scripted node.

use serde_json::json;

use crate::scripted::Scripted;
use crate::tool::{Run, tidelog, tidelog_reading};

#[test]
fn an_entity_is_written_read_changed_listed_and_deleted() {
    let node = Scripted::start(&["shop"]);
    let run = on(&node, &["put", "shop/orders/42", "{\"n\": 1}"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(0), "created shop/orders/default/42 at revision 1\n")
    );
    let run =
        on(&node, &["put", "shop/orders/default/42", "{\"n\":2}", "--if-match", "1", "--json"]);
    let expected =
        json!({"id":"shop/orders/default/42","created":false,"revision":2,"replayed":false});
    assert_eq!(run.json(), expected);

    let run = on(&node, &["get", "shop/orders/42"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "{\n  \"n\": 2\n}\n"));
    assert_eq!(run.err, "shop/orders/default/42 at revision 2\n");
    let run = on(&node, &["get", "shop/orders/42", "--json"]);
    let expected = json!({"id":"shop/orders/default/42","revision":2,"value":{"n":2}});
    assert_eq!((run.json(), run.err.as_str()), (expected, ""));

    let run = on(&node, &["list", "shop/orders"]);
    assert_eq!(run.out, "shop/orders/default/42\t2\t{\"n\":2}\n");
    let run = on(&node, &["delete", "shop/orders/42"]);
    assert_eq!(run.out, "deleted shop/orders/default/42 at revision 3\n");
    let run = on(&node, &["list", "shop/orders/default"]);
    assert_eq!(
        (run.out.as_str(), run.err.as_str()),
        ("", "there is nothing in shop/orders/default\n")
    );
    let run = on(&node, &["get", "shop/orders/42"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("tidelog list shop/orders/default"), "{run:?}");

    let lines: Vec<_> = node.state().seen.iter().map(|seen| seen.line.clone()).collect();
    assert_eq!(lines[0], "PUT /v1/entities/shop/orders/default/42");
    assert_eq!(lines[4], "GET /v1/collections/shop/orders/entities?limit=100");
    assert_eq!(lines[6], "GET /v1/zones/shop/orders/default/entities?limit=100");
}

#[test]
fn with_json_a_failure_is_an_object_on_standard_error() {
    let node = Scripted::start(&["shop"]);
    let run = on(&node, &["get", "shop/orders/42", "--json"]);
    let error = run.error();
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert_eq!((&error["kind"], &error["exit_code"]), (&json!("refused"), &json!(1)));
    assert_eq!(error["problem"]["status"], 404);
    assert_eq!(error["message"], error["problem"]["detail"]);
    assert!(error["advice"].as_str().is_some_and(|advice| advice.contains("tidelog list")));

    let run = tidelog(&["get", "shop/orders/42", "--json", "--url", "http://127.0.0.1:1"]);
    assert_eq!((run.code, run.error()["kind"].clone()), (Some(3), json!("unreachable")));
    for wrong in [
        &["put", "shop/orders/42", "{", "--json"][..],
        &["get", "shop", "--json"],
        &["get", "--json", "--no-such-flag"],
    ] {
        let run = on(&node, wrong);
        let error = run.error();
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert_eq!((&error["kind"], &error["exit_code"]), (&json!("wrong-call"), &json!(2)));
        assert_eq!(error.get("problem"), None);
    }
    let help = tidelog(&["get", "--json", "--help"]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
}

#[test]
fn every_write_is_named() {
    let node = Scripted::start(&["shop"]);
    on(&node, &["put", "shop/orders/1", "1"]);
    on(&node, &["put", "shop/orders/1", "2", "--idempotency-key", "mine"]);
    on(&node, &["put", "shop/orders/2", "2", "--create"]);
    on(&node, &["patch", "shop/orders/1", "{}", "--if-match", "*"]);
    let state = node.state();
    let field = |index: usize, name: &str| state.seen[index].headers.get(name).cloned();
    assert!(field(0, "idempotency-key").is_some_and(|key| key.starts_with("tidelog-")));
    assert_eq!(field(1, "idempotency-key"), Some("mine".to_owned()));
    assert_ne!(field(0, "idempotency-key"), field(2, "idempotency-key"));
    assert_eq!(field(2, "if-none-match"), Some("*".to_owned()));
    assert_eq!(field(3, "if-match"), Some("*".to_owned()));
    assert_eq!(field(0, "content-type"), Some("application/json".to_owned()));
}

#[test]
fn a_patch_says_what_kind_it_is() {
    let node = Scripted::start(&["shop"]);
    for (args, media_type) in [
        (vec!["{\"a\":null}"], "application/merge-patch+json"),
        (vec!["[{\"op\":\"test\",\"path\":\"\",\"value\":1}]"], "application/json-patch+json"),
        (vec!["[{\"op\":\"increment\"}]"], "application/vnd.tidelog.operations+json"),
        (vec!["[1]", "--merge"], "application/merge-patch+json"),
        (vec!["[{\"op\":\"increment\"}]", "--json-patch"], "application/json-patch+json"),
        (vec!["[]", "--operations"], "application/vnd.tidelog.operations+json"),
    ] {
        let run = on(&node, &[vec!["patch", "shop/orders/1"], args.clone()].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        let state = node.state();
        let seen = state.seen.last().expect("a request");
        assert_eq!(seen.headers["content-type"], media_type, "{args:?}");
        assert_eq!(seen.body, args[0]);
    }
}

#[test]
fn a_document_comes_from_a_file_or_standard_input() {
    let node = Scripted::start(&["shop"]);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, b"{\"from\": \"file\"}\n").expect("room");
    let at = format!("@{}", file.path().display());
    assert_eq!(on(&node, &["put", "shop/orders/1", &at]).code, Some(0));
    for args in [vec!["put", "shop/orders/2", "-"], vec!["put", "shop/orders/3"]] {
        let url = node.url();
        let args = [args, vec!["--url", &url]].concat();
        assert_eq!(tidelog_reading(&args, b"-17").code, Some(0));
    }
    assert_eq!(on(&node, &["put", "shop/orders/4", "-17"]).code, Some(0));
    let state = node.state();
    assert_eq!(state.entities["shop/orders/default/1"].1, json!({"from": "file"}));
    for id in 2..=4 {
        assert_eq!(state.entities[&format!("shop/orders/default/{id}")].1, json!(-17));
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let node = Scripted::start(&[]);
    let run = on(&node, &["put", "shop/orders/1", "1"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    let expected = "error: the title of unknown-database (404)\n  there is no such database\n  what \
                    to do: make it with `tidelog provision shop`\n";
    assert_eq!(run.err, expected);

    assert_eq!(on(&node, &["provision", "shop"]).out, "made the database shop\n");
    assert_eq!(on(&node, &["provision", "shop"]).out, "there was already a database shop\n");
    let run = on(&node, &["provision", "shop", "--json"]);
    assert_eq!(run.json(), json!({"id":"shop","created":false}));
    assert_eq!(on(&node, &["databases"]).out, "shop\n");
    assert_eq!(on(&node, &["databases", "--json"]).json(), json!({"id":"shop"}));

    on(&node, &["put", "shop/orders/1", "1"]);
    let run = on(&node, &["put", "shop/orders/1", "1", "--if-match", "7"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("tidelog get shop/orders/default/1"), "{run:?}");
}

#[test]
fn a_list_goes_over_pages_and_says_where_it_stopped() {
    let node = Scripted::start(&["shop"]);
    {
        let mut state = node.state();
        state.page_max = Some(3);
        for number in 0..10 {
            let id = format!("shop/orders/eu/{number}");
            state.entities.insert(id, (1, json!({ "n": number })));
        }
    }
    let run = on(&node, &["list", "shop/orders/eu", "--limit", "7", "--json"]);
    assert_eq!(run.out.lines().count(), 7);
    assert_eq!(
        run.out.lines().next(),
        Some(r#"{"id":"shop/orders/eu/0","revision":1,"value":{"n":0}}"#)
    );
    assert!(run.err.contains("--cursor shop/orders/eu/6"), "{run:?}");
    let run = on(&node, &["list", "shop/orders/eu", "--cursor", "shop/orders/eu/6"]);
    assert_eq!((run.out.lines().count(), run.err.as_str()), (3, ""));
    let run = on(&node, &["list", "shop/orders", "--all"]);
    assert_eq!((run.out.lines().count(), run.err.as_str()), (10, ""));
}

#[test]
fn an_export_can_be_written_to_a_file() {
    let node = Scripted::start(&["shop"]);
    node.state()
        .entities
        .insert("shop/orders/eu/1".to_owned(), (4, json!({ "b": 1.5, "a": null })));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.ndjson").display().to_string();
    let run = on(&node, &["export", "shop/orders", "-o", &path]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected =
        "{\"id\":\"shop/orders/eu/1\",\"revision\":4,\"value\":{\"b\":1.5,\"a\":null}}\n";
    assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some(expected));
    assert_eq!(on(&node, &["export", "shop/orders/eu"]).out, expected);
    assert_eq!(on(&node, &["export", "shop/orders", "-o", "/nowhere/x"]).code, Some(1));
    assert_eq!(
        std::fs::read_dir(folder.path()).map(Iterator::count).ok(),
        Some(1),
        "nothing is left"
    );
}

fn on(node: &Scripted, args: &[&str]) -> Run {
    tidelog(&[args, &["--url", &node.url()]].concat())
}
