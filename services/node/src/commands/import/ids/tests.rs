use super::*;

#[test]
fn a_derived_name_is_the_digest_and_the_position() {
    let naming = Naming::derived(&place("shop/movies"), &blake3::hash(b"x"));
    let part = naming.part(&raw(7, "{\"a\": 1.50}")).expect("a good document");
    let digest = &blake3::hash(b"x").to_hex()[..16];
    assert_eq!(part.entity.to_string(), format!("shop/movies/default/{digest}-0000000007"));
    assert_eq!(part.op, Op::Create);
    assert_eq!(part.value.as_str(), "{\"a\":1.5}");
}

#[test]
fn a_name_in_the_document_is_a_string_or_an_integer() {
    let naming = Naming::pointer(&place("shop/movies/eu"), "/order/no".to_owned());
    let id = |text: &str| naming.part(&raw(1, text)).map(|part| part.entity.to_string());
    assert_eq!(id(r#"{"order":{"no":"a-1"}}"#), Ok("shop/movies/eu/a-1".to_owned()));
    assert_eq!(id(r#"{"order":{"no":-17}}"#), Ok("shop/movies/eu/-17".to_owned()));
    let why = |text: &str| id(text).unwrap_or_else(|refusal| refusal.why);
    assert!(why(r#"{"order":{}}"#).contains("nothing at /order/no"));
    assert!(why(r#"{"order":{"no":1.5}}"#).contains("a number that is no integer"));
    assert!(why(r#"{"order":{"no":null}}"#).contains("is null"));
    assert!(why(r#"{"order":{"no":"50%"}}"#).contains("the character '%'"));
    assert!(why(r#"{"order":{"no":"a/b"}}"#).contains("the character '/'"));
    assert!(why(r#"{"order":{"no":""}}"#).contains("empty"));
    assert!(why(r#"{"order":{"no":".."}}"#).contains("'.' or '..'"));
}

#[test]
fn an_exported_entity_goes_to_its_zone_or_the_one_named() {
    let line = raw(1, r#"{"id":"a/b/eu/42","revision":4,"value":{"id":"x"}}"#);
    let part = Naming::exported(&place("shop/orders")).part(&line).expect("a good line");
    assert_eq!(part.entity.to_string(), "shop/orders/eu/42");
    assert_eq!((part.op, part.value.as_str()), (Op::Replace, r#"{"id":"x"}"#));
    let part = Naming::exported(&place("shop/orders/us")).part(&line).expect("a good line");
    assert_eq!(part.entity.to_string(), "shop/orders/us/42");
}

#[test]
fn a_line_that_was_not_exported_says_what_is_missing() {
    let naming = Naming::exported(&place("shop/orders"));
    let why = |text: &str| {
        naming.part(&raw(1, text)).map_or_else(|refusal| refusal.why, |part| part.value.to_string())
    };
    assert!(why("5").contains("it is no object"));
    assert!(why(r#"{"value":1}"#).contains("no id that is a string"));
    assert!(why(r#"{"id":"a/b/c","value":1}"#).contains("an entity has 4 segments"));
    assert!(why(r#"{"id":"a/b/c/d"}"#).contains("it has no value"));
    assert_eq!(why(r#"{"id":"a/b/c/d","value":null}"#), "null");
}

#[test]
fn a_bad_document_is_refused_with_its_place_in_the_file() {
    let naming = Naming::pointer(&place("a/b"), "/id".to_owned());
    let at = Position { number: 3, line: 10, column: 5 };
    let refusal = |text: &str| {
        let raw = Raw { position: at, bytes: text.into(), length: text.len() as u64 };
        naming.part(&raw).expect_err("a bad document")
    };
    let syntax = refusal("{\"id\":1,\n oops}");
    assert!(syntax.is_no_json && syntax.why.contains("line 11, column 2"), "{syntax:?}");
    let number = refusal("{\"id\":1e999}");
    assert!(!number.is_no_json);
    assert!(number.why.contains("1e999 at line 10, column 11"), "{number:?}");
    let twice = refusal("{\"id\":1,\"id\":2}");
    assert!(twice.why.contains("the key \"id\" stands twice"), "{twice:?}");
    assert_eq!(twice.position, at);
}

#[test]
fn a_document_over_the_limits_is_refused() {
    let naming = Naming::derived(&place("a/b"), &blake3::hash(b""));
    let why = |text: &str| {
        naming.part(&raw(1, text)).map_or_else(|refusal| refusal.why, |_| String::new())
    };
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    assert!(why(&deep).contains("nest deeper than 100"), "{}", why(&deep));
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    assert!(why(&long).contains("1048578 bytes"), "{}", why(&long));
    let mut cut = raw(1, "\"xx");
    cut.length = 1 << 40;
    let refusal = naming.part(&cut).expect_err("a bad document");
    assert!(refusal.why.contains("1099511627776 bytes") && !refusal.is_no_json);
}

fn place(text: &str) -> Place {
    Place::parse(text).expect("a good place")
}

fn raw(number: u64, text: &str) -> Raw {
    let position = Position { number, line: number, column: 1 };
    Raw { position, bytes: text.into(), length: text.len() as u64 }
}
