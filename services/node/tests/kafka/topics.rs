//! `tidelog topics`.

use tidelog_core::Topic;

use crate::tool::{new_prefix, tidelog};

#[test]
fn topics_are_created_once_and_what_differs_is_said() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let prefix = new_prefix();
    let copies = broker.copies().to_string();
    let topics = |words: &[&str], partitions| {
        let more = ["--partitions", partitions, "--replication", &copies];
        tidelog(broker.addresses(), &prefix, &[&["topics"], words, &more].concat())
    };

    let check = topics(&["check", "--json"], "2");
    assert_eq!(check.code, Some(1), "{check:?}");
    let missing = check.json();
    let of_change_stream = ["entity-changes", "change-stream-changelog"];
    assert_eq!(missing.len(), Topic::all().count() - of_change_stream.len());
    let is_one = |it: &serde_json::Value| of_change_stream.iter().any(|name| it["topic"] == *name);
    assert!(!missing.iter().any(is_one), "{missing:?}");
    assert!(missing.iter().all(|it| it["differences"][0]["kind"] == "missing"), "{missing:?}");
    assert!(check.err.contains("tidelog topics create"), "{}", check.err);

    let created = topics(&["create", "--json"], "2").well().json();
    assert_eq!(created.len(), missing.len());
    assert!(created.iter().all(|it| it["created"] == true), "{created:?}");
    topics(&["check"], "2").well();
    // They are wanted where the stream is on.
    let wanted = topics(&["check", "--change-stream", "--json"], "2");
    assert_eq!(wanted.code, Some(1), "{wanted:?}");
    let differ = |it: &&serde_json::Value| it["differences"] != serde_json::json!([]);
    assert!(wanted.json().iter().filter(differ).all(is_one), "{wanted:?}");
    topics(&["create", "--change-stream"], "2").well();
    topics(&["check", "--change-stream"], "2").well();
    let again = topics(&["create", "--json"], "2").well().json();
    assert!(again.iter().all(|it| it["created"] == false), "{again:?}");
    topics(&["check"], "2").well();

    let described = topics(&["describe", "owners", "--json"], "2").well().json();
    let [owners] = &described[..] else { panic!("{described:?}") };
    assert_eq!(owners["name"], format!("{prefix}owners"));
    assert_eq!(owners["partitions"], 2);
    assert_eq!(owners["settings"]["cleanup.policy"], "compact");

    let other = topics(&["check", "entity-patches"], "3");
    assert_eq!(other.code, Some(1), "{other:?}");
    let words = format!("{prefix}entity-patches has 2 partition(s) instead of 3");
    assert!(other.err.contains(&words), "{}", other.err);
    // What is there is never altered.
    let create = topics(&["create", "entity-patches"], "3");
    assert_eq!(create.code, Some(1), "{create:?}");
    topics(&["check", "entity-patches"], "2").well();
}

#[test]
fn more_copies_than_brokers_are_refused_with_words() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let words = ["topics", "create", "owners", "--replication", "9"];
    let done = tidelog(broker.addresses(), &new_prefix(), &words);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.contains("fewer brokers than copies"), "{}", done.err);
}

#[test]
fn brokers_that_do_not_answer_are_told_from_those_that_refuse() {
    let words = ["topics", "check", "--timeout", "1s", "--json"];
    let done = tidelog("127.0.0.1:1", "absent-", &words);
    assert_eq!(done.code, Some(3), "{done:?}");
    let failure: serde_json::Value =
        serde_json::from_str(done.err.lines().last().unwrap_or_default()).expect("a failure");
    assert_eq!(failure["error"]["kind"], "unreachable");
    assert!(failure["error"]["advice"].as_str().is_some_and(|it| it.contains("password")));
}
