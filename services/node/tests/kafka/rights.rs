//! What a user is told that lacks one of the rights of a node.

use tempfile::TempDir;
use tidelog_test_broker::{Guarded, Listener, PASSWORD, Right, guarded};

use crate::{
    node::Node,
    security::password_file,
    tool::{Done, new_prefix, tidelog},
};

#[test]
fn a_node_that_may_not_do_something_ends_and_says_what_it_is() {
    let Some(mut broker) = guarded() else { return };
    for (lacking, words) in [
        (Right::UseTopics, "let the user read, write and describe topics"),
        (Right::Groups, "let the user read and describe groups"),
        (Right::TransactionalIds, "let the user write and describe transactional ids"),
    ] {
        let user = User::new(&mut broker, Some(lacking));
        let done = user.run(&["serve", "--listen=127.0.0.1:0", "--peer-listen=127.0.0.1:0"]);
        assert_eq!(done.code, Some(1), "{lacking:?}: {done:?}");
        let last = done.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains(words), "{lacking:?}: {last}");
    }
}

/// It costs rebuilding stores that are behind, and what is wrong with a topic.
#[test]
fn a_node_that_may_not_see_how_topics_are_set_works_and_says_so() {
    let Some(mut broker) = guarded() else { return };
    let user = User::new(&mut broker, Some(Right::SeeConfigurations));
    let (data, log) = (user.folder.path().join("node"), user.folder.path().join("log"));
    let node = Node::start_logging(&user.brokers, &user.prefix, &data, &user.flags(), &log);
    node.provision("shop");
    assert_eq!(node.put("/v1/entities/shop/orders/eu/1", "{}", &[]), 201);
    node.stop();
    let said = std::fs::read_to_string(log).expect("text");
    assert!(said.contains("how the topics are set is not known"), "{said}");
    assert!(!said.contains("alter it"), "it is not known to be wrong: {said}");

    let check = user.run(&["topics", "check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.err.contains("describe the configuration of topics"), "{}", check.err);
}

#[test]
fn a_user_that_sees_no_topics_and_one_that_may_make_none_are_told_so() {
    let Some(mut broker) = guarded() else { return };
    let user = User::new(&mut broker, None);
    // There are none under this prefix, and nothing is allowed there.
    let stranger = User { prefix: new_prefix(), ..user };
    let check = stranger.run(&["topics", "check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.err.contains("a user who may not describe it"), "{}", check.err);
    let create = stranger.run(&["topics", "create"]);
    assert_eq!(create.code, Some(1), "{create:?}");
    assert!(create.err.contains("let the user create, describe"), "{}", create.err);
}

/// A user with the rights of a node under a prefix, or all but one of them.
struct User {
    brokers: String,
    prefix: String,
    folder: TempDir,
    password: String,
}

impl User {
    fn new(broker: &mut Guarded, lacking: Option<Right>) -> Self {
        let prefix = new_prefix();
        tidelog(&broker.open_address(), &prefix, &["topics", "create"]).well();
        broker.allow_all_but(&prefix, lacking);
        let (folder, password) = password_file(PASSWORD);
        let password = password.display().to_string();
        Self { brokers: broker.address(Listener::Sasl), prefix, folder, password }
    }

    fn run(&self, words: &[&str]) -> Done {
        let data = self.folder.path().join("node").display().to_string();
        let data = ["--data", &data];
        let data: &[&str] = if words[0] == "serve" { &data } else { &[] };
        tidelog(&self.brokers, &self.prefix, &[words, data, &self.flags()].concat())
    }

    fn flags(&self) -> [&str; 6] {
        [
            "--sasl",
            "plain",
            "--sasl-user",
            tidelog_test_broker::USER,
            "--sasl-password-file",
            &self.password,
        ]
    }
}
