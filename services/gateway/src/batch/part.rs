//! One part of a batch.

use serde_json::value::RawValue;
use tidelog_core::{
    Document, EntityId, Problem, ProblemKind, Revision,
    limits::{ENTITY_ID_BYTES_MAX, PRECONDITION_REVISIONS_MAX},
    message::{BatchPart, Change, Condition, Match, PartRequest},
    patch::{JsonPatch, Operations},
};

use super::members::{Members, MembersError};
use crate::path;

/// Reads one part; what is wrong with it is told in it.
pub(super) fn parse(text: &RawValue) -> BatchPart {
    let mut members = match Members::of(text) {
        Ok(members) => members,
        Err(error) => {
            let problem = match error {
                MembersError::NotAnObject => bad("the part is not an object"),
                error => bad(error),
            };
            return BatchPart { entity: "".into(), request: Err(problem) };
        }
    };
    let written = members.take("entity");
    let entity = written.and_then(string);
    let request = match (&entity, written) {
        (None, None) => Err(bad("the part has no \"entity\"")),
        (None, Some(_)) => Err(bad("\"entity\" is an id as a string")),
        (Some(entity), _) => request(entity, members),
    };
    BatchPart { entity: shortened(&entity.unwrap_or_default()), request }
}

fn request(entity: &str, mut members: Members<'_>) -> Result<PartRequest, Problem> {
    let id = entity.parse::<EntityId>().map_err(bad)?;
    let op = members.take("op").ok_or_else(|| bad("the part has no \"op\""))?;
    let op = string(op).ok_or_else(|| bad("\"op\" is a string"))?;
    let condition = condition(&mut members)?;
    let change = change(&op, &mut members)?;
    if change.is_write() {
        path::check_writable(&id)?;
    }
    match members.left() {
        None => Ok(PartRequest { change, condition }),
        Some(name) => Err(bad(format_args!("{name:?} means nothing in a part with the op {op:?}"))),
    }
}

fn change(op: &str, members: &mut Members<'_>) -> Result<Change, Problem> {
    let mut value = || {
        let value = members.take("value").map(|text| text.get().as_bytes());
        value.ok_or_else(|| bad(format_args!("the op {op:?} needs a \"value\"")))
    };
    match op {
        "read" => Ok(Change::Read),
        "delete" => Ok(Change::Delete),
        "create" => Document::parse(value()?).map(Change::Create).map_err(in_value),
        "replace" => Document::parse(value()?).map(Change::Replace).map_err(in_value),
        "merge" => Document::parse(value()?).map(Change::Merge).map_err(in_value),
        "patch" => JsonPatch::parse(value()?).map(Change::Patch).map_err(in_value),
        "operations" => Operations::parse(value()?).map(Change::Operations).map_err(in_value),
        _ => {
            let op: String = op.chars().take(40).collect();
            Err(bad(format_args!(
                "{op:?} is no op; there are replace, patch, merge, create, operations, delete and \
                 read"
            )))
        }
    }
}

fn condition(members: &mut Members<'_>) -> Result<Condition, Problem> {
    let revisions = members.take("if_revision").map(revisions).transpose()?;
    let exists = match members.take("if_exists").map(RawValue::get) {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(bad("\"if_exists\" is true or false")),
    };
    match (revisions, exists) {
        (Some(_), Some(false)) => {
            Err(bad("\"if_revision\" and \"if_exists\": false exclude each other"))
        }
        (Some(revisions), _) => {
            Ok(Condition { matches: Some(Match::Revisions(revisions)), none_match: None })
        }
        (None, Some(true)) => Ok(Condition::exists()),
        (None, Some(false)) => Ok(Condition::missing()),
        (None, None) => Ok(Condition::default()),
    }
}

/// Reads one revision, or a list of them.
fn revisions(text: &RawValue) -> Result<Vec<Revision>, Problem> {
    if text.get().starts_with('"') {
        return Err(bad(
            "\"if_revision\" is a number, as in 3, without the quotes of an ETag, or a list of them",
        ));
    }
    let one = serde_json::from_str(text.get()).map(|revision: u64| vec![revision]);
    let list = one.or_else(|_| serde_json::from_str::<Vec<u64>>(text.get()));
    let revisions = list.map_err(|_| bad("\"if_revision\" is a revision or a list of them"))?;
    if revisions.is_empty() || revisions.contains(&0) {
        return Err(bad("revisions count from 1; to ask for none there is \"if_exists\": false"));
    }
    if revisions.len() > PRECONDITION_REVISIONS_MAX {
        return Err(bad(format_args!(
            "\"if_revision\" lists {} revisions and {PRECONDITION_REVISIONS_MAX} are allowed",
            revisions.len()
        )));
    }
    Ok(revisions.into_iter().map(Revision).collect())
}

fn string(text: &RawValue) -> Option<String> {
    serde_json::from_str(text.get()).ok()
}

/// Lines and columns are counted from where the value begins.
fn in_value(error: impl Into<Problem>) -> Problem {
    let problem = error.into();
    Problem::new(problem.kind, format_args!("in its \"value\": {}", problem.detail))
}

fn bad(detail: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemKind::BadRequest, detail)
}

