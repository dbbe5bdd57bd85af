//! Random values to test with.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Number, Value};

/// Any JSON value of moderate size, with few and often equal keys, so that things collide.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((key(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// A value that holds no array and no object.
pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ]
}

/// Integers of both kinds, small ones in particular, and finite doubles of all kinds.
pub(crate) fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-3_i64..4).prop_map(Number::from),
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        (-3_i32..4).prop_map(|n| double(f64::from(n))),
        any::<u64>().prop_filter_map("finite", |bits| Number::from_f64(f64::from_bits(bits))),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
    ]
}

/// A key of an object.
pub(crate) fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-d]", 1 => text()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "[\\x00-\\x7f]{0,8}", any::<String>()]
}

fn double(finite: f64) -> Number {
    Number::from_f64(finite).expect("small numbers are finite")
}
