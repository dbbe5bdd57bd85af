use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};
use tidelog_core::Timestamp;

use super::{Change, document, learn, learned};
use crate::{
    Model, Notes,
    model::{Extent, Formats, Members, Shape, Span, Tally, Values},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_changes_does_not_matter(
        (changes, shuffled) in changes().prop_flat_map(|changes| {
            (Just(changes.clone()), Just(changes).prop_shuffle())
        }),
    ) {
        // Every order, so every one that respects each entity's own, too.
        prop_assert_eq!(learned(&changes), learned(&shuffled));
    }

    #[test]
    fn it_does_not_matter_where_the_learner_restarts(
        changes in changes(),
        restarts in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let restarts: Vec<_> = restarts.iter().map(|at| at.index(changes.len() + 1)).collect();
        let restarted = changes.iter().enumerate().fold(Model::default(), |model, (at, change)| {
            let model = if restarts.contains(&at) { stored_and_read(&model) } else { model };
            learn(model, change)
        });
        prop_assert_eq!(restarted, learned(&changes));
    }

    #[test]
    fn models_of_parts_merge_to_the_model_of_the_whole(
        changes in changes(),
        cuts in vec(any::<prop::sample::Index>(), 2),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|at| at.index(changes.len() + 1)).collect();
        cuts.sort_unstable();
        let (first, rest) = changes.split_at(cuts[0]);
        let (second, third) = rest.split_at(cuts[1] - cuts[0]);
        let [a, b, c] = [first, second, third].map(learned);
        let whole = learned(&changes);
        prop_assert_eq!(&a.clone().merge(b.clone()).merge(c.clone()), &whole);
        prop_assert_eq!(&a.clone().merge(b.clone().merge(c.clone())), &whole);
        prop_assert_eq!(&c.merge(a).merge(b), &whole);
    }

    #[test]
    fn what_came_twice_changes_nothing_but_counts(changes in changes()) {
        let once = learned(&changes);
        let twice = once.clone().merge(once.clone());
        prop_assert_eq!(uncounted(twice), uncounted(once));
    }

    #[test]
    fn what_went_again_leaves_no_count_behind(changes in changes()) {
        let undone = changes.iter().rev().fold(learned(&changes), |model, change| {
            let Change { before, after, time } = change.clone();
            learn(model, &Change { before: after, after: before, time })
        });
        prop_assert_eq!(undone.documents(), 0);
        let definition = undone.definition(Notes::Without).to_value().expect("JSON");
        prop_assert_eq!(definition.get("properties"), None);
    }

    #[test]
    fn types_only_widen(changes in changes(), more in changes()) {
        let before = learned(&changes);
        let after = more.iter().fold(before.clone(), learn);
        // What joins to nothing new is not wider.
        prop_assert_eq!(uncounted(after.clone().merge(before)), uncounted(after));
    }

    #[test]
    fn joins_are_commutative_associative_and_idempotent(
        numbers in [number(), number(), number()],
        texts in [text(), text(), text()],
    ) {
        check_join(numbers.clone().map(|numbers| {
            let mut span = Span::default();
            numbers.iter().for_each(|number| span.include(*number as i64));
            span
        }), |a, b| a.join(b));
        check_join(numbers.map(|numbers| {
            let mut extent = Extent::default();
            for number in numbers {
                if number.fract() == 0.0 {
                    extent.include_integer(number as i128);
                } else {
                    extent.include_double(number);
                }
            }
            extent
        }), |a, b| a.join(b));
        check_join(texts.clone().map(|texts| {
            let mut formats = Formats::default();
            texts.iter().for_each(|text| formats.include(text));
            formats
        }), |a, b| a.join(b));
        check_join(texts.map(|texts| {
            let mut values = Values::default();
            texts.iter().for_each(|text| match text.parse() {
                Ok(integer) => values.include_integer(integer),
                Err(_) => values.include_string(text),
            });
            values
        }), |a, b| a.join(b));
    }
}

