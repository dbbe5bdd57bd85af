//! Real input: 3,201 uneven documents.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use crate::node::{Node, repository, tidelog};

#[test]
fn movies_are_imported_killed_in_the_middle_resumed_read_back_patched_and_deleted() {
    let data = tempfile::tempdir().expect("a folder");
    let movies = movies();
    let file = repository("examples/movies/movies.json");
    let file = file.to_str().expect("a path of text");
    let import = ["import", file, "--into", "cinema/movies", "--json"];
    let slowly = ["import", file, "--into", "cinema/movies", "--in-flight", "1"];

    // Killed in the middle: the import has begun, and cannot end.
    let node = Node::start(data.path());
    let mut importing = tidelog()
        .args(slowly)
        .env("TIDELOG_URL", node.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let http = node.http();
    loop {
        let page = http.get("/v1/collections/cinema/movies/entities?limit=1");
        if page.status == 200 && page.json()["entities"].as_array().is_some_and(|e| !e.is_empty()) {
            break;
        }
    }
    node.kill();
    importing.kill().expect("it can be killed, or has ended");
    importing.wait().expect("it ends");

    // Resumed: exactly the documents of the file, none twice.
    let node = Node::start(data.path());
    let output = node.run(&import);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts: Value = serde_json::from_slice(&output.stdout).expect("counts as JSON");
    assert_eq!(counts["read"], movies.len(), "{counts}");
    let created = counts["created"].as_u64().expect("a number");
    let there = counts["already_there"].as_u64().expect("a number");
    assert_eq!(created + there, movies.len() as u64, "{counts}");
    assert!(created > 0 && there > 0, "the kill came in the middle: {counts}");
    let output = node.run(&import);
    let counts: Value = serde_json::from_slice(&output.stdout).expect("counts as JSON");
    assert_eq!(counts["created"], 0, "{counts}");

    // Read every one back by HTTP.
    let http = node.http();
    let mut ids = Vec::new();
    let mut path = "/v1/zones/cinema/movies/default/entities?limit=1000".to_owned();
    loop {
        let page = http.get(&path).json();
        for entity in page["entities"].as_array().expect("a page") {
            ids.push(entity["id"].as_str().expect("an id").to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/zones/cinema/movies/default/entities?limit=1000&cursor={next}");
    }
    assert_eq!(ids.len(), movies.len());
    assert!(ids.is_sorted(), "lists go in the order of the ids");
    for (id, movie) in ids.iter().zip(&movies) {
        let reply = http.get(&format!("/v1/entities/{id}"));
        assert_eq!((reply.status, reply.header("etag")), (200, Some("\"1\"")));
        assert_eq!(
            &reply.json(),
            movie,
            "positions are part of the ids, so the order is the file's"
        );
    }

    // Export gives the same, and import takes it back.
    let output = node.run(&["export", "cinema/movies"]);
    let text = String::from_utf8(output.stdout).expect("an export is text");
    let exported: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(exported.len(), movies.len());
    assert!(exported.iter().zip(&movies).all(|(line, movie)| &line["value"] == movie));
    let copy = data.path().join("export.ndjson");
    std::fs::write(&copy, &text).expect("a file can be written");
    let copy = copy.to_str().expect("a path of text");
    let output = node.run(&["import", copy, "--into", "archive/movies", "--entities", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = ids[0].rsplit('/').next().expect("a name");
    let reply = http.get(&format!("/v1/entities/archive/movies/default/{name}"));
    assert_eq!(reply.json(), movies[0]);

    // Patch and delete.
    let path = format!("/v1/entities/{}", ids[7]);
    let reply = http.patch(&path, "application/merge-patch+json", r#"{"Seen":true,"Title":null}"#);
    let mut expected = movies[7].clone();
    expected["Seen"] = json!(true);
    expected.as_object_mut().expect("an object").shift_remove("Title");
    assert_eq!(reply.json(), expected);
    assert_eq!(http.delete(&path).status, 204);
    assert_eq!(http.get(&path).status, 404);
    assert_eq!(http.delete(&path).status, 404);
}

#[test]
fn a_gzipped_file_is_imported_too() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path());
    let packed = data.path().join("movies.json.gz");
    let text = std::fs::read(repository("examples/movies/movies.json")).expect("the movies");
    let file = std::fs::File::create(&packed).expect("a file");
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(&text).and_then(|()| encoder.finish()).expect("it can be written");
    let packed = packed.to_str().expect("a path of text");
    let output = node.run(&["import", packed, "--into", "cinema/movies/all", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts: Value = serde_json::from_slice(&output.stdout).expect("counts as JSON");
    assert_eq!(counts["created"], movies().len(), "{counts}");
}

fn movies() -> Vec<Value> {
    let text = std::fs::read_to_string(repository("examples/movies/movies.json"));
    serde_json::from_str(&text.expect("the movies are in the repository")).expect("JSON")
}
