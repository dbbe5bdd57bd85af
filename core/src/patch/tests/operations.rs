//! Tidelog's own operations.

use super::*;

#[test]
fn an_increment_adds_exactly() {
    for (there, by, sum) in [
        ("1", "1", "2"),
        ("1", "-3", "-2"),
        ("9007199254740993", "1", "9007199254740994"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551614", "1", "18446744073709551615"),
        ("-9223372036854775808", "18446744073709551615", "9223372036854775807"),
        ("1", "0.5", "1.5"),
        ("1.5", "1", "2.5"),
        ("1.5", "0.5", "2.0"),
        ("9007199254740992", "0.0", "9007199254740992.0"),
        ("0.1", "0.2", "0.30000000000000004"),
    ] {
        let patch = format!(r#"[{{"op":"increment","path":"/n","by":{by}}}]"#);
        assert_eq!(changed(&format!(r#"{{"n":{there}}}"#), &patch), format!(r#"{{"n":{sum}}}"#));
        assert_eq!(changed(there, &patch.replace("/n", "")), sum);
        assert_eq!(
            changed(&format!("[0,{there}]"), &patch.replace("/n", "/1")),
            format!("[0,{sum}]")
        );
    }
}

#[test]
fn an_increment_that_would_lose_something_is_refused() {
    for (there, by) in [
        ("18446744073709551615", "1"),
        ("-9223372036854775808", "-1"),
        ("9007199254740993", "0.5"),
        ("0.5", "18446744073709551615"),
        ("1.7976931348623157e308", "1.7976931348623157e308"),
    ] {
        let patch = format!(r#"[{{"op":"increment","path":"/n","by":{by}}}]"#);
        let error = try_change(&format!(r#"{{"n":{there}}}"#), &patch).expect_err("out of range");
        let text = "operation 0 (increment /n): the result fits neither a 64-bit integer nor a \
                    double without loss";
        assert_eq!(error.to_string(), text);
        assert!(matches!(error, PatchError::NumberOutOfRange { .. }));
    }
}

#[test]
fn a_missing_last_member_counts_as_zero_or_as_an_empty_array() {
    assert_eq!(changed("{}", r#"[{"op":"increment","path":"/n","by":1}]"#), r#"{"n":1}"#);
    assert_eq!(changed("{}", r#"[{"op":"increment","path":"/n","by":0.5}]"#), r#"{"n":0.5}"#);
    let add = r#"[{"op":"add-unique","path":"/a/b","value":"x"}]"#;
    assert_eq!(changed(r#"{"a":{"c":1}}"#, add), r#"{"a":{"c":1,"b":["x"]}}"#);
    let remove = r#"[{"op":"remove-value","path":"/a","value":"x"}]"#;
    assert_eq!(changed(r#"{"b":1}"#, remove), r#"{"b":1}"#);
}

#[test]
fn a_missing_parent_is_an_error() {
    for operation in [
        r#"{"op":"increment","path":"/a/b","by":1}"#,
        r#"{"op":"add-unique","path":"/a/b","value":1}"#,
        r#"{"op":"remove-value","path":"/a/b","value":1}"#,
    ] {
        for text in ["{}", r#"{"a":1}"#, r#"{"a":[]}"#, "[]"] {
            let error = try_change(text, &format!("[{operation}]")).expect_err("nothing there");
            assert!(matches!(error, PatchError::PathMissing { .. }), "{error}");
        }
    }
}

#[test]
fn a_value_of_another_type_is_an_error() {
    let text = r#"{"n":"1","a":{}}"#;
    for (operation, message) in [
        (
            r#"{"op":"increment","path":"/n","by":1}"#,
            "operation 0 (increment /n): the value there is not a number",
        ),
        (
            r#"{"op":"add-unique","path":"/a","value":1}"#,
            "operation 0 (add-unique /a): the value there is not an array",
        ),
        (
            r#"{"op":"remove-value","path":"","value":1}"#,
            "operation 0 (remove-value of the whole document): the value there is not an array",
        ),
    ] {
        let error = try_change(text, &format!("[{operation}]")).expect_err("another type");
        assert!(matches!(error, PatchError::WrongType { .. }));
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn an_element_is_added_once_and_all_its_equals_are_removed() {
    let add = |value| format!(r#"[{{"op":"add-unique","path":"","value":{value}}}]"#);
    assert_eq!(changed("[1,2]", &add("3")), "[1,2,3]");
    assert_eq!(changed("[1,2]", &add("2.0")), "[1,2]");
    assert_eq!(changed("[]", &add("null")), "[null]");
    assert_eq!(changed(r#"[{"a":1,"b":2}]"#, &add(r#"{"b":2,"a":1}"#)), r#"[{"a":1,"b":2}]"#);
    let remove = |value| format!(r#"[{{"op":"remove-value","path":"","value":{value}}}]"#);
    assert_eq!(changed("[1,2,1.0,3,1]", &remove("1")), "[2,3]");
    assert_eq!(changed("[1,1]", &remove("1")), "[]");
    assert_eq!(changed("[1]", &remove("1")), "[]");
    assert_eq!(changed("[1]", &remove("2")), "[1]");
    assert_eq!(changed("[]", &remove("2")), "[]");
}

#[test]
fn what_are_no_operations_is_refused() {
    for (text, message) in [
        (r#"[{"op":"increment","path":"/a"}]"#, r#"operation 0 has no "by""#),
        (r#"[{"op":"increment","path":"/a","by":"1"}]"#, r#"operation 0: "by" has to be a number"#),
        (
            r#"[{"op":"increment","path":"/a","by":1,"value":1}]"#,
            r#"operation 0: "value" means nothing there"#,
        ),
        (r#"[{"op":"add-unique","path":"/a"}]"#, r#"operation 0 has no "value""#),
        (
            r#"[{"op":"add","path":"/a","value":1}]"#,
            "operation 0: \"add\" is not an operation; there are increment, add-unique and \
             remove-value",
        ),
    ] {
        let error = Operations::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn operations_travel_as_their_text() {
    let text = concat!(
        r#"[{"op":"increment","path":"/n","by":1.5},"#,
        r#"{"op":"add-unique","path":"/a~1b","value":{"z":1,"a":2}},"#,
        r#"{"op":"remove-value","path":"","value":null}]"#
    );
    let operations = Operations::parse(text.replace(':', " : ").as_bytes()).expect("operations");
    assert_eq!(operations.as_str(), text);
    let bytes = postcard::to_allocvec(&operations).expect("serializes");
    assert_eq!(bytes, postcard::to_allocvec(text).expect("serializes"));
    assert_eq!(postcard::from_bytes(&bytes), Ok(operations.clone()));
    assert_eq!(Operations::new(operations.operations().to_vec()), Ok(operations));
    let bytes = postcard::to_allocvec("{}").expect("serializes");
    assert!(postcard::from_bytes::<Operations>(&bytes).is_err());
}

#[test]
fn operations_keep_the_bounds_too() {
    let value = "x".repeat(DOCUMENT_BYTES_MAX / 3);
    let add: Vec<_> = (0..4)
        .map(|n| json!({"op": "add-unique", "path": "/a", "value": format!("{n}{value}")}))
        .collect();
    let (Ok(first), Ok(last)) = (
        Operations::parse(json!(add[..2]).to_string().as_bytes()),
        Operations::parse(json!(add[2..]).to_string().as_bytes()),
    ) else {
        panic!("each half is small enough");
    };
    let half = first.apply(json!({})).expect("fits");
    assert!(matches!(last.apply(half), Err(PatchError::TooLarge { .. })));

    let elements: Vec<_> = (0..150_000).collect();
    let add: Vec<_> =
        (0..1000).map(|n| json!({"op": "add-unique", "path": "", "value": -n - 1})).collect();
    let error = try_change(&json!(elements).to_string(), &json!(add).to_string());
    assert!(matches!(error, Err(PatchError::TooMuchWork { .. })));
}

proptest! {
    #[test]
    fn increments_of_integers_are_exact(
        start in prop_oneof![any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from)],
        steps in vec(any::<i64>().prop_map(|n| n >> (n & 63)), 1..5),
    ) {
        let operations: Vec<_> =
            steps.iter().map(|by| json!({"op": "increment", "path": "", "by": by})).collect();
        let sums: Vec<i128> = steps
            .iter()
            .scan(start, |sum, by| {
                *sum += i128::from(*by);
                Some(*sum)
            })
            .collect();
        let fits = |sum: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(sum);
        let outcome = try_change(&start.to_string(), &json!(operations).to_string());
        match (outcome, sums.iter().position(|sum| !fits(sum))) {
            (Ok(document), None) => {
                prop_assert_eq!(document.to_string(), sums[sums.len() - 1].to_string());
            }
            (Err(PatchError::NumberOutOfRange { step }), Some(first)) => {
                let (op, pointer) = ("increment", String::new());
                prop_assert_eq!(step, PatchStep::Operation { index: first, op, pointer });
            }
            (outcome, expected) => prop_assert!(false, "{:?} but {:?}", outcome, expected),
        }
    }
}

fn try_change(text: &str, operations: &str) -> Result<Document, PatchError> {
    let document = Document::parse(text.as_bytes()).expect("a document");
    let operations = Operations::parse(operations.as_bytes()).expect("operations");
    let value = operations.apply(document.to_value().expect("JSON"))?;
    Ok(Document::from_value(&value).expect("a changed document keeps the bounds"))
}

fn changed(text: &str, operations: &str) -> String {
    try_change(text, operations).expect("applies").to_string()
}
