//! Imports against a scripted node that loses, repeats and refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::scripted::{Fault, Scripted};
use crate::tool::{Run, tidelog, tidelog_reading};

#[test]
fn an_import_makes_the_database_and_counts_exactly() {
    let node = Scripted::start(&[]);
    let file = file_of(&array(1_000));
    let run = import(&node, file.path(), &["--into", "shop/movies"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("made the database shop"), "{run:?}");
    let counts =
        "shop/movies/default: read 1000, created 1000, replaced 0, already there 0, refused 0 (";
    assert!(run.out.starts_with(counts), "{run:?}");

    let run = import(&node, file.path(), &["--into", "shop/movies", "--json"]);
    let told = counts_of(&run);
    assert_eq!(told, "read 1000 created 0 replaced 0 already_there 1000 refused 0");
    assert_eq!(run.json()["complete"], true);
    assert_eq!(node.state().entities.len(), 1_000);
    let numbers: BTreeSet<_> =
        node.state().entities.values().map(|(_, value)| value["n"].as_u64()).collect();
    assert_eq!(numbers.len(), 1_000);
    // The order of the ids is that of the file.
    let first = node.state().entities.values().next().map(|(_, value)| value["n"].clone());
    assert_eq!(first, Some(json!(0)));
}

#[test]
fn what_is_lost_is_sent_again_under_the_same_name() {
    let node = Scripted::start(&["shop"]);
    let faults = [Fault::Lost, Fault::Unknown, Fault::Refused, Fault::None, Fault::Incomplete];
    node.state().faults.extend(faults);
    let file = file_of(&array(1_000));
    let run = import(&node, file.path(), &["--into", "shop/movies", "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(counts_of(&run), "read 1000 created 1000 replaced 0 already_there 0 refused 0");
    assert!(run.err.contains("trying again"), "{run:?}");

    let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, batch) in node.batches() {
        by_key.entry(key).or_default().push(batch);
    }
    let sent: usize = by_key.values().map(Vec::len).sum();
    assert_eq!(sent - by_key.len(), 4, "each fault made one more request");
    for batches in by_key.values() {
        assert!(batches.iter().all(|batch| *batch == batches[0]), "a key names one batch");
        assert!(batches[0]["parts"].as_array().is_some_and(|parts| parts.len() <= 100));
    }
    assert!(node.state().entities.values().all(|(revision, _)| *revision == 1));
}

#[test]
fn after_a_crash_the_same_command_ends_with_the_same_documents() {
    let node = Scripted::start(&["shop"]);
    node.state().batches_until_death = Some(5);
    let file = file_of(&array(2_000));
    let args = ["--into", "shop/movies", "--give-up-after", "1s", "--json"];
    let run = import(&node, file.path(), &args);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.err.contains("run the same command again"), "{run:?}");
    let told = run.json();
    assert_eq!(told["complete"], false);
    let made = told["created"].as_u64().unwrap_or_default();
    assert!(made > 0 && made < 2_000, "{told}");
    assert!(told["unanswered"].as_u64().is_some_and(|count| count > 0), "{told}");

    node.state().batches_until_death = None;
    let run = import(&node, file.path(), &args);
    let told = run.json();
    let already = told["already_there"].as_u64().unwrap_or_default();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(already >= made);
    assert_eq!(told["created"].as_u64().unwrap_or_default() + already, 2_000);
    assert_eq!(node.state().entities.len(), 2_000);
}

#[test]
fn refused_documents_are_told_with_their_place_and_the_rest_is_imported() {
    let node = Scripted::start(&["shop"]);
    let text = "{\"n\":1}\n{\"n\":1e999}\n{\"n\":\n\n{\"bad\":true}\n{\"poison\":1}\n{\"n\":2}";
    let run = import(&node, file_of(text.as_bytes()).path(), &["--into", "shop/x", "--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(counts_of(&run), "read 6 created 2 replaced 0 already_there 0 refused 4");
    assert!(run.err.contains("refused: document 2 (line 2): the number 1e999"), "{run:?}");
    assert!(run.err.contains("refused: document 3 (line 3): this is not JSON"), "{run:?}");
    assert!(run.err.contains("refused: document 4 (line 5): shop/x/default/"), "{run:?}");
    assert!(run.err.contains("A number cannot be kept (422): it is bad"), "{run:?}");
    assert!(run.err.contains("refused: document 5 (line 6): shop/x/default/"), "{run:?}");
    assert_eq!(run.error()["message"], "4 documents were refused");
}

#[test]
fn of_equal_ids_the_last_in_the_file_wins() {
    let node = Scripted::start(&["shop"]);
    node.state().faults.extend([Fault::Unknown, Fault::Lost]);
    let lines: String =
        (0..3_000).map(|n| format!("{{\"key\":{{\"no\":{}}},\"n\":{n}}}\n", n % 7)).collect();
    let args = ["--into", "shop/x/eu", "--id", "/key/no", "--json"];
    let run = import(&node, file_of(lines.as_bytes()).path(), &args);
    assert_eq!(counts_of(&run), "read 3000 created 7 replaced 2993 already_there 0 refused 0");
    let state = node.state();
    for no in 0..7_u64 {
        let last = (0..3_000).rev().find(|n| n % 7 == no);
        assert_eq!(state.entities[&format!("shop/x/eu/{no}")].1["n"].as_u64(), last);
    }
}

#[test]
fn packed_plain_and_piped_content_are_the_same_import() {
    let node = Scripted::start(&["shop"]);
    let plain = array(300);
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&plain).expect("a Vec takes everything");
    let packed = packer.finish().expect("a Vec takes everything");
    let run = import(&node, file_of(&packed).path(), &["--into", "shop/x", "--json"]);
    assert_eq!(counts_of(&run), "read 300 created 300 replaced 0 already_there 0 refused 0");
    let run = import(&node, file_of(&plain).path(), &["--into", "shop/x", "--json"]);
    assert_eq!(counts_of(&run), "read 300 created 0 replaced 0 already_there 300 refused 0");
    let url = node.url();
    let run =
        tidelog_reading(&["import", "-", "--into", "shop/x", "--json", "--url", &url], &packed);
    assert_eq!(counts_of(&run), "read 300 created 0 replaced 0 already_there 300 refused 0");
    assert!(run.err.contains("temporary file"), "{run:?}");
}

#[test]
fn what_was_exported_can_be_imported_elsewhere() {
    let node = Scripted::start(&["shop"]);
    {
        let mut state = node.state();
        state.page_max = Some(10);
        for number in 0..25 {
            let id = format!("shop/orders/zone{}/{number}", number % 2);
            state.entities.insert(id, (3, json!({ "n": number })));
        }
    }
    let url = node.url();
    let exported = tidelog(&["export", "shop/orders", "--url", &url]);
    assert_eq!((exported.code, exported.out.lines().count()), (Some(0), 25));
    let args = ["import", "-", "--into", "copy/orders", "--entities", "--json", "--url", &url];
    let run = tidelog_reading(&args, exported.out.as_bytes());
    assert_eq!(counts_of(&run), "read 25 created 25 replaced 0 already_there 0 refused 0");
    let state = node.state();
    assert_eq!(state.entities["copy/orders/zone1/7"].1, json!({ "n": 7 }));
    assert_eq!(state.entities.len(), 50);
}

#[test]
fn a_broken_file_keeps_what_was_read_before() {
    let node = Scripted::start(&["shop"]);
    let run =
        import(&node, file_of(b"[{\"n\":1},\n{\"n\":2},\n{\"n\"").path(), &["--into", "shop/x"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("ends at line 3 in the middle of document 3"), "{run:?}");
    assert!(run.out.contains("read 2, created 2"), "{run:?}");
}

#[test]
fn a_file_of_another_kind_is_told_at_once() {
    let node = Scripted::start(&["shop"]);
    for text in ["a,b\n1,2\n", "{\n  \"a\": 1\n}\n", "<html>", "\u{0}\u{1}"] {
        let run = import(&node, file_of(text.as_bytes()).path(), &["--into", "shop/x"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.err.contains("is neither a JSON array nor NDJSON"), "{run:?}");
    }
    let run = import(&node, file_of(b"PK\x03\x04").path(), &["--into", "shop/x"]);
    assert!(run.err.contains("a zip archive"), "{run:?}");
    assert_eq!(node.batches().len(), 0);
    let run = import(&node, file_of(b"").path(), &["--into", "shop/x", "--json"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(counts_of(&run), "read 0 created 0 replaced 0 already_there 0 refused 0");
}

#[test]
fn the_example_becomes_as_many_entities_as_it_has_documents() {
    let node = Scripted::start(&["shop"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/movies/movies.json");
    let run = import(&node, file.as_ref(), &["--into", "shop/movies", "--json"]);
    assert_eq!(counts_of(&run), "read 3201 created 3201 replaced 0 already_there 0 refused 0");
    let documents: Vec<Value> =
        serde_json::from_slice(&std::fs::read(file).expect("the example")).expect("JSON");
    let state = node.state();
    let imported: Vec<_> = state.entities.values().map(|(_, value)| value).collect();
    assert!(imported.into_iter().eq(&documents), "in the order of the file, key by key");
}

/// An array over several lines.
fn array(count: usize) -> Vec<u8> {
    let documents: Vec<_> =
        (0..count).map(|n| format!("{{\"n\": {n}, \"text\": \"a, b] \\\" {n}\"}}")).collect();
    format!("[\n{}\n]\n", documents.join(",\n")).into_bytes()
}

fn import(node: &Scripted, file: &std::path::Path, args: &[&str]) -> Run {
    let file = file.display().to_string();
    tidelog(&[&["import", &file, "--url", &node.url()], args].concat())
}

fn counts_of(run: &Run) -> String {
    let told = run.json();
    let counts: Vec<_> = ["read", "created", "replaced", "already_there", "refused"]
        .iter()
        .map(|name| format!("{name} {}", told[name]))
        .collect();
    counts.join(" ")
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room in the temporary folder");
    file
}
