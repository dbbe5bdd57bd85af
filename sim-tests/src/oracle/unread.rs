//! **Invariant.** An acknowledgement never takes away what comes after it. Whatever a device is told under a
//! number, it is shown until it says that it has read it: of each notification after the last one that it
//! has acknowledged, its zone is among what it is shown, up to that change at least; or it is told that there
//! is more than is shown. And nobody acknowledges for it.

use std::collections::{BTreeMap, BTreeSet};

use tidelog_core::message::DeviceNotification;

use super::Oracle;
use crate::{
    log::{for_devices, notifications},
    model::inbox::Word,
    observed::{NotificationsSeen, Observed},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "unread",
    holds: "What a device has not acknowledged it is shown, or told that there is more.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    if observed.watched.is_none() {
        return Vec::new();
    }
    let told = notifications(&observed.log);
    let acknowledged = acknowledged(observed);
    let mut found = Vec::new();
    for seen in &observed.zones_seen.notifications {
        let told = told.get(&*seen.device).map_or(&[][..], Vec::as_slice);
        let nothing = BTreeSet::new();
        let acknowledged = acknowledged.get(&seen.device).unwrap_or(&nothing);
        if let Some((kind, what)) = wrong(seen, told, acknowledged) {
            let NotificationsSeen { step, at_us, device, .. } = seen;
            let message = format!("step {step}, {device}: {what}");
            found.push(Violation::new(ORACLE.name, kind, *at_us, message));
        }
    }
    found
}

/// What each device has said that it has read.
fn acknowledged(observed: &Observed) -> BTreeMap<Box<str>, BTreeSet<u64>> {
    let of_device = |(device, words): (Box<str>, Vec<(u64, Word)>)| {
        let through = |(_, word): &(u64, Word)| match word {
            Word::Acknowledged(through) => Some(*through),
            Word::News(_) | Word::Removed { .. } => None,
        };
        (device, words.iter().filter_map(through).collect())
    };
    for_devices(&observed.log).into_iter().map(of_device).collect()
}

fn wrong(
    seen: &NotificationsSeen,
    told: &[&DeviceNotification],
    acknowledged: &BTreeSet<u64>,
) -> Option<(&'static str, String)> {
    let view = &seen.view;
    if view.acknowledged > 0 && !acknowledged.contains(&view.acknowledged) {
        let what = format!("nobody has acknowledged up to {}", view.acknowledged);
        return Some(("unasked", what));
    }
    let from = view.acknowledged.max(seen.after);
    let is_shown = |it: &DeviceNotification| {
        let at = view.zones.iter().find(|zone| zone.zone == it.zone);
        at.is_some_and(|at| {
            at.number >= it.number && at.first <= it.sequence && it.sequence <= at.last
        })
    };
    let mut missing = told.iter().filter(|it| it.number > from && it.number <= view.last);
    let missing = missing.find(|it| !is_shown(it)).filter(|_| !view.overflowed)?;
    let (number, zone) = (missing.number, &missing.zone);
    let what = format!(
        "notification {number}, change {} of {zone}, is not shown, with {} acknowledged: {view:?}",
        missing.sequence, view.acknowledged
    );
    Some(("lost", what))
}

#[cfg(test)]
mod tests {
    use tidelog_core::Message;

    use super::*;
    use crate::{
        observed::AtLeast,
        oracle::build_zones::{acknowledged, notification, observed, unread},
    };

    const EU: &str = "shop/orders/eu";
    const US: &str = "shop/orders/us";

    fn log() -> Vec<Message> {
        vec![
            notification(1, EU, 1, 1, false),
            notification(2, US, 1, 2, false),
            notification(3, EU, 2, 2, false),
            acknowledged(1),
            acknowledged(2),
        ]
    }

    #[test]
    fn it_passes_what_is_shown_until_it_is_acknowledged() {
        for seen in [
            unread(AtLeast::Nothing, (0, 0, false), &[]),
            unread(AtLeast::Nothing, (3, 0, false), &[(EU, 3, 1, 2), (US, 2, 1, 1)]),
            unread(AtLeast::Nothing, (3, 2, false), &[(EU, 3, 1, 2)]),
            unread(AtLeast::Nothing, (3, 0, true), &[(EU, 3, 1, 2)]),
            unread(AtLeast::Nothing, (2, 2, false), &[]),
        ] {
            assert_eq!(signatures(seen), [""; 0]);
        }
    }

    #[test]
    fn it_fails_what_an_acknowledgement_has_taken_away_and_one_that_nobody_made() {
        let gone = unread(AtLeast::Nothing, (3, 1, false), &[(EU, 3, 1, 2)]);
        assert_eq!(signatures(gone), ["unread/lost"]);
        let later = unread(AtLeast::Nothing, (3, 2, false), &[]);
        assert_eq!(signatures(later), ["unread/lost"]);
        let older = unread(AtLeast::Nothing, (3, 2, false), &[(EU, 1, 1, 1)]);
        assert_eq!(signatures(older), ["unread/lost"]);
        let nobody = unread(AtLeast::Nothing, (3, 3, false), &[]);
        assert_eq!(signatures(nobody), ["unread/unasked"]);
    }

    fn signatures(seen: NotificationsSeen) -> Vec<String> {
        let mut observed = observed(log());
        observed.zones_seen.notifications = vec![seen];
        look(&observed).into_iter().map(|it| it.signature.into()).collect()
    }
}
