//! **Invariant.** What a device is told is what its partition of `changes-by-device` comes to: its numbers are
//! 1, 2, 3 … without gaps, each stands for one change that it was not told of before, and it overflows when
//! there are more zones than are kept, and only then. What it is answered when it asks was so at some time,
//! and that is not before what it knows: not before its own acknowledgement.
//!
//! Coalescing leaves nothing free: what a device has not read of a zone is one entry, with the numbers of the
//! first and the last change, and the counts of all. Free is only when the device asks.

use std::collections::BTreeMap;

use tidelog_core::{
    message::DeviceNotification,
    query::{NotificationsView, UnreadView},
};

use super::Oracle;
use crate::{
    log::{effect, for_devices, notifications},
    model::inbox::{Inbox, Notification, Unread, Word},
    observed::{AtLeast, NotificationsSeen, Observed},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "notified",
    holds: "A device's notifications are numbered without gaps, and are what was said to it.",
    check: look,
};

/// What a device has not read after each thing that was said to it.
struct Device {
    words: Vec<(u64, Word)>,
    /// One more than there are words: the first is before all of them.
    states: Vec<Inbox>,
    notifications: Vec<Notification>,
}

impl Device {
    fn of(words: Vec<(u64, Word)>, zones_max: u64) -> Self {
        let mut inbox = Inbox::default();
        let (mut states, mut notifications) = (vec![inbox.clone()], Vec::new());
        for (_, word) in &words {
            notifications.extend(inbox.take(word, zones_max));
            states.push(inbox.clone());
        }
        Self { words, states, notifications }
    }

    /// The first state that whoever has seen that can be shown; none, if that was never said.
    fn first(&self, at_least: AtLeast) -> Option<usize> {
        match at_least {
            AtLeast::Nothing => Some(0),
            AtLeast::Acknowledgement(through) => {
                let is_it = |(_, word): &(u64, Word)| *word == Word::Acknowledged(through);
                self.words.iter().position(is_it).map(|nth| nth + 1)
            }
            AtLeast::Offset(at) => Some(self.words.partition_point(|(offset, _)| *offset <= at)),
        }
    }
}

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(watched) = &observed.watched else { return Vec::new() };
    let zones_max = watched.limits.zones_max;
    let mut found = Vec::new();
    let mut devices: BTreeMap<_, _> = for_devices(&observed.log)
        .into_iter()
        .map(|(device, words)| (device, Device::of(words, zones_max)))
        .collect();
    let mut all = notifications(&observed.log);
    for (device, model) in &devices {
        let told = all.remove(&**device).unwrap_or_default();
        if let Some((kind, what)) = difference(&told, &model.notifications) {
            let message = format!("{device}: {what}");
            found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
        }
    }
    for (device, told) in all {
        let message = format!("{device} was told {} things, and nothing was said", told.len());
        found.push(Violation::new(ORACLE.name, "unasked", observed.end_us, message));
    }
    for seen in &observed.zones_seen.notifications {
        let nobody = || Device::of(Vec::new(), zones_max);
        let device = devices.entry(seen.device.clone()).or_insert_with(nobody);
        if let Some((kind, what)) = wrong(seen, device) {
            let NotificationsSeen { step, at_us, device, .. } = seen;
            let message = format!("step {step}, {device}: {what}");
            found.push(Violation::new(ORACLE.name, kind, *at_us, message));
        }
    }
    found
}

fn difference(
    is: &[&DeviceNotification],
    to_be: &[Notification],
) -> Option<(&'static str, String)> {
    let nth = is.iter().zip(to_be).position(|(is, to_be)| !is_it(is, to_be));
    let nth = nth.or_else(|| (is.len() != to_be.len()).then(|| is.len().min(to_be.len())))?;
    let (is, to_be) = (is.get(nth), to_be.get(nth));
    let kind = match (is, to_be) {
        (None, _) => "missing",
        (Some(_), None) => "unasked",
        (Some(is), Some(to_be)) if is.number != to_be.number => "numbers",
        (Some(is), Some(to_be)) if is.overflowed != to_be.overflowed => "overflow",
        (Some(_), Some(_)) => "another",
    };
    Some((kind, format!("it is told {is:?}, and is to be told {to_be:?}")))
}

fn is_it(is: &DeviceNotification, to_be: &Notification) -> bool {
    let Notification { number, news, unread_zones, overflowed } = to_be;
    is.number == *number
        && is.zone.as_str() == &*news.zone
        && is.sequence == news.sequence
        && effect(is.kind) == news.effect
        && is.time.as_millis() == news.time_ms
        && is.unread_zones == *unread_zones
        && is.overflowed == *overflowed
}

/// What is wrong with an answer.
fn wrong(seen: &NotificationsSeen, device: &Device) -> Option<(&'static str, String)> {
    let Some(first) = device.first(seen.at_least) else {
        return Some(("not-in-the-log", format!("{:?} was never said", seen.at_least)));
    };
    let is_it = |state: &Inbox| shows(&seen.view, state, seen.after);
    if device.states[first..].iter().any(is_it) {
        return None;
    }
    let kind = if device.states.iter().any(is_it) { "older" } else { "never" };
    let (at_least, view) = (seen.at_least, &seen.view);
    let near = device.states[first..].iter().find(|state| state.last >= view.last);
    Some((kind, format!("having seen {at_least:?} it is shown {view:?}; near to that is {near:?}")))
}

