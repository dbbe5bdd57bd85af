//! Nodes and commands on a broker that asks who they are, as a user that may do no more than `deploy` says.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidelog_test_broker::{Guarded, Listener, PASSWORD, USER, guarded};

use crate::{
    node::Node,
    tool::{Done, new_prefix, tidelog},
};

#[test]
fn a_user_is_known_by_its_password() {
    let Some(mut broker) = guarded() else { return };
    works(&mut broker, Listener::Sasl, &["--sasl", "plain"]);
    let done = check(&broker, Listener::Sasl, &["--sasl", "plain"], "wrong");
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("password"), "{}", done.err);
}

#[cfg(not(feature = "ssl"))]
#[test]
fn a_build_without_openssl_says_what_it_lacks() {
    for flags in [&["--sasl", "scram-sha-256"][..], &["--tls"]] {
        let done = tidelog("127.0.0.1:1", "none-", &[&["topics", "check"], flags].concat());
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.err.contains("--features ssl"), "{}", done.err);
    }
}

#[cfg(feature = "ssl")]
#[test]
fn a_user_is_known_by_a_challenge() {
    let Some(mut broker) = guarded() else { return };
    for mechanism in ["scram-sha-256", "scram-sha-512"] {
        works(&mut broker, Listener::Sasl, &["--sasl", mechanism]);
        let done = check(&broker, Listener::Sasl, &["--sasl", mechanism], "wrong");
        assert_eq!(done.code, Some(3), "{done:?}");
    }
}

#[cfg(feature = "ssl")]
#[test]
fn tls_is_spoken_with_a_broker_that_is_known_and_with_no_other() {
    let Some(mut broker) = guarded() else { return };
    let certificate = broker.certificate();
    let known = ["--tls", "--tls-ca", certificate.to_str().expect("a path of text")];
    works(&mut broker, Listener::Tls, &known);
    for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
        works(&mut broker, Listener::SaslTls, &[&known[..], &["--sasl", mechanism]].concat());
    }
    // Nobody whom the system trusts has signed that certificate.
    let done = check(&broker, Listener::Tls, &["--tls"], PASSWORD);
    assert_eq!(done.code, Some(3), "{done:?}");
}

/// A node does its work with these flags, and so do the commands.
fn works(broker: &mut Guarded, listener: Listener, flags: &[&str]) {
    let prefix = new_prefix();
    let created = tidelog(&broker.open_address(), &prefix, &["topics", "create"]);
    created.well();
    broker.allow(&prefix);
    let brokers = broker.address(listener);
    let (folder, password) = password_file(PASSWORD);
    let flags = as_user(flags, &password);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();

    let node = Node::start(&brokers, &prefix, &folder.path().join("node"), &flags);
    node.provision("shop");
    assert_eq!(node.put("/v1/entities/shop/orders/eu/1", "{}", &[]), 201, "{flags:?}");
    assert_eq!(node.delete("/v1/entities/shop/orders/eu/1"), 204, "{flags:?}");
    drop(node);

    let run = |words: &[&str]| tidelog(&brokers, &prefix, &[words, &flags[..]].concat()).well();
    assert_eq!(run(&["cat", "entity-updates"]).json().len(), 2, "{flags:?}");
    run(&["topics", "check"]);
}

/// What a command says to this password.
fn check(broker: &Guarded, listener: Listener, flags: &[&str], password: &str) -> Done {
    let (_folder, password) = password_file(password);
    let flags = as_user(flags, &password);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let words = ["topics", "check", "--timeout", "3s"];
    tidelog(&broker.address(listener), "any-", &[&words, &flags[..]].concat())
}

fn as_user(flags: &[&str], password: &Path) -> Vec<String> {
    let mut flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    if flags.iter().any(|flag| flag == "--sasl") {
        let file = password.display().to_string();
        flags.extend(["--sasl-user".into(), USER.into(), "--sasl-password-file".into(), file]);
    }
    flags
}

pub(crate) fn password_file(password: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{password}\n")).expect("a file");
    (folder, file)
}
