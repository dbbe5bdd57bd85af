//! A probe that nothing hits could never be reached, and a hunt would blame its luck.

use std::{fs, path::Path};

use tidelog_core::Probe;

#[test]
fn each_probe_is_hit_in_one_place_of_the_services() {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services");
    let mut text = String::new();
    for service in ["machines", "runtime", "driver"] {
        read_sources(&services.join(service).join("src"), &mut text);
    }
    for probe in Probe::ALL {
        let hits = text.matches(&format!("Probe::{probe:?}.hit")).count();
        assert_eq!(hits, 1, "{probe:?}");
    }
}

fn read_sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_sources(&path, text);
        } else if path.extension().is_some_and(|it| it == "rs") {
            // A call may be broken between lines.
            let source = fs::read_to_string(&path).expect("a source");
            text.extend(source.split_whitespace());
        }
    }
}
