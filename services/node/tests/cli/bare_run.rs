//! What `cargo run` starts, without more words.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// What was wrong: there was another program in the workspace, and cargo asked which one was meant.
#[test]
fn a_bare_cargo_run_starts_the_node() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let ids = |of: &str| -> BTreeSet<String> {
        let ids = metadata[of].as_array().expect("a list").iter();
        ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
    };
    let default = ids("workspace_default_members");
    let packages = metadata["packages"].as_array().expect("a list").iter();
    let runs: Vec<&Value> = packages
        .filter(|package| package["id"].as_str().is_some_and(|id| default.contains(id)))
        .map(|package| &package["default_run"])
        .filter(|run| !run.is_null())
        .collect();
    assert_eq!(runs, ["tidelog"]);
}
