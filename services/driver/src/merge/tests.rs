use proptest::{
    collection::{btree_set, vec},
    prelude::*,
};

use super::{Item, Room, merge};
use tidelog_core::query::Page;

proptest! {
    #[test]
    fn pages_put_together_are_the_sorted_whole(
        partitions in vec(btree_set("[ab]{1,4}", 0..12), 1..6),
        limits in vec(1..9_usize, 1..5),
        shorts in vec(0..9_usize, 1..7),
        bytes in 1..12_usize,
    ) {
        let mut whole: Vec<String> = partitions.iter().flatten().cloned().collect();
        whole.sort();
        whole.dedup();

        let mut found = Vec::new();
        let mut after: Option<Box<str>> = None;
        let (mut limits, mut shorts) = (limits.iter().cycle(), shorts.iter().cycle());
        for round in 0.. {
            prop_assert!(round < 200, "no end is in sight");
            let limit = *limits.next().expect("they go round");
            let pages = partitions.iter().map(|all| {
                // Some pages are short: the partition looked at that much and had enough.
                let most = match shorts.next().expect("they go round") {
                    0 => limit,
                    short => limit.min(*short),
                };
                page(all.iter().map(String::as_str), after.as_deref(), most)
            });
            let room = Room { items: limit, bytes };
            let listing = merge(pages.collect(), room);
            prop_assert!(listing.items.len() <= limit);
            if let Some((_, all_but_last)) = listing.items.split_last() {
                prop_assert!(all_but_last.iter().map(Item::bytes).sum::<usize>() < bytes);
            }
            found.extend(listing.items.into_iter().map(String::from));
            let Some(next) = listing.next else { break };
            prop_assert!(after.is_none_or(|after| after < next), "every page leads on");
            after = Some(next);
        }
        prop_assert_eq!(found, whole);
    }
}

#[test]
fn a_full_last_page_says_that_it_is_the_last() {
    let pages = vec![
        Page { items: vec!["a".into(), "c".into()], looked_to: None },
        Page { items: vec!["b".into()], looked_to: None },
    ];
    let listing = merge::<Box<str>>(pages, Room { items: 3, bytes: 100 });
    assert_eq!(listing.items.len(), 3);
    assert_eq!(listing.next, None);
}

#[test]
fn nothing_beyond_the_place_to_which_all_have_looked_is_shown() {
    let pages = vec![
        Page { items: vec!["a".into(), "d".into()], looked_to: Some("d".into()) },
        Page { items: Vec::new(), looked_to: Some("b".into()) },
    ];
    let listing = merge::<Box<str>>(pages, Room { items: 10, bytes: 100 });
    assert_eq!(listing.items, ["a".into()]);
    assert_eq!(listing.next.as_deref(), Some("b"));
}

/// What a partition answers: at most `most` of its items after `after`.
fn page<'a>(
    all: impl Iterator<Item = &'a str>,
    after: Option<&str>,
    most: usize,
) -> Page<Box<str>> {
    let mut rest = all.filter(|text| after.is_none_or(|after| *text > after)).map(Box::from);
    let items: Vec<Box<str>> = rest.by_ref().take(most).collect();
    let looked_to = if rest.next().is_some() { items.last().cloned() } else { None };
    Page { items, looked_to }
}