fn shows(view: &NotificationsView, state: &Inbox, after: u64) -> bool {
    let NotificationsView { last, acknowledged, overflowed, ref zones } = *view;
    let of_state = state.zones.iter().filter(|(_, unread)| unread.number > after);
    (last, acknowledged, overflowed) == (state.last, state.acknowledged, state.overflowed())
        && zones.len() == of_state.clone().count()
        && zones
            .iter()
            .zip(of_state)
            .all(|(view, (zone, unread))| view.zone.as_str() == &**zone && plain(view) == *unread)
}

fn plain(view: &UnreadView) -> Unread {
    let UnreadView { zone: _, number, first, last, created, updated, deleted, time } = *view;
    Unread { number, first, last, counts: [created, updated, deleted], time_ms: time.as_millis() }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Message, message::UpdateKind};

    use super::*;
    use crate::oracle::build_zones::{acknowledged, news, notification, observed, removed, unread};

    const EU: &str = "shop/orders/eu";
    const UK: &str = "shop/orders/uk";
    const US: &str = "shop/orders/us";

    fn new(zone: &str, sequence: u64) -> Message {
        news(zone, sequence, UpdateKind::Created)
    }

    #[test]
    fn it_passes_what_was_said_and_what_was_shown_of_it() {
        let log = vec![
            new(EU, 1),
            new(EU, 2),
            acknowledged(1),
            new(UK, 5),
            new(US, 6),
            acknowledged(9),
            removed(1, 0),
            notification(1, EU, 1, 1, false),
            notification(2, EU, 2, 1, false),
            notification(3, UK, 5, 2, false),
            notification(4, US, 6, 2, true),
        ];
        let shown = vec![
            unread(AtLeast::Nothing, (0, 0, false), &[]),
            unread(AtLeast::Nothing, (1, 0, false), &[(EU, 1, 1, 1)]),
            unread(AtLeast::Acknowledgement(1), (2, 1, false), &[(EU, 2, 1, 2)]),
            unread(AtLeast::Acknowledgement(9), (4, 1, true), &[(EU, 2, 1, 2), (UK, 3, 5, 5)]),
            unread(AtLeast::Offset(6), (4, 1, true), &[]),
        ];
        assert_eq!(signatures(log, shown), [""; 0]);
    }

    #[test]
    fn it_fails_numbers_that_have_gaps_and_overflow_that_is_none_or_is_not_told() {
        let said = || vec![new(EU, 1), new(UK, 1), new(US, 1)];
        let with = |rest: Vec<_>| signatures([said(), rest].concat(), vec![]);
        let one = || notification(1, EU, 1, 1, false);
        let two = || notification(2, UK, 1, 2, false);
        let three = || notification(3, US, 1, 2, true);
        assert_eq!(with(vec![one(), two(), three()]), [""; 0]);
        assert_eq!(with(vec![one(), two()]), ["notified/missing"]);
        assert_eq!(with(vec![one(), two(), three(), three()]), ["notified/unasked"]);
        assert_eq!(
            with(vec![one(), notification(3, UK, 1, 2, false), three()]),
            ["notified/numbers"]
        );
        assert_eq!(
            with(vec![one(), two(), notification(3, US, 1, 2, false)]),
            ["notified/overflow"]
        );
        assert_eq!(
            with(vec![one(), notification(2, UK, 1, 2, true), three()]),
            ["notified/overflow"]
        );
        assert_eq!(with(vec![one(), one(), three()]), ["notified/numbers"]);
        assert_eq!(signatures(vec![one()], vec![]), ["notified/unasked"]);
    }

    #[test]
    fn it_fails_an_answer_that_never_was_so_or_is_of_before() {
        let log = || {
            let told = [notification(1, EU, 1, 1, false), notification(2, EU, 2, 1, false)];
            [vec![new(EU, 1), acknowledged(1), new(EU, 2)], told.to_vec()].concat()
        };
        let with = |seen| signatures(log(), vec![seen]);
        let ack = AtLeast::Acknowledgement(1);
        assert_eq!(with(unread(ack, (1, 1, false), &[])), [""; 0]);
        assert_eq!(with(unread(ack, (1, 0, false), &[(EU, 1, 1, 1)])), ["notified/older"]);
        assert_eq!(with(unread(ack, (2, 1, false), &[])), ["notified/never"]);
        assert_eq!(with(unread(ack, (2, 1, false), &[(EU, 2, 1, 2)])), ["notified/never"]);
        assert_eq!(with(unread(AtLeast::Offset(2), (1, 1, false), &[])), ["notified/older"]);
        let never = AtLeast::Acknowledgement(7);
        assert_eq!(with(unread(never, (1, 1, false), &[])), ["notified/not-in-the-log"]);
    }

    fn signatures(messages: Vec<Message>, shown: Vec<NotificationsSeen>) -> Vec<String> {
        let mut observed = observed(messages);
        observed.zones_seen.notifications = shown;
        look(&observed).into_iter().map(|it| it.signature.into()).collect()
    }
}
