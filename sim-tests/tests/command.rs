//! `cargo sim` as people and programs call it: what it prints, and its exit codes.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use serde_json::Value;
use tidelog_core::Probe;

#[test]
fn a_run_prints_its_options_and_the_line_that_makes_it_again() {
    let output = sim(&["run", "--seed", "3", "--scenario", "brief"]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for expected in ["seed 3, scenario brief", "options:", "faults:", "no violation"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let line =
        text.lines().last().expect("a line").trim_start_matches("the same again: cargo sim ");
    let again = sim(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(text, self::text(&again));
}

#[test]
fn runs_of_one_process_are_an_object_a_line() {
    let output = sim(&["run", "--seed", "3", "--count", "2", "--scenario", "brief", "--json"]);
    let lines = objects(&output);
    let fields =
        ["events", "faults", "hash", "reproduce", "scenario", "seed", "violation", "virtual_ms"];
    for (line, seed) in lines.iter().zip(3..) {
        assert_eq!(names(line), fields.map(str::to_owned).into());
        assert_eq!(line["seed"], seed);
        assert!(line["violation"].is_null() && line["hash"].is_string(), "{line}");
    }
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_hunt_counts_faults_and_every_probe() {
    let call = ["hunt", "--from", "3", "--seeds", "2", "--scenario", "brief", "--json"];
    let output = sim(&call);
    let summary = objects(&output).pop().expect("an object");
    assert_eq!(output.status.code(), Some(0), "{summary}");
    for field in ["failures", "events_per_second", "virtual_per_real", "faults", "seeds"] {
        assert!(summary.get(field).is_some(), "{field} in {summary}");
    }
    assert_eq!(summary["seeds"], 2);
    let all: BTreeSet<_> = Probe::ALL.iter().map(|probe| probe.name().to_owned()).collect();
    assert_eq!(names(&summary["probes"]), all, "zeros included");
    assert!(summary["probes"]["patch-created-entity"].as_u64() > Some(0));
    // Two short runs do not reach everything.
    assert_eq!(sim(&[&call[..], &["--every-probe"]].concat()).status.code(), Some(1));
}

#[test]
fn a_short_hunt_with_all_faults_finds_nothing() {
    let output = sim(&["hunt", "--from", "77", "--seeds", "4", "--scenario", "cluster", "--json"]);
    let summary = objects(&output).pop().expect("an object");
    assert_eq!(output.status.code(), Some(0), "{summary}");
    assert_eq!((&summary["seeds"], &summary["failures"]), (&4.into(), &serde_json::json!([])));
    let struck = summary["faults"].as_object().expect("an object").values();
    assert!(struck.filter(|count| count.as_u64() > Some(0)).count() > 10, "{summary}");
}

#[test]
fn what_fails_is_made_small_made_again_and_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (saved, page) = (file("run.json"), file("run.html"));
    let reckless = ["--seed", "100", "--scenario", "reckless"];
    let output = sim(&[&["run", "--json"], &reckless[..]].concat());
    let run = objects(&output).pop().expect("an object");
    assert_eq!(output.status.code(), Some(1), "{run}");
    assert_eq!(run["violation"]["oracle"], "acknowledged");
    let signature = run["violation"]["signature"].as_str().expect("a text").to_owned();

    let limits = ["--seconds", "40", "--output", &saved, "--json"];
    let output = sim(&[&["shrink"], &reckless[..], &limits].concat());
    let shrunk = objects(&output).pop().expect("an object");
    assert_eq!(output.status.code(), Some(1), "{shrunk}");
    assert_eq!(shrunk["signature"], signature.as_str());
    // How small it becomes within the time depends on the machine: something can be left out at once.
    let before = run["virtual_ms"].as_u64();
    assert!(shrunk["length_ms"].as_u64() < Some(10_000) && before > Some(10_000), "{shrunk}");

    let again = sim(&["run", "--replay", &saved]);
    assert_eq!(again.status.code(), Some(1));
    let told = text(&again);
    assert!(told.contains(&signature) && told.contains("broker-power-loss"), "{told}");
    assert_eq!(told, text(&sim(&["run", "--replay", &saved])));

    let output = sim(&["explain", &saved, "--output", &page]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let page = std::fs::read_to_string(page).expect("the page");
    for part in ["<canvas", "broker1", "entity-storage", "broker-power-loss", &signature] {
        assert!(page.contains(part), "{part} is in the page");
    }
    for link in ["src=\"http", "href=\"http", "@import"] {
        assert!(!page.contains(link), "the page needs nothing else: {link}");
    }
}

#[test]
fn wrong_calls_are_told_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("old.json");
    std::fs::write(&file, r#"{"version": 0}"#).expect("a file can be written");
    let file = file.to_str().expect("a name that can be read");
    for (call, words) in [
        (&["run", "--seed", "seven"][..], "is no seed"),
        (&["run", "--seed", "1", "--scenario", "apocalypse"], "there is no scenario"),
        (&["run", "--replay", file], "format version 0"),
        (&["run", "--replay", "nowhere.json"], "cannot be read"),
        (&["explain", file], "format version 0"),
        (&["hunt"], "--seconds"),
        (&["shrink", "--seed", "3", "--scenario", "brief"], "there is nothing to shrink"),
        (&["dance"], "unrecognized subcommand"),
    ] {
        let output = sim(call);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{call:?}: {told}");
        assert!(told.contains(words), "{call:?}: {told}");
    }
}

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(args)
        .output()
        .expect("the program of this package")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn objects(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().expect("an object").keys().cloned().collect()
}
