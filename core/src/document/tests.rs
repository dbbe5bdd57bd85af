//! Tests of documents; those of the number rule and of sizes are properties at the end.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_document_is_kept_in_compact_form_with_its_keys_in_order() {
    let document = parse(" { \"z\" : [ 1 , 2.50 ] ,\n\t\"a\" : { } , \"m\" : \"\\u0041\\/\" } ");
    assert_eq!(document.as_str(), r#"{"z":[1,2.5],"a":{},"m":"A/"}"#);
    assert_eq!(document.len(), document.as_bytes().len());
    assert_eq!(document.to_string(), document.as_str());
    assert_eq!(format!("{document:?}"), document.as_str());
    assert_eq!(document.to_value().expect("JSON"), json!({"z": [1, 2.5], "a": {}, "m": "A/"}));
}

#[test]
fn any_json_value_is_a_document() {
    for text in ["null", "true", "false", "0", "-1.5", "\"\"", "[]", "{}", r#"" ""#] {
        assert_eq!(parse(text).as_str(), text);
    }
    assert_eq!(Document::empty_object(), parse("{}"));
}

#[test]
fn strings_may_hold_anything_but_half_a_surrogate_pair() {
    assert_eq!(parse(r#""\u0000\u001F""#).as_str(), r#""\u0000\u001f""#);
    assert_eq!(parse(r#""\ud83d\ude00""#).as_str(), "\"😀\"");
    for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#] {
        assert!(matches!(refused(text), DocumentError::Syntax { .. }), "{text}");
    }
}

#[test]
fn what_is_not_utf8_is_refused_with_its_position() {
    let refused = Document::parse(b"[\"ab\xff\"]");
    assert_eq!(refused, Err(DocumentError::NotUtf8 { position: 4 }));
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let error = refused("{\"a\":1,\n \"b\":x}");
    let message = "expected value".to_owned();
    assert_eq!(error, DocumentError::Syntax { line: 2, column: 6, message });
    assert_eq!(error.to_string(), "this is not JSON: expected value at line 2, column 6");
    let error = refused("").to_string();
    assert_eq!(error, "this is not JSON: it is empty at line 1, column 1");
    let marked = "this is not JSON: send it without the byte order mark (UTF-8 BOM) that is at line \
                  1, column 1";
    for text in ["\u{feff}{}", "\u{feff}", "\u{feff}[1e400]"] {
        assert_eq!(refused(text).to_string(), marked);
    }
    assert_eq!(parse("\"\u{feff}\"").len(), 5);
    let texts =
        ["", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "1 2", "{} x", "'a'", "01", "1.", ".5"];
    let texts = texts.iter().chain(&["+1", "NaN", "Infinity", "\"\n\"", "\u{feff}1", "nul", "-"]);
    for text in texts {
        assert!(matches!(refused(text), DocumentError::Syntax { .. }), "{text:?}");
    }
}

#[test]
fn a_key_that_stands_twice_in_an_object_is_refused() {
    let error = refused("{\"a\":{\"b\":1},\n\"b\":[{\"c\":1,\"\\u0063\":2}]}");
    assert_eq!(error, DocumentError::DuplicateKey { key: "c".into(), line: 2, column: 20 });
    let long = "k".repeat(200);
    let DocumentError::DuplicateKey { key, .. } =
        refused(&format!("{{\"{long}\":1,\"{long}\":1}}"))
    else {
        panic!("the key stands there twice");
    };
    assert_eq!(key, format!("{}…", "k".repeat(100)));
    assert_eq!(parse(r#"{"a":{"a":{"a":1}}}"#).len(), 19);
}

#[test]
fn documents_nest_to_the_limit_and_bodies_a_little_deeper() {
    let arrays = |depth| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    parse(&arrays(DEPTH_MAX));
    parse(&objects(DEPTH_MAX));
    let limit = DEPTH_MAX;
    assert_eq!(refused(&arrays(limit + 1)), DocumentError::TooDeep { limit });
    assert_eq!(refused(&objects(limit + 1)), DocumentError::TooDeep { limit });
    assert_eq!(refused(&"[".repeat(100_000)), DocumentError::TooDeep { limit });
    let limit = BODY_DEPTH_MAX;
    let body = parse_value(arrays(limit).as_bytes()).expect("as deep as a body may be");
    assert_eq!(parse_value(arrays(limit + 1).as_bytes()), Err(DocumentError::TooDeep { limit }));
    let limit = DEPTH_MAX;
    assert_eq!(Document::from_value(&body), Err(DocumentError::TooDeep { limit }));
}

#[test]
fn the_size_that_counts_is_that_of_the_compact_text() {
    let text = format!("\"{}\"", "x".repeat(DOCUMENT_BYTES_MAX - 2));
    assert_eq!(parse(&format!("  {text}  ")).len(), DOCUMENT_BYTES_MAX);
    let longer = format!("\"x{}", &text[1..]);
    let (bytes, limit) = (DOCUMENT_BYTES_MAX + 1, DOCUMENT_BYTES_MAX);
    assert_eq!(refused(&longer), DocumentError::TooLarge { bytes, limit });
    let value = Value::String("x".repeat(bytes - 2));
    assert_eq!(Document::from_value(&value), Err(DocumentError::TooLarge { bytes, limit }));
}

#[test]
fn numbers_that_can_be_kept_are_kept() {
    for (literal, printed) in [
        ("0", "0"),
        ("-0", "-0.0"),
        ("-0.0", "-0.0"),
        ("0e999999999999999999999", "0.0"),
        ("1.10", "1.1"),
        ("1e2", "100.0"),
        ("1E+2", "100.0"),
        ("100.0", "100.0"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1000000000000000e-20", "0.00001"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("100000000000000000000", "1e+20"),
        ("9007199254740992.0", "9007199254740992.0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"),
        ("2.225073858507201e-308", "2.225073858507201e-308"),
        ("3.1000000000000001", "3.1"),
        ("-0.10000000000000001", "-0.1"),
        ("2.2999999999999998", "2.3"),
        ("9.9999999999999992e22", "1e+23"),
        ("1.2340000000000000e3", "1234.0"),
        ("2.2250738585072009e-308", "2.225073858507201e-308"),
        ("4.9e-324", "5e-324"),
        ("4.9406564584124654e-324", "5e-324"),
    ] {
        assert_eq!(parse(literal).as_str(), printed, "{literal}");
    }
}

#[test]
fn numbers_that_would_change_are_refused() {
    for literal in [
        "0.12345678901234567890123",
        "9007199254740993.0",
        "9007199254740993e0",
        "1e400",
        "1E400",
        "-1e400",
        "1e99999999999999999999",
        "1e-400",
        "1e-99999999999999999999",
        "4e-324",
        "4.8e-324",
        "2.2250738585072011e-308",
        "1.7976931348623158e308",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0.10000000000000000001",
        "3.1000000000000002",
        "3.10000000000000009",
        "0.100000000000000006",
        "0.1000000000000000055511151231257827",
    ] {
        let text = format!("[1.5,\"{literal}\\\"\",\n{{\"\":{literal}}}]");
        let expected = DocumentError::Number { literal: literal.into(), line: 2, column: 5 };
        assert_eq!(refused(&text), expected);
    }
    let long = format!("0.{}", "1".repeat(100));
    let error = refused(&long).to_string();
    assert_eq!(
        error,
        format!(
            "the number 0.{}… at line 1, column 1 fits neither a 64-bit integer nor a double \
             without loss; round it or send it as a string",
            "1".repeat(38)
        )
    );
}

#[test]
fn a_document_travels_as_text_and_is_taken_as_it_is() {
    let document = parse(r#"{"a":[1,"ü"]}"#);
    let bytes = postcard::to_allocvec(&document).expect("serializes");
    assert_eq!(bytes, postcard::to_allocvec(document.as_str()).expect("serializes"));
    assert_eq!(postcard::from_bytes(&bytes), Ok(document.clone()));
    assert_eq!(document.check(), Ok(()));
    assert_eq!(document.to_value().map(|value| value.to_string()), Ok(document.to_string()));
}

#[test]
fn a_key_that_serde_json_keeps_for_itself_is_a_key_like_any_other() {
    for text in [
        r#"{"$serde_json::private::RawValue":"5"}"#,
        r#"[{"$serde_json::private::RawValue":"nope"}]"#,
        r#"{"$serde_json::private::Number":"5"}"#,
    ] {
        let document = Document::parse(text.as_bytes()).expect("a document");
        let value = document.to_value().expect("JSON");
        assert_eq!(Document::from_value(&value).expect("a document").as_str(), text);
    }
}

#[test]
fn a_check_finds_what_a_foreign_hand_wrote() {
    let read = |text: &str| -> Document {
        let bytes = postcard::to_allocvec(text).expect("serializes");
        postcard::from_bytes(&bytes).expect("any text is taken")
    };
    assert_eq!(read("{").check(), refused_as("{"));
    let large = " ".repeat(DOCUMENT_BYTES_MAX) + "1";
    let (bytes, limit) = (DOCUMENT_BYTES_MAX + 1, DOCUMENT_BYTES_MAX);
    assert_eq!(read(&large).check(), Err(DocumentError::TooLarge { bytes, limit }));
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes: Vec<u8>, text in r#"[\[\]{}:,"\\ 0-9eE+.ua-]{0,40}"#) {
        let _ = Document::parse(&bytes);
        let _ = parse_value(text.as_bytes());
    }

    #[test]
    fn what_is_printed_parses_to_the_same_value(value in strategy::value()) {
        let document = Document::from_value(&value).expect("a small value");
        prop_assert_eq!(document.to_value(), Ok(value.clone()));
        prop_assert_eq!(Document::parse(document.as_bytes()), Ok(document.clone()));
        let pretty = serde_json::to_vec_pretty(&value).expect("prints");
        prop_assert_eq!(Document::parse(&pretty), Ok(document.clone()));
        prop_assert_eq!(document.check(), Ok(()));
    }

    #[test]
    fn the_measure_is_the_length_of_the_print(value in strategy::value()) {
        let printed = serde_json::to_string(&value).expect("prints");
        prop_assert_eq!(measure(&value, DEPTH_MAX), Some(printed.len()));
        let depth = depth(&value);
        prop_assert_eq!(measure(&value, depth), Some(printed.len()));
        prop_assert!(within_depth(&value, depth));
        if let Some(less) = depth.checked_sub(1) {
            prop_assert_eq!(measure(&value, less), None);
            prop_assert!(!within_depth(&value, less));
        }
    }

    #[test]
    fn a_number_is_kept_exactly_if_a_print_of_it_is_the_same_decimal(
        literal in prop_oneof![
            "-?(0|[1-9][0-9]{0,24})",
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,2})?",
            "-?[1-9]\\.[0-9]{12,17}[eE][-+]?(29|30|31|32)[0-9]",
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:.15e}")),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:.16e}")),
            (-1_000_000_i32..1_000_000, 1_u32..7)
                .prop_map(|(n, d)| format!("{:.16e}", f64::from(n) / 10_f64.powi(d as i32))),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:.17}0")),
        ]
    ) {
        let double: f64 = literal.parse().expect("a number");
        let is_integer = literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok();
        let wanted = positional(&literal);
        let digits = format!("{}{}", wanted.1, wanted.2).trim_matches('0').len();
        let prints_it = |double: f64| {
            let rounded = format!("{double:.*e}", digits.max(1) - 1);
            positional(&json!(double).to_string()) == wanted
                || digits <= 17 && positional(&rounded) == wanted
        };
        let is_kept = is_integer || double.is_finite() && prints_it(double);
        match Document::parse(literal.as_bytes()) {
            Ok(document) => {
                prop_assert!(is_kept, "{} became {}", literal, document);
                let kept: f64 = document.as_str().parse().expect("a number");
                prop_assert_eq!(kept.to_bits(), double.to_bits());
                prop_assert!(positional(document.as_str()) == wanted || prints_it(kept));
                prop_assert_eq!(Document::parse(document.as_bytes()), Ok(document));
            }
            Err(error) => prop_assert!(!is_kept, "{}", error),
        }
    }
}

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes()).expect("a document")
}

fn refused(text: &str) -> DocumentError {
    Document::parse(text.as_bytes()).expect_err("no document")
}

fn refused_as(text: &str) -> Result<(), DocumentError> {
    Err(refused(text))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
    }
}

/// The number written without exponent, as digits before and behind the point, with no zeros at
/// either end and no sign before zero: equal exactly if the numbers are.
fn positional(literal: &str) -> (bool, String, String) {
    let lower = literal.to_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let exponent: i32 = exponent.parse().expect("a small exponent");
    let unsigned = mantissa.trim_start_matches('-');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let zeros = "0".repeat(exponent.unsigned_abs() as usize);
    let digits = format!("{zeros}{whole}{fraction}{zeros}");
    let point = zeros.len() as i32 + whole.len() as i32 + exponent;
    let (whole, fraction) = digits.split_at(point as usize);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let is_zero = whole.is_empty() && fraction.is_empty();
    (mantissa.starts_with('-') && !is_zero, whole.to_owned(), fraction.to_owned())
}
