//! The planted bugs: each applies to the tree as it is, tells its story, and stands in the table.
//!
//! Whether they compile and are found takes minutes, and is the business of `cargo sim bugs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tidelog_sim_tests::{oracle::Oracle, planted::Bug};

/// What the story of a bug tells, in this order.
const FIELDS: [&str; 6] = ["Bug", "Story", "Seen", "Oracle", "Needs", "Reach"];

/// What a run finds that panics: an assertion of the product or of a port.
const NO_PANIC: &str = "no-panic";

/// What a bug can need to show. One of those that its story names is enough.
const NEEDS: [&str; 15] = [
    "nothing",
    "clock",
    "crash",
    "disk-error",
    "duplicate",
    "impatience",
    "pause",
    "rebalance",
    "rejected-append",
    "rejected-commit",
    "reorder",
    "retry",
    "slow-commit",
    "unknown-append",
    "unknown-commit",
];

/// Where bugs may be planted: in the product, and not in its tests.
const PLACES: [&str; 5] = [
    "core/src/",
    "services/schema/src/",
    "services/machines/src/",
    "services/runtime/src/",
    "services/driver/src/",
];

/// A bug is a slip, not a rewrite.
const CHANGED_LINES_MAX: usize = 60;

const BUGS_MIN: usize = 40;
const BUGS_WITH_FAULTS_MIN: usize = 28;

#[test]
fn there_are_enough_bugs_and_most_need_faults() {
    let bugs = bugs();
    let with_faults = bugs.iter().filter(|bug| bug.needs() != ["nothing"]).count();
    assert!(bugs.len() >= BUGS_MIN, "{} bugs", bugs.len());
    assert!(with_faults >= BUGS_WITH_FAULTS_MIN, "{with_faults} bugs need faults");
}

#[test]
fn every_bug_has_a_name_that_says_what_it_is() {
    for Bug { name, .. } in bugs() {
        let words: Vec<&str> = name.split('-').collect();
        let is_word = |word: &&str| {
            !word.is_empty()
                && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        };
        assert!(
            words.len() >= 4 && words.iter().all(is_word),
            "{name} is no sentence in kebab case"
        );
    }
}

#[test]
fn every_bug_tells_its_story() {
    for bug in bugs() {
        let name = &bug.name;
        let told: Vec<&str> = bug.story.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(told, FIELDS, "the story of {name}");
        for (field, text) in &bug.story {
            assert!(!text.is_empty(), "{name} has nothing to say under {field}");
        }
        let oracles = bug.oracles();
        let is_known =
            |word: &String| word == NO_PANIC || Oracle::ALL.iter().any(|it| it.name == word);
        assert!(
            oracles.iter().all(is_known),
            "{name} names oracles that there are not: {oracles:?}"
        );
        let needs = bug.needs();
        let is_known = |word: &String| NEEDS.contains(&word.as_str());
        assert!(needs.iter().all(is_known), "{name} needs what there is not: {needs:?}");
        let is_nothing = needs.iter().any(|word| word == "nothing");
        assert!(!is_nothing || needs.len() == 1, "{name} needs nothing, and something besides");
    }
}

#[test]
fn every_bug_is_a_small_change_of_the_product() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for bug in bugs() {
        let name = &bug.name;
        let files = bug.files();
        assert!(!files.is_empty(), "{name} changes no file");
        for file in files {
            let is_product = PLACES.iter().any(|place| file.starts_with(place));
            assert!(is_product && !file.contains("tests"), "{name} changes {file}");
        }
        let changed = changed_lines(&bug);
        assert!(changed.len() <= CHANGED_LINES_MAX, "{name} changes {} lines", changed.len());
        if let Some(other) = seen.insert(changed.concat(), name.clone()) {
            panic!("{name} and {other} are the same change");
        }
    }
}

#[test]
fn every_bug_applies_to_the_tree() {
    let stale: Vec<String> = bugs().iter().filter_map(|bug| apply(bug).err()).collect();
    assert!(stale.is_empty(), "write these diffs anew:\n{}", stale.join("\n"));
}

#[test]
fn the_table_names_every_bug_with_what_it_needs() {
    let path = folder().join("README.md");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = text.lines().filter(|line| line.starts_with("| `")).map(cells);
    let rows: BTreeSet<(String, String)> =
        rows.map(|cells| (cells[1].trim_matches('`').to_owned(), cells[2].clone())).collect();
    let bugs = bugs().into_iter().map(|bug| (bug.name.clone(), bug.needs().join(", "))).collect();
    assert_eq!(rows, bugs, "sim-tests/bugs/README.md, left, and the diffs, right");
}

fn changed_lines(bug: &Bug) -> Vec<&str> {
    let is_change = |line: &&str| {
        line.starts_with(['+', '-']) && !line.starts_with("+++ ") && !line.starts_with("--- ")
    };
    bug.diff.iter().map(String::as_str).filter(is_change).collect()
}

/// Applies a bug to a copy of the files that it changes.
fn apply(bug: &Bug) -> Result<(), String> {
    let copies = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bugs");
    let copy = copies.join(&bug.name);
    for file in bug.files() {
        let place = copy.join(file);
        fs::create_dir_all(place.parent().expect("a file is in a folder"))
            .and_then(|()| fs::copy(root().join(file), &place))
            .map_err(|error| format!("{}: {file}: {error}", bug.name))?;
    }
    let output = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .arg(&bug.path)
        .current_dir(&copy)
        // The copy is in no repository; within the one around it git would skip its files.
        .env("GIT_CEILING_DIRECTORIES", &copies)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .output()
        .map_err(|error| format!("git cannot be run, which applies the diffs: {error}"))?;
    if !output.status.success() {
        return Err(format!("{}: {}", bug.name, String::from_utf8_lossy(&output.stderr)));
    }
    for file in bug.files() {
        let read = |path: PathBuf| fs::read(path).map_err(|error| format!("{file}: {error}"));
        if read(copy.join(file))? == read(root().join(file))? {
            return Err(format!("{}: {file} is as it was", bug.name));
        }
    }
    Ok(())
}

/// All of them, by name.
fn bugs() -> Vec<Bug> {
    Bug::all(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bugs")
}

/// The root of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace's folder")
}
