use std::collections::BTreeSet;

use proptest::prelude::*;
use tidelog_core::Query;

use super::queries::{filled, names};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_of_collections_are_the_sorted_set(
        zones in proptest::collection::btree_set("[$]?[ab.~-]{1,4}/[a-]{1,2}", 0..24),
        limit in 1u32..4,
    ) {
        let good: Vec<_> = zones
            .iter()
            .map(|zone| format!("d-b/{zone}/1"))
            .filter(|text| text.parse::<tidelog_core::EntityId>().is_ok())
            .collect();
        let mut entities: Vec<_> = good.iter().map(String::as_str).collect();
        entities.extend(["d/a/z/1", "d-b-/a/z/1", "d-a/a/z/1", "d-c/a/z/1"]);
        let harness = filled(&entities);
        let expected: BTreeSet<_> = good
            .iter()
            .map(|text| text.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"))
            .collect();
        let mut found = Vec::new();
        let mut after: Option<Box<str>> = None;
        loop {
            let database = "d-b".parse().expect("a good id");
            let page = names(harness.query(&Query::Collections { database, after, limit }));
            let (items, looked_to) = page.rsplit_once("| ").expect("both are printed");
            found.extend(items.split_whitespace().map(str::to_owned));
            if looked_to == "end" {
                break;
            }
            after = Some(looked_to.into());
        }
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}
