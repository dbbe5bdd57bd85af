//! **Invariant.** Each device is told of exactly those changes that its subscriptions ask for while they hold:
//! none is missing, none comes twice, and those of a zone come in the order of their numbers, of which each
//! is that of its place among the zone's changes. In what order a device hears of different zones is free.
//! And it comes to an end: once nobody does anything, everything is told in time.
//!
//! A subscription holds from its record in `zone-changes` on; see `model/zones.rs` for what that leaves free.

use std::collections::BTreeMap;

use tidelog_core::PartitionId;

use super::Oracle;
use crate::{
    log::{for_devices, zone_events},
    model::{
        inbox::Word,
        zones::{News, news},
    },
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "told",
    holds: "A device is told of what its subscriptions ask for, once, and of nothing else.",
    check: look,
};

/// By device and zone.
type Told = BTreeMap<(Box<str>, Box<str>), Vec<News>>;

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(watched) = &observed.watched else { return Vec::new() };
    let mut found = Vec::new();
    let mut tell = |kind, message: String| {
        found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
    };
    if !watched.is_still {
        tell("goes-on", "devices are still being told when all had to be told".into());
    }
    let mut to_be = Told::new();
    for partition in 0..watched.partitions {
        to_be.extend(news(&zone_events(&observed.log, PartitionId(partition))));
    }
    let mut is = is_told(observed);
    for (at, to_be) in &to_be {
        let is = is.remove(at).unwrap_or_default();
        if let Some((kind, what)) = difference(&is, to_be) {
            tell(kind, format!("{} of {}: {what}", at.0, at.1));
        }
    }
    for ((device, zone), told) in is {
        let message = format!("{device} is told of {} changes of {zone} unasked", told.len());
        tell("unasked", message);
    }
    found
}

fn is_told(observed: &Observed) -> Told {
    let mut is = Told::new();
    for (device, words) in for_devices(&observed.log) {
        for (_, word) in words {
            if let Word::News(news) = word {
                is.entry((device.clone(), news.zone.clone())).or_default().push(news);
            }
        }
    }
    is
}

/// The first difference.
fn difference(is: &[News], to_be: &[News]) -> Option<(&'static str, String)> {
    let nth = is.iter().zip(to_be).position(|(is, to_be)| is != to_be);
    let nth = nth.or_else(|| (is.len() != to_be.len()).then(|| is.len().min(to_be.len())))?;
    let has = |news: &News, among: &[News]| among.iter().any(|it| it.sequence == news.sequence);
    Some(match (is.get(nth), to_be.get(nth)) {
        (Some(is), Some(to_be)) if is.sequence == to_be.sequence => {
            ("another", format!("it is told {is:?}, and is to be told {to_be:?}"))
        }
        (Some(news), _) if has(news, &is[..nth]) => ("twice", format!("{news:?} comes again")),
        (Some(news), _) if !has(news, to_be) => ("unasked", format!("nothing asks for {news:?}")),
        (_, Some(news)) if !has(news, is) => ("missing", format!("it is not told {news:?}")),
        (is, to_be) => ("order", format!("it is told {is:?} where {to_be:?} is to be")),
    })
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Message, message::UpdateKind};

    use super::*;
    use crate::oracle::build_zones::{change, changed, news, observed, subscribed, unsubscribed};

    /// Changes 1 to 4 of a zone, of which a device asks for the second and third.
    fn two_of_four() -> Vec<Message> {
        vec![
            change(0, 1, "shop/orders/eu/1", 1),
            subscribed(1, 2, "shop/orders/eu"),
            change(2, 1, "shop/orders/eu/2", 1),
            changed(3, "shop/orders/eu/2", UpdateKind::Updated, 2),
            unsubscribed(4, 2, "shop/orders/eu"),
            change(5, 1, "shop/orders/eu/3", 1),
        ]
    }

    const CREATED: UpdateKind = UpdateKind::Created;
    const UPDATED: UpdateKind = UpdateKind::Updated;

    #[test]
    fn it_passes_what_was_asked_for_and_fails_all_else() {
        let (second, third) =
            (|| news("shop/orders/eu", 2, CREATED), || news("shop/orders/eu", 3, UPDATED));
        let with = |rest: Vec<_>| signatures([two_of_four(), rest].concat());
        assert_eq!(with(vec![second(), third()]), [""; 0]);
        assert_eq!(with(vec![third()]), ["told/missing"]);
        assert_eq!(with(vec![second()]), ["told/missing"]);
        assert_eq!(with(vec![]), ["told/missing"]);
        assert_eq!(with(vec![third(), second()]), ["told/order"]);
        assert_eq!(with(vec![second(), second(), third()]), ["told/twice"]);
        let first = news("shop/orders/eu", 1, CREATED);
        assert_eq!(with(vec![first, second(), third()]), ["told/unasked"]);
        let fourth = news("shop/orders/eu", 4, CREATED);
        assert_eq!(with(vec![second(), third(), fourth]), ["told/unasked"]);
        assert_eq!(with(vec![second(), news("shop/orders/eu", 3, CREATED)]), ["told/another"]);
        let elsewhere = news("shop/orders/us", 1, CREATED);
        assert_eq!(with(vec![second(), third(), elsewhere]), ["told/unasked"]);
    }

    #[test]
    fn it_fails_devices_that_are_told_without_end() {
        let mut observed = observed(Vec::new());
        assert_eq!(look(&observed), []);
        observed.watched.as_mut().expect("it is").is_still = false;
        assert_eq!(&*look(&observed)[0].signature, "told/goes-on");
    }

    fn signatures(messages: Vec<Message>) -> Vec<String> {
        look(&observed(messages)).into_iter().map(|it| it.signature.into()).collect()
    }
}
