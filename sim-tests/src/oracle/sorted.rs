//! **Invariant.** `zone-changes` is `entity-updates`, sorted by zone: each change once in the partition of its
//! zone, each change of a subscription besides once in the partitions of what it was and is about, and what
//! comes of one partition in the order of that partition. In which order a partition has what comes of
//! different ones is free: their tasks know nothing of each other. And an update says from which device it is
//! what the client said that asked for it.

use std::collections::BTreeMap;

use tidelog_core::{PartitionId, Topic};

use super::Oracle;
use crate::{
    history::Name,
    log::{expected_events, zone_events},
    model::zones::{Event, Source},
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "sorted",
    holds: "Every change gets once, and in order, to those who watch its zone.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(watched) = &observed.watched else { return Vec::new() };
    let mut expected = expected_events(&observed.log, watched.partitions);
    let mut found = of_another_device(observed);
    for zones in 0..watched.partitions {
        let mut expected = expected.remove(&zones).unwrap_or_default();
        let events = zone_events(&observed.log, PartitionId(zones));
        for updates in 0..watched.partitions {
            let of = events.iter().filter(|it| it.source.partition == updates);
            let is: Vec<_> = of.map(|it| (it.source, it.event.clone())).collect();
            let to_be = expected.remove(&updates).unwrap_or_default();
            let Some((kind, what)) = difference(&is, &to_be) else { continue };
            let message = format!(
                "{}/{zones}, of what comes of {}/{updates}: {what}",
                Topic::ZoneChanges,
                Topic::EntityUpdates
            );
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
    }
    found
}

/// Updates that name another device than their clients did.
fn of_another_device(observed: &Observed) -> Vec<Violation> {
    let named: BTreeMap<_, _> =
        observed.zones_seen.writes.iter().map(|(name, device)| (name, device.as_deref())).collect();
    let wrong = |message: &tidelog_core::Message| {
        let update = message.entity_update()?;
        let (client, number) = (update.request.client.to_string().into(), update.request.number);
        let name = Name { client, number, part: update.part.number };
        let named = named.get(&name)?;
        let device = update.device.as_ref().map(|device| device.as_str());
        let message =
            format!("{name} was asked for from {named:?}, and its update says {device:?}");
        (device != *named).then(|| Violation::new(ORACLE.name, "device", observed.end_us, message))
    };
    observed.log.messages(Topic::EntityUpdates).filter_map(|(.., it)| wrong(it)).collect()
}

type Sourced = (Source, Event);

/// The first difference.
fn difference(is: &[Sourced], to_be: &[Sourced]) -> Option<(&'static str, String)> {
    let nth = is.iter().zip(to_be).position(|(is, to_be)| is != to_be);
    let nth = nth.or_else(|| (is.len() != to_be.len()).then(|| is.len().min(to_be.len())))?;
    let known = |source: &Source, among: &[Sourced]| among.iter().any(|(it, _)| it == source);
    Some(match (is.get(nth), to_be.get(nth)) {
        (Some(is), Some(to_be)) if is.0 == to_be.0 => {
            ("another", format!("{:?} is {:?}, and is to be {:?}", is.0, is.1, to_be.1))
        }
        (Some((source, event)), _) if known(source, &is[..nth]) => {
            ("twice", format!("{source:?} comes again: {event:?}"))
        }
        (Some((source, event)), _) if !known(source, to_be) => {
            ("unasked", format!("nothing makes {source:?}: {event:?}"))
        }
        (_, Some((source, event))) if !known(source, is) => {
            ("missing", format!("{source:?} does not come: {event:?}"))
        }
        (is, to_be) => ("order", format!("{is:?} comes where {to_be:?} is to be")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::build_zones::{
        change, gone, made, observed, subscribed, subscription, unsubscribed,
    };

    #[test]
    fn it_passes_changes_and_subscriptions_that_come_in_order() {
        let log = vec![
            made("shop/orders/eu/1", 1),
            subscription(1, None, Some("shop/orders/eu")),
            subscription(2, Some("shop/orders/eu"), Some("shop/orders/us")),
            gone("shop/orders/eu/1", 2),
            change(0, 1, "shop/orders/eu/1", 1),
            change(1, 1, "shop/$zoneSubscription/a/1", 1),
            subscribed(1, 2, "shop/orders/eu"),
            change(2, 1, "shop/$zoneSubscription/a/1", 2),
            unsubscribed(2, 2, "shop/orders/eu"),
            subscribed(2, 3, "shop/orders/us"),
            deleted(3, "shop/orders/eu/1", 2),
        ];
        assert_eq!(signatures(log), [""; 0]);
    }

    #[test]
    fn it_fails_what_is_missing_doubled_out_of_order_or_of_nothing() {
        let made = || vec![made("shop/orders/eu/1", 1), made("shop/orders/eu/2", 1)];
        let one = || change(0, 1, "shop/orders/eu/1", 1);
        let two = || change(1, 1, "shop/orders/eu/2", 1);
        let with = |rest: Vec<_>| signatures([made(), rest].concat());
        assert_eq!(with(vec![one(), two()]), [""; 0]);
        assert_eq!(with(vec![one()]), ["sorted/missing"]);
        assert_eq!(with(vec![two()]), ["sorted/missing"]);
        assert_eq!(with(vec![one(), one(), two()]), ["sorted/twice"]);
        assert_eq!(with(vec![two(), one()]), ["sorted/order"]);
        assert_eq!(
            with(vec![one(), two(), change(7, 1, "shop/orders/eu/1", 1)]),
            ["sorted/unasked"]
        );
        assert_eq!(with(vec![change(0, 1, "shop/orders/eu/1", 9), two()]), ["sorted/another"]);
    }

    #[test]
    fn it_fails_an_update_that_does_not_say_its_device() {
        let log = vec![made("shop/orders/eu/1", 1), change(0, 1, "shop/orders/eu/1", 1)];
        let mut observed = observed(log);
        let name = Name { client: "app:0".into(), number: 1, part: 1 };
        observed.zones_seen.writes = vec![(name.clone(), None)];
        assert_eq!(look(&observed), []);
        observed.zones_seen.writes = vec![(name, Some("a".into()))];
        assert_eq!(&*look(&observed)[0].signature, "sorted/device");
    }

    fn deleted(offset: u64, entity: &str, revision: u64) -> tidelog_core::Message {
        crate::oracle::build_zones::changed(
            offset,
            entity,
            tidelog_core::message::UpdateKind::Deleted,
            revision,
        )
    }

    fn signatures(messages: Vec<tidelog_core::Message>) -> Vec<String> {
        look(&observed(messages)).into_iter().map(|it| it.signature.into()).collect()
    }
}
