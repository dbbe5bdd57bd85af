use insta::assert_snapshot;
use tidelog_core::Document;

use super::Statement;

#[test]
fn what_is_no_schema_is_refused_with_a_pointer_to_the_place() {
    let many: Vec<_> =
        (0..40).map(|n| format!(r#""{n}":{{"pattern":"{}"}}"#, "a".repeat(500))).collect();
    let many = format!(r#"{{"properties":{{{}}}}}"#, many.join(","));
    let long = format!(r#"{{"pattern":"{}"}}"#, "a".repeat(1_025));
    let cases = [
        "1",
        "[]",
        r#""type""#,
        r#"{"properties":{"age":7}}"#,
        r#"{"properties":[]}"#,
        r#"{"type":"strng"}"#,
        r#"{"properties":{"a/b":{"type":["string","number","strng"]}}}"#,
        r#"{"type":[]}"#,
        r#"{"type":["string","string"]}"#,
        r#"{"type":7}"#,
        r#"{"minimum":"7"}"#,
        r#"{"multipleOf":0}"#,
        r#"{"maxLength":-1}"#,
        r#"{"minItems":1.5}"#,
        r#"{"enum":[]}"#,
        r#"{"enum":[1,1]}"#,
        r#"{"required":["a","a"]}"#,
        r#"{"required":"a"}"#,
        r#"{"items":[{"type":"string"}]}"#,
        r#"{"allOf":[]}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"txt"}]}"#,
        r#"{"uniqueItems":1}"#,
        r#"{"title":1}"#,
        r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
        r#"{"definitions":{}}"#,
        r#"{"items":{"$id":"https://example.org/"}}"#,
        r#"{"items":{"$ref":"https://example.org/schema"}}"#,
        r#"{"$ref":"other.json"}"#,
        r##"{"$ref":"#address"}"##,
        r##"{"$ref":"#/$defs/address"}"##,
        r##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
        r##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}}}"##,
        r##"{"properties":{"children":{"items":{"$ref":"#"}}}}"##,
        r##"{"properties":{"a":{"not":{"$ref":"#/properties/b"}},"b":{"minimum":3}}}"##,
        r##"{"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"anyOf":[true,{"$ref":"#/$defs/a"}]}}}"##,
        r##"{"x-ours":{"a":{"type":"strng"}},"items":{"$ref":"#/x-ours/a"}}"##,
        r##"{"properties":{"type":{"type":"string"}},"items":{"$ref":"#/properties"}}"##,
        r##"{"default":{"items":true},"properties":{"a/b":{"$ref":"#/default"}}}"##,
        r##"{"properties":{"default":{"$ref":"#/$defs/none"}}}"##,
        r#"{"pattern":"("}"#,
        r#"{"pattern":"(?=a)b"}"#,
        r#"{"pattern":"(a)\\1"}"#,
        r#"{"pattern":"(a+)+$"}"#,
        r#"{"pattern":"^(([a-z])+.?)*$"}"#,
        r#"{"pattern":"(x*|y)*z"}"#,
        r#"{"pattern":"^(a|a)*$"}"#,
        r#"{"pattern":"^(?:\\w|\\d|-){2,}$"}"#,
        r#"{"pattern":"((ab|c|abab)x?|(a|aa)+)$"}"#,
        r#"{"pattern":"(a|a?)+"}"#,
        r#"{"pattern":"^(aa?)+$"}"#,
        r#"{"pattern":"^(\\w\\d?)+$"}"#,
        r#"{"pattern":"^([a-z]|[0-9]|foo|far)*$"}"#,
        r#"{"pattern":"^(a?){30}a{30}$"}"#,
        r#"{"pattern":"(.*a){20}"}"#,
        r#"{"pattern":"^a*a*a*a*a*a*a*a*b$"}"#,
        r#"{"pattern":"(?i)abc"}"#,
        r#"{"pattern":"(?P<year>\\d{4})"}"#,
        r#"{"pattern":"\\A[a-z]+\\z"}"#,
        r#"{"pattern":"[[:alpha:]]"}"#,
        r#"{"pattern":"((a{1,100}){1,100}){1,100}"}"#,
        r#"{"pattern":"(abc{100}){1000}"}"#,
        &long,
        &many,
        r#"{"patternProperties":{"[":true}}"#,
        r#"{"minimum":2,"maximum":1}"#,
        r#"{"minimum":1,"exclusiveMaximum":1}"#,
        r#"{"properties":{"s":{"minLength":9007199254740993,"maxLength":9007199254740992}}}"#,
        r#"{"type":"string","const":1}"#,
        r#"{"type":"integer","enum":[1.5,"x"]}"#,
        r#"{"const":1,"enum":[2,3]}"#,
        r#"{"type":"string","allOf":[{"type":"number"}]}"#,
        r#"{"required":["a"],"properties":{"a":false}}"#,
        r#"{"required":["a"],"properties":{"b":true},"additionalProperties":false}"#,
    ];
    let lines: Vec<_> = cases
        .into_iter()
        .map(|text| {
            let shown: String = text.chars().take(80).collect();
            match check(text) {
                Ok(_) => panic!("{text} is taken"),
                Err(error) => format!("{shown}\n    {error}"),
            }
        })
        .collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn schemas_as_people_write_them_are_taken() {
    let cases = [
        "true",
        "{}",
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"tidelog:/shop/orders"}"#,
        r#"{"type":["string","null"],"minLength":1,"maxLength":3.0,"pattern":"^[A-Z]{2,3}$"}"#,
        r#"{"pattern":"^(\\w+\\.)+\\w+$"}"#,
        r#"{"pattern":"^([a-z]+,)*[a-z]+$"}"#,
        r#"{"pattern":"^(\\d{3}-)+$"}"#,
        r#"{"pattern":"^([a-z]|[0-9]|\\.foo|\\.far)*$"}"#,
        r#"{"pattern":"^[^@\\s]+@[^@\\s]+\\.[^@\\s]{2,}$"}"#,
        r#"{"pattern":"^(?<scheme>https?)://([a-z0-9-]{1,63}\\.){1,8}[a-z]{2,63}(/[^?#]*)?(\\?.*)?$"}"#,
        r#"{"pattern":"^([0-9a-f]{4}){8,32}$"}"#,
        r#"{"pattern":"^.*foo.*bar.*$"}"#,
        r#"{"pattern":"^(a|a)?$"}"#,
        r##"{"$defs":{"node":{"properties":{"next":{"$ref":"#/$defs/node"}}}},"$ref":"#/$defs/node"}"##,
        r##"{"$defs":{"a b":true},"items":{"$ref":"#/$defs/a%20b"}}"##,
        r##"{"properties":{"a":{"anyOf":[{"type":"null"},true]}},"items":{"$ref":"#/properties/a/anyOf/0"}}"##,
        r##"{"properties":{"enum":{"$ref":"#/$defs/a~1b"}},"$defs":{"a/b":{"type":"string"}}}"##,
        r#"{"enum":[{"$ref":"https://example.org"},1],"default":{"type":"strng"}}"#,
        r#"{"type":"integer","const":1.0}"#,
        r#"{"required":["a"],"patternProperties":{"^a":true},"additionalProperties":false}"#,
        r#"{"unknown-keyword":{"type":"strng"},"x-ours":[1,1]}"#,
    ];
    for text in cases {
        let statement = check(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let value = statement.to_document().to_value().expect("JSON");
        assert!(jsonschema::draft202012::meta::is_valid(&value), "{value}");
        assert!(jsonschema::draft202012::new(&value).is_ok(), "{value}");
    }
}

#[test]
fn what_the_system_says_about_a_schema_is_no_statement() {
    let text = r#"{"$id":"tidelog:/a/b","x-tidelog":{"by":"learned"},"properties":{"a":
        {"type":"string","x-tidelog":{"usage":1},"default":{"x-tidelog":"data"}},
        "default":{"items":{"x-tidelog":{"by":"learned"}}},"x-tidelog":{"minLength":1}}}"#;
    let statement = check(text).expect("it is taken");
    assert_eq!(
        statement.to_document().as_str(),
        r#"{"properties":{"a":{"type":"string","default":{"x-tidelog":"data"}},"default":{"items":{}},"x-tidelog":{"minLength":1}}}"#
    );
}

fn check(text: &str) -> Result<Statement, super::StatementError> {
    Statement::check(&Document::parse(text.as_bytes()).expect("JSON"))
}

/// What was wrong: parts that may be empty stood in a list as often as there were ways to them, so that a
/// pattern of a few bytes took seconds.
#[test]
fn patterns_that_take_long_to_judge_are_judged_all_the_same() {
    let nested = |part: &str, repeated: &str| {
        (0..12).fold(part.to_owned(), |inner, _| format!("({inner}){repeated}"))
    };
    let choices =
        |part: &str| (0..20).fold(part.to_owned(), |inner, _| format!("{part}|({inner})"));
    let patterns = [
        nested("a?", "{0,2}"),
        nested("a", "{0,3}"),
        nested("a?b?c?", "?"),
        nested("a", "*"),
        choices(r"\w*\d"),
        format!("({})*", choices(r"\w")),
        format!("({})*", "a?".repeat(500)),
        format!("({})*x", vec!["ab"; 300].join("|")),
    ];
    let judged = patterns.map(|pattern| {
        let schema = serde_json::json!({ "pattern": pattern });
        let taken = Statement::check(&Document::from_value(&schema).expect("it is small"));
        match taken.map_err(|error| error.to_string()) {
            Ok(_) => "taken",
            Err(words) if words.contains("exponentially") => "exponential",
            Err(words) if words.contains("intricate") => "intricate",
            Err(words) if words.contains("written out") => "too large",
            Err(words) if words.contains("follow one another") => "neighbours",
            Err(words) => panic!("{pattern}: {words}"),
        }
    });
    assert_eq!(
        judged,
        [
            "intricate",
            "too large",
            "taken",
            "exponential",
            "taken",
            "exponential",
            "exponential",
            "intricate",
        ]
    );
}
