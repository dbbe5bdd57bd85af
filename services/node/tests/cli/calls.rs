//! Calls that need no node.

use std::io::Write;

use crate::tool::{Run, command, tidelog, tidelog_reading, told};

#[test]
fn help_names_every_command_and_shows_examples() {
    let run = tidelog(&["--help"]);
    assert_eq!(run.code, Some(0));
    for command in [
        "serve",
        "get",
        "put",
        "patch",
        "delete",
        "list",
        "provision",
        "databases",
        "schema",
        "import",
        "export",
        "tasks",
        "completions",
    ] {
        assert!(run.out.contains(&format!("\n  {command} ")), "{command}: {}", run.out);
        let help = tidelog(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(command == "databases" || help.out.contains("Examples:"), "{}", help.out);
        assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{}", help.out);
    }
}

#[test]
fn the_version_is_told() {
    let run = tidelog(&["--version"]);
    assert_eq!(run.out, format!("tidelog {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = tidelog(&["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.out.contains("provision"), "{shell}");
    }
}

#[test]
fn a_wrong_call_is_told_with_words_and_exit_code_2() {
    refused(&["frobnicate"], "unrecognized subcommand");
    refused(&["get", "shop/orders"], "shop/orders/eu/42");
    refused(&["get", "shop/orders/a b"], "the character ' '");
    refused(&["list", "shop"], "shop/orders");
    refused(&["provision", "a/b"], "a database has 1 segment");
    refused(&["import", "x.json"], "--into");
    refused(&["import", "x.json", "--into", "shop"], "shop/orders");
    refused(&["import", "x.json", "--into", "a/b", "--id", "no"], "begins with a slash: /no");
    refused(&["import", "x.json", "--into", "a/b", "--id", "/no", "--entities"], "cannot be used");
    refused(&["import", "/nowhere/x.json", "--into", "a/b"], "/nowhere/x.json");
    refused(&["import", "/", "--into", "a/b"], "is a folder");
    refused(&["put", "a/b/c", "1", "--if-match", "v1"], "a revision is a number");
    refused(&["put", "a/b/c", "1", "--if-match", "1", "--create"], "cannot be used");
    refused(&["put", "a/b/c", "1", "--idempotency-key", ""], "1 to 255 bytes");
    refused(&["patch", "a/b/c", "{}", "--merge", "--json-patch"], "cannot be used");
    refused(&["get", "a/b/c", "--url", "https://example.org"], "plain http only");
    refused(&["get", "a/b/c", "--url", "ftp://example.org"], "only http://");
    refused(&["get", "a/b/c", "--timeout", "soon"], "500ms, 10s");
}

#[test]
fn a_document_that_is_none_is_shown_as_it_arrived() {
    let words = refused(&["put", "a/b/c", "{n:1}"], "this is not JSON");
    assert!(words.contains("it arrived as: {n:1}") && words.contains("quotes"), "{words}");
    refused(&["put", "a/b/c", "1e999"], "1e999");
    refused(&["put", "a/b/c", "{\"a\":1,\"a\":2}"], "stands twice");
    refused(&["put", "a/b/c", "@/nowhere/doc.json"], "/nowhere/doc.json");
    refused(&["put", "a/b/c", ""], "the document is empty");
    refused(&["put", "a/b/c"], "the document is empty");
    refused(&["patch", "a/b/c", "5"], "--merge");
    refused(&["patch", "a/b/c", "[{\"op\":\"increment\"},{\"op\":\"add\"}]"], "one kind");
    let run = tidelog_reading(&["put", "a/b/c", "-"], b" \n");
    assert_eq!(run.code, Some(2), "{run:?}");
}

#[test]
fn settings_that_cannot_be_used_are_told_with_their_place() {
    refused(&["serve", "--listen", "here"], "127.0.0.1:7070");
    refused(&["serve", "--partitions", "0"], "1 to 1024");
    refused(&["serve", "--log-format", "xml"], "json");
    refused(&["serve", "--cors-origin", "app"], "https://app.example");
    refused(&["serve", "--config", "/nowhere/tidelog.toml"], "/nowhere/tidelog.toml");
    refused(&["serve", "--log", "a=b=c"], "the log filter");

    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    write!(file, "listen = '127.0.0.1:0'\nlisen = 1\n").expect("room");
    let path = file.path().display().to_string();
    let words = refused(&["serve", "--config", &path], "unknown field `lisen`");
    assert!(words.contains("line 2") && words.contains(&path), "{words}");

    let output = command(&[]).env("TIDELOG_PARTITIONS", "many").output();
    let run = told(output.expect("the binary runs"));
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("TIDELOG_PARTITIONS is \"many\""), "{run:?}");
}

#[test]
fn a_node_that_cannot_be_reached_is_exit_code_3() {
    // Port 1 of this machine: nobody listens there.
    let url = "http://127.0.0.1:1";
    let file = env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml";
    for args in [
        vec!["get", "a/b/c"],
        vec!["put", "a/b/c", "1"],
        vec!["patch", "a/b/c", "{}"],
        vec!["delete", "a/b/c"],
        vec!["list", "a/b"],
        vec!["provision", "a"],
        vec!["databases"],
        vec!["import", &file, "--into", "a/b"],
        vec!["export", "a/b"],
    ] {
        let run = tidelog(&[args.clone(), vec!["--url", url]].concat());
        assert_eq!(run.code, Some(3), "{args:?}: {run:?}");
        assert!(run.err.contains(url) && run.err.contains("tidelog serve"), "{args:?}: {run:?}");
        assert_eq!(run.out, "");
    }
    let output = command(&["get", "a/b/c"]).env("TIDELOG_URL", url).output();
    assert_eq!(told(output.expect("the binary runs")).code, Some(3));
}

fn refused(args: &[&str], words: &str) -> String {
    let run: Run = tidelog(args);
    assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
    assert!(run.err.contains(words), "{args:?} lacks {words:?}: {run:?}");
    assert_eq!(run.out, "", "{args:?}");
    run.err
}
