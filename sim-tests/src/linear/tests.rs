mod exhaustive;

use serde_json::json;

use super::*;
use crate::{
    history::{
        Operation,
        build::{done, name, refused, unknown},
    },
    model::{Action, Condition, Effect, Refusal},
};

#[test]
fn operations_one_after_the_other_are_linearizable() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), append("a"), Effect::Updated, 2, Some(json!({"log": ["a"]}))),
        done((40, 50), Action::Read, Effect::Read, 2, Some(json!({"log": ["a"]}))),
        done((60, 70), Action::Delete, Effect::Deleted, 3, None),
        refused((80, 90), Action::Read, Refusal::NotFound, None),
    ];
    assert_eq!(verdict(&history), Verdict::Linearizable);
}

#[test]
fn concurrent_writes_take_the_order_of_their_revisions() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 100), append("b"), Effect::Updated, 3, Some(json!({"log": ["a", "b"]}))),
        done((30, 90), append("a"), Effect::Updated, 2, Some(json!({"log": ["a"]}))),
    ];
    assert_eq!(verdict(&history), Verdict::Linearizable);
}

#[test]
fn an_unknown_write_may_have_been_done_at_any_later_time_or_never() {
    let start =
        || vec![done((0, 10), create(), Effect::Created, 1, None), unknown(20, append("u"))];
    let mut never = start();
    never.push(done((100, 110), append("a"), Effect::Updated, 2, Some(json!({"log": ["a"]}))));
    assert_eq!(verdict(&never), Verdict::Linearizable);
    let mut late = never.clone();
    late.push(done((200, 210), Action::Read, Effect::Read, 3, Some(json!({"log": ["a", "u"]}))));
    assert_eq!(verdict(&late), Verdict::Linearizable);
    let mut twice = late.clone();
    twice.push(done(
        (300, 310),
        Action::Read,
        Effect::Read,
        4,
        Some(json!({"log": ["a", "u", "u"]})),
    ));
    assert_eq!(kind(&twice), Kind::NobodyWrote);
}

#[test]
fn an_unknown_write_was_not_done_before_it_was_invoked() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), Action::Read, Effect::Read, 2, Some(json!({"log": ["u"]}))),
        unknown(40, append("u")),
    ];
    assert_eq!(kind(&history), Kind::WrongOrder);
}

#[test]
fn a_write_that_was_done_twice_is_found() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), append("a"), Effect::Updated, 2, None),
        done((40, 50), Action::Read, Effect::Read, 3, Some(json!({"log": ["a", "a"]}))),
    ];
    assert_eq!(kind(&history), Kind::NobodyWrote);
}

#[test]
fn a_write_that_was_lost_is_found() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), append("a"), Effect::Updated, 2, None),
        done((40, 50), Action::Read, Effect::Read, 1, Some(json!({"log": []}))),
    ];
    assert_eq!(kind(&history), Kind::WrongOrder);
    let same = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), append("a"), Effect::Updated, 2, None),
        done((40, 50), append("b"), Effect::Updated, 2, None),
    ];
    assert_eq!(kind(&same), Kind::RevisionTwice);
}

#[test]
fn another_document_than_that_of_the_revision_is_found() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), Action::Read, Effect::Read, 1, Some(json!({"log": ["x"]}))),
    ];
    assert_eq!(kind(&history), Kind::WrongValue);
}

#[test]
fn what_was_there_all_the_time_cannot_be_missing() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        refused((20, 30), Action::Read, Refusal::NotFound, None),
        done((40, 50), Action::Read, Effect::Read, 1, None),
    ];
    assert_eq!(kind(&history), Kind::NeverMissing);
    let deleted = [
        done((0, 10), create(), Effect::Created, 1, None),
        unknown(15, Action::Delete),
        refused((20, 30), Action::Read, Refusal::NotFound, None),
    ];
    assert_eq!(verdict(&deleted), Verdict::Linearizable);
}

#[test]
fn what_is_missing_finds_its_place_among_several_deletions() {
    let history = [
        done((0, 10), create(), Effect::Created, 1, None),
        done((20, 30), Action::Delete, Effect::Deleted, 2, None),
        done((40, 90), create(), Effect::Created, 3, None),
        refused((50, 60), Action::Delete, Refusal::NotFound, None),
        done((100, 110), Action::Delete, Effect::Deleted, 4, None),
        refused((105, 300), append("a"), Refusal::Path, None),
    ];
    assert_eq!(verdict(&history), Verdict::Linearizable);
}

#[test]
fn unknown_writes_are_tried_in_every_order() {
    let replace = || Action::Replace(json!({"log": ["r"]}));
    let read = |value| done((90, 99), Action::Read, Effect::Read, 4, Some(value));
    let history = |value| {
        [
            done((0, 10), create(), Effect::Created, 1, None),
            unknown(20, append("a")),
            unknown(21, replace()),
            unknown(22, append("b")),
            read(value),
        ]
    };
    for possible in [json!({"log": ["r", "a", "b"]}), json!({"log": ["r", "b", "a"]})] {
        assert_eq!(verdict(&history(possible)), Verdict::Linearizable);
    }
    assert_eq!(verdict(&history(json!({"log": ["r", "b"]}))), Verdict::Linearizable);
    assert_eq!(kind(&history(json!({"log": ["a", "b"]}))), Kind::WrongValue);
}

