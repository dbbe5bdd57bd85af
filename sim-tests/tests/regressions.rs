//! The runs in which bugs were found, made again: each file of `regressions` is one that failed, named
//! after what was wrong, and must not fail in any way now.
//!
//! `cargo sim shrink --seed N --output sim-tests/tests/regressions/NAME.json` saves one, with the program
//! that still has the bug.

use std::{fs, path::Path};

use tidelog_sim_tests::{Run, Scenario, replay::Replay};

#[test]
fn no_run_fails_in_which_a_bug_was_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let entries = fs::read_dir(folder).expect("the folder of regressions");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there are regressions");
    for file in files {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).expect("a file that was listed");
        let replay = Replay::from_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scenario = Scenario::of_name(&replay.scenario).expect("a scenario that is there");
        let outcome = Run::replay(&replay, scenario, &name).run();
        assert!(outcome.violations.is_empty(), "{name}\n{}", outcome.to_text());
    }
}
