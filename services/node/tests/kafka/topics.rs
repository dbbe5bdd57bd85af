//! `tidelog topics`.

use pollster::block_on;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};
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

/// As somebody has set it who did not ask Tidelog.
#[test]
fn a_setting_that_is_another_one_at_the_broker_is_named_with_both_values() {
    let Some(broker) = tidelog_test_broker::shared() else { return };
    let prefix = new_prefix();
    let copies = broker.copies().to_string();
    let topics = |words: &[&str]| {
        let more = ["--partitions", "2", "--replication", &copies];
        tidelog(broker.addresses(), &prefix, &[&["topics"], words, &more].concat())
    };
    let some = ["entity-patches", "entity-storage-changelog"];
    topics(&[&["create"], &some[..]].concat()).well();
    // What is not named gets the broker's value.
    alter(broker.addresses(), &format!("{prefix}entity-patches"), "retention.ms", "1000");
    alter(
        broker.addresses(),
        &format!("{prefix}entity-storage-changelog"),
        "delete.retention.ms",
        "5",
    );
    let check = topics(&[&["check"], &some[..]].concat());
    assert_eq!(check.code, Some(1), "{check:?}");
    for words in [
        format!("{prefix}entity-patches has retention.ms=1000 instead of -1: alter it"),
        format!(
            "{prefix}entity-storage-changelog has cleanup.policy=delete instead of compact: alter it"
        ),
        format!(
            "{prefix}entity-storage-changelog has delete.retention.ms=5 instead of 86400000: alter it"
        ),
    ] {
        assert!(check.err.contains(&words), "{words}\n{}", check.err);
    }
    let of_patches = topics(&["check", "--json", some[0]]).json();
    let differences = of_patches[0]["differences"].as_array().expect("a list");
    let retention = differences.iter().find(|it| it["setting"] == "retention.ms");
    let retention = retention.expect("it was altered");
    assert_eq!((&retention["kind"], &retention["found"]), (&"setting".into(), &"1000".into()));
    // Nothing was altered to what it should be.
    let create = topics(&[&["create"], &some[..]].concat());
    assert_eq!(create.code, Some(1), "{create:?}");
    assert!(create.out.contains("was there, and differs"), "{}", create.out);
    let described = topics(&["describe", "--json", some[0]]).well().json();
    assert_eq!(described[0]["settings"]["retention.ms"], "1000");
}

fn alter(brokers: &str, topic: &str, setting: &str, value: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, value);
    let altered = block_on(admin.alter_configs([&config], &AdminOptions::new()));
    assert!(altered.expect("an answer").iter().all(Result::is_ok));
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