/// The id as written, as far as an id can be long.
fn shortened(entity: &str) -> Box<str> {
    entity[..entity.floor_char_boundary(ENTITY_ID_BYTES_MAX)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> BatchPart {
        parse(serde_json::from_str(text).expect("JSON"))
    }

    fn good(text: &str) -> PartRequest {
        part(text).request.expect("a good part")
    }

    fn wrong(text: &str) -> String {
        part(text).request.expect_err("a wrong part").to_string()
    }

    #[test]
    fn every_op_is_read() {
        for op in ["read", "delete"] {
            let request = good(&format!(r#"{{"op":"{op}","entity":"a/b/c/d"}}"#));
            assert_eq!(request.change.name(), op);
        }
        for (op, value) in [
            ("create", "null"),
            ("replace", "{\"a\": 1.5}"),
            ("merge", "{\"a\":null}"),
            ("patch", r#"[{"op":"add","path":"/a","value":1}]"#),
            ("operations", r#"[{"op":"increment","path":"/n","by":1}]"#),
        ] {
            let text = format!(r#"{{"op":"{op}","entity":"a/b/c/d","value":{value}}}"#);
            assert_eq!(good(&text).change.name(), op);
        }
    }

    #[test]
    fn conditions_are_read() {
        let condition =
            |text: &str| good(&format!(r#"{{"op":"read","entity":"a/b/c/d",{text}}}"#)).condition;
        assert_eq!(condition(r#""if_revision":3"#), Condition::revision(Revision(3)));
        let list = Some(Match::Revisions(vec![Revision(3), Revision(4)]));
        assert_eq!(condition(r#""if_revision":[3,4]"#).matches, list);
        assert_eq!(
            condition(r#""if_revision":3,"if_exists":true"#),
            Condition::revision(Revision(3))
        );
        assert_eq!(condition(r#""if_exists":true"#), Condition::exists());
        assert_eq!(condition(r#""if_exists":false"#), Condition::missing());
    }

    #[test]
    fn a_wrong_part_says_what_is_wrong() {
        let cases = [
            ("7", "the part is not an object"),
            ("{}", "no \"entity\""),
            (r#"{"entity":7}"#, "an id as a string"),
            (r#"{"entity":"a/b/c"}"#, "has 4 segments"),
            (r#"{"entity":"a/b/c/d"}"#, "no \"op\""),
            (r#"{"entity":"a/b/c/d","op":1}"#, "\"op\" is a string"),
            (r#"{"entity":"a/b/c/d","op":"fly"}"#, "\"fly\" is no op"),
            (r#"{"entity":"a/b/c/d","op":"replace"}"#, "needs a \"value\""),
            (r#"{"entity":"a/b/c/d","op":"read","value":1}"#, "\"value\" means nothing"),
            (r#"{"entity":"a/b/c/d","op":"read","x":1}"#, "\"x\" means nothing"),
            (r#"{"entity":"a/b/c/d","op":"read","op":"read"}"#, "\"op\" stands twice"),
            (r#"{"entity":"a/b/c/d","op":"read","if_exists":1}"#, "true or false"),
            (r#"{"entity":"a/b/c/d","op":"read","if_revision":"3"}"#, "a number, as in 3, without"),
            (r#"{"entity":"a/b/c/d","op":"read","if_revision":0}"#, "count from 1"),
            (r#"{"entity":"a/b/c/d","op":"read","if_revision":[]}"#, "count from 1"),
            (r#"{"entity":"a/b/c/d","op":"read","if_revision":1,"if_exists":false}"#, "exclude"),
            (
                r#"{"entity":"a/b/c/d","op":"replace","value":{"a":1,"a":2}}"#,
                "in its \"value\": the key \"a\"",
            ),
            (r#"{"entity":"a/$zone/c/d","op":"delete"}"#, "belongs to the system"),
            (r#"{"entity":"a/b/c/d","op":"patch","value":{}}"#, "an array of operations"),
        ];
        for (text, words) in cases {
            let problem = wrong(text);
            assert!(problem.starts_with("bad-request: "), "{text}: {problem}");
            assert!(problem.contains(words), "{text}: {problem}");
        }
    }

    #[test]
    fn a_number_that_cannot_be_kept_and_a_document_too_deep_fail_alone() {
        let replace = |value: &str| {
            wrong(&format!(r#"{{"op":"replace","entity":"a/b/c/d","value":{value}}}"#))
        };
        assert!(replace("123456789012345678901234567890").starts_with("number-not-kept"));
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        assert!(replace(&deep).starts_with("bad-request: "));
        let large = format!("\"{}\"", "x".repeat(1024 * 1024));
        assert!(replace(&large).starts_with("too-large"));
    }

    #[test]
    fn an_id_is_echoed_as_written_as_far_as_ids_go() {
        let long = "ä".repeat(2_000);
        let echoed = part(&format!(r#"{{"entity":"{long}"}}"#)).entity;
        assert!(echoed.len() <= ENTITY_ID_BYTES_MAX && echoed.starts_with('ä'));
        assert_eq!(&*part(r#"{"entity":"Shop/\u0041"}"#).entity, "Shop/A");
    }
}