#[test]
fn hints_shorten_the_search_and_change_nothing_else() {
    let mut history = vec![done((0, 10), create(), Effect::Created, 1, None)];
    for n in 0..60 {
        history.push(unknown(20 + n, append(&n.to_string())).named(n));
    }
    let all: Vec<String> = (0..60).map(|n| ((n * 7) % 60).to_string()).collect();
    let read = |log: &[String]| {
        let value = Some(json!({ "log": log }));
        done((900, 990), Action::Read, Effect::Read, 61, value)
    };
    history.push(read(&all));
    let hints: Hints = (0..60).map(|n| (name((n * 7) % 60), n + 2)).collect();
    let check = |history: &[Operation], hints: &Hints| {
        check_with(&history.iter().collect::<Vec<_>>(), hints)
    };
    assert_eq!(check(&history, &hints), Verdict::Linearizable);
    history.truncate(4);
    history.push(done((900, 990), Action::Read, Effect::Read, 2, Some(json!({"log": ["x"]}))));
    assert!(matches!(check(&history, &hints), Verdict::Impossible(_)));
}

#[test]
fn conditions_are_checked_where_they_were_looked_at() {
    let at = |revision| Condition::At(revision);
    let history = |condition: Condition| {
        [
            done((0, 10), create(), Effect::Created, 1, None),
            done((20, 30), append("a"), Effect::Updated, 2, None),
            refused((40, 50), append("b"), Refusal::Condition, Some(2)).under(condition),
        ]
    };
    assert_eq!(verdict(&history(at(1))), Verdict::Linearizable);
    assert_eq!(kind(&history(at(2))), Kind::WrongAnswer);
}

#[test]
fn requests_of_one_key_are_one_operation() {
    let keyed = |times, revision| {
        done(times, append("a"), Effect::Updated, revision, None).keyed("PUT x k")
    };
    let start = done((0, 10), create(), Effect::Created, 1, None);
    let same = [start.clone(), keyed((20, 30), 2), keyed((40, 50), 2)];
    assert_eq!(verdict(&same), Verdict::Linearizable);
    let differ = [start.clone(), keyed((20, 30), 2), keyed((40, 50), 3)];
    assert_eq!(kind(&differ), Kind::KeyDisagrees);
    let lost = unknown(15, append("a")).keyed("PUT x k");
    let read = done((60, 70), Action::Read, Effect::Read, 3, Some(json!({"log": ["a", "a"]})));
    assert_eq!(kind(&[start, lost, keyed((40, 50), 2), read]), Kind::NobodyWrote);
}

#[test]
fn a_query_may_see_an_older_state_but_none_of_the_future() {
    let query = |times, revision, value| {
        done(times, Action::Read, Effect::Read, revision, Some(value)).queried(&[])
    };
    let start = || {
        vec![
            done((0, 10), create(), Effect::Created, 1, None),
            done((20, 30), append("a"), Effect::Updated, 2, None),
        ]
    };
    let mut old = start();
    old.push(query((40, 50), 1, json!({"log": []})));
    assert_eq!(verdict(&old), Verdict::Linearizable);
    let mut wrong = start();
    wrong.push(query((40, 50), 1, json!({"log": ["a"]})));
    assert_eq!(kind(&wrong), Kind::WrongValue);
    let mut future = start();
    future.push(query((11, 15), 2, json!({"log": ["a"]})));
    assert_eq!(kind(&future), Kind::WrongOrder);
}

#[test]
fn a_long_history_takes_one_pass() {
    let mut history = vec![done((0, 1), create(), Effect::Created, 1, None)];
    for n in 2..20_000 {
        let add = Action::Operate(json!([{"op": "increment", "path": "/n", "by": 1}]));
        if n % 10 == 0 {
            history.push(unknown(n * 10, add));
        } else {
            let revision = n - n / 10;
            history.push(done((n * 10, n * 10 + 15), add, Effect::Updated, revision, None));
        }
    }
    assert_eq!(verdict(&history), Verdict::Linearizable);
}

pub(super) fn create() -> Action {
    Action::Create(json!({"log": []}))
}

pub(super) fn append(what: &str) -> Action {
    Action::Patch(json!([{"op": "add", "path": "/log/-", "value": what}]))
}

pub(super) fn verdict(operations: &[Operation]) -> Verdict {
    let operations: Vec<_> = operations.iter().collect();
    check(&operations)
}

fn kind(operations: &[Operation]) -> Kind {
    match verdict(operations) {
        Verdict::Impossible(impossible) => impossible.kind,
        other => panic!("{other:?}"),
    }
}