fn check_join<T: Clone + PartialEq + std::fmt::Debug>([a, b, c]: [T; 3], join: impl Fn(&mut T, T)) {
    let join = |a: &T, b: &T| {
        let mut joined = a.clone();
        join(&mut joined, b.clone());
        joined
    };
    assert_eq!(join(&a, &b), join(&b, &a));
    assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
    assert_eq!(join(&a, &a), a);
    assert_eq!(join(&join(&a, &b), &b), join(&a, &b));
}

fn stored_and_read(model: &Model) -> Model {
    let bytes = postcard::to_allocvec(model).expect("a Vec takes all");
    postcard::from_bytes(&bytes).expect("it was just written")
}

/// The model without its counts: only whether there ever was one.
fn uncounted(mut model: Model) -> Model {
    fn strip(shape: &mut Shape) {
        let tallies = [
            &mut shape.nulls,
            &mut shape.booleans,
            &mut shape.integers,
            &mut shape.doubles,
            &mut shape.strings,
            &mut shape.objects,
            &mut shape.arrays,
        ];
        for tally in tallies {
            let mut stripped = Tally::default();
            if tally.is_seen() {
                stripped.came();
            }
            *tally = stripped;
        }
        match &mut shape.members {
            Members::Fields(fields) => fields.values_mut().for_each(strip),
            Members::Map(values) => strip(values),
        }
        if let Some(elements) = &mut shape.elements {
            strip(elements);
        }
    }
    strip(&mut model.root);
    model
}

/// The changes of a few entities, each in its own order.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let step = (0..6_usize, prop::option::weighted(0.8, value()), 0..5_000_u64);
    vec(step, 1..24).prop_map(|steps| {
        let mut documents = vec![None; 6];
        steps
            .into_iter()
            .filter_map(|(entity, after, time)| {
                let after = after.as_ref().map(document);
                let before = std::mem::replace(&mut documents[entity], after.clone());
                let time = Timestamp::from_millis(time);
                (before.is_some() || after.is_some()).then_some(Change { before, after, time })
            })
            .collect()
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![6 => small(), 1 => wide(), 1 => bushy(), 1 => deep()]
}

/// Documents as most are: few fields, which have other types now and then.
fn small() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            3 => btree_map(select(vec!["id", "name", "tags", "size", "at", ""]), inner.clone(), 0..5)
                .prop_map(|fields| json!(fields)),
            1 => vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// More keys than fields may be, in a few documents together.
fn wide() -> impl Strategy<Value = Value> {
    btree_map(0..500_u32, scalar(), 60..200).prop_map(keyed)
}

/// No object has many keys, and all together have too many.
fn bushy() -> impl Strategy<Value = Value> {
    btree_map(0..40_u32, btree_map(0..60_u32, scalar(), 20..40).prop_map(keyed), 6..16)
        .prop_map(keyed)
}

fn deep() -> impl Strategy<Value = Value> {
    (scalar(), 1..14_usize, any::<bool>()).prop_map(|(value, depth, is_array)| {
        (0..depth).fold(value, |inner, level| match is_array || level % 2 == 0 {
            true => json!([inner, level]),
            false => json!({ "inner": inner, "level": level }),
        })
    })
}

fn keyed<T: Into<Value>>(fields: std::collections::BTreeMap<u32, T>) -> Value {
    fields.into_iter().map(|(key, value)| (format!("k{key}"), value.into())).collect()
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-100.0..100.0_f64).prop_map(Value::from),
        string().prop_map(Value::from),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,3}",
        "\\PC{0,40}",
        Just("2026-11-25".to_owned()),
        Just("2026-11-25T09:07:01Z".to_owned()),
        Just("a@example.org".to_owned()),
        Just("https://example.org/".to_owned()),
    ]
}

fn number() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![-9.0..9.0_f64, (-9..9_i32).prop_map(f64::from)], 0..6)
}

fn text() -> impl Strategy<Value = Vec<String>> {
    vec(string(), 0..14)
}
