//! **Invariant.** What is said of devices is what `connections` comes to. A device is new when it is not known,
//! and stays the same until it is forgotten; it is forgotten when somebody says so, then and only then, or once
//! its lease has ended. Each forgetting is told once: to coalescing, and for the device's subscriptions to
//! every task of entity-storage, under numbers without gaps. `device-updates` says in turn that it comes and
//! goes, and last how it is. (`sequential` holds that its subscriptions go then.)
//!
//! Free is when a lease ends: not before it has by the clock of the node that says so, which is in what it
//! says. So a device's life is one of several, of which one at least must fit all that was said.

use std::collections::BTreeMap;

use tidelog_core::{
    Message, PartitionId, Topic,
    message::{DeviceCall, DeviceUpdate, DeviceUpdateKind},
};

use super::Oracle;
use crate::{
    log::{LogView, for_devices, forgets},
    model::{
        devices::{Call, Life, Removal, Said, lives},
        inbox::Word,
    },
    observed::{DeviceSeen, Observed, Watched},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "devices",
    holds: "A device is known from when it comes until it is forgotten, which all are told who keep of it.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(watched) = &observed.watched else { return Vec::new() };
    let mut found = Vec::new();
    let mut tell = |kind, message: String| {
        found.push(Violation::new(ORACLE.name, kind, observed.end_us, message));
    };
    let removals = removals(&observed.log);
    announced(observed, &removals, watched, &mut tell);
    let calls = calls(observed);
    for device in removals.keys().filter(|device| calls.keys().all(|it| name(it) != &***device)) {
        tell("forgotten-unasked", format!("{device} was forgotten, and was never there"));
    }
    for (device, calls) in &calls {
        let removals = removals.get(name(device)).map_or(&[][..], Vec::as_slice);
        match lives(calls, removals, watched.limits.lease_ms) {
            Ok(lives) => last(observed, device, calls, &lives, watched, &mut tell),
            Err((kind, what)) => tell(kind, format!("{device}: {what}; {removals:?}")),
        }
        updates(observed, device, &mut tell);
    }
    found
}

type Tell<'t> = dyn FnMut(&'static str, String) + 't;

/// The device of a user's device.
fn name(device: &str) -> &str {
    device.split_once('/').map_or(device, |(_, name)| name)
}

/// What was asked for each device, with what was said to it.
fn calls(observed: &Observed) -> BTreeMap<&str, Vec<Call>> {
    let mut all: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
    let mut times: BTreeMap<u32, u64> = BTreeMap::new();
    for (partition, record, message) in observed.log.messages(Topic::Connections) {
        // A task's time never goes back.
        let time_ms = times.entry(partition.0).or_default();
        *time_ms = record.time_ms.max(*time_ms);
        let Message::DeviceCall(call) = message else { continue };
        let device = call.device().as_str();
        let said = match call {
            DeviceCall::Forget(_) => None,
            DeviceCall::Connect(connect) => {
                let version = connect.app_version.as_deref().unwrap_or_default();
                let seen = observed.zones_seen.devices.iter().find(|seen| {
                    *seen.device == *device && seen.version.as_deref() == Some(version)
                });
                let view = seen.and_then(|seen| seen.view.as_ref());
                let added_by = view.map(|view| view.added_by.0);
                Some(Said { version: version.into(), added_by })
            }
        };
        let call = Call { partition: partition.0, offset: record.offset, time_ms: *time_ms, said };
        all.entry(device).or_default().push(call);
    }
    all
}

/// By device: what coalescing was told of its being forgotten.
fn removals(log: &LogView) -> BTreeMap<Box<str>, Vec<Removal>> {
    let mut all = BTreeMap::new();
    for (device, words) in for_devices(log) {
        let removal = |(_, word): (u64, Word)| match word {
            Word::Removed { partition, number, time_ms } => {
                Some(Removal { partition, number, time_ms })
            }
            Word::News(_) | Word::Acknowledged(_) => None,
        };
        let removals: Vec<_> = words.into_iter().filter_map(removal).collect();
        if !removals.is_empty() {
            all.insert(device, removals);
        }
    }
    all
}

/// Every task of entity-storage is told of the same, in the order of the numbers, of which those of
/// coalescing are the others.
fn announced(
    observed: &Observed,
    removals: &BTreeMap<Box<str>, Vec<Removal>>,
    watched: &Watched,
    tell: &mut Tell<'_>,
) {
    let mut to_be: BTreeMap<(Box<str>, u64), Box<str>> = BTreeMap::new();
    let mut numbers: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (device, removals) in removals {
        for Removal { partition, number, .. } in removals {
            let zone = format!("shop/$zoneSubscription/{device}").into();
            // All devices name one database.
            to_be.insert((format!("device:{partition}").into(), number - 1), zone);
            numbers.entry(*partition).or_default().extend([number - 1, *number]);
        }
    }
    for (partition, mut numbers) in numbers {
        numbers.sort_unstable();
        if numbers.iter().zip(1..).any(|(is, to_be)| *is != to_be) {
            tell("numbers", format!("device/{partition} has forgotten {numbers:?}"));
        }
    }
    for partition in (0..watched.partitions).map(PartitionId) {
        let told = forgets(&observed.log, partition);
        let mut is = BTreeMap::new();
        for forget in &told {
            let by = (forget.name.client.clone(), forget.name.number);
            if is.insert(by.clone(), forget.zone.clone()).is_some() {
                tell("forgotten-twice", format!("{partition} is told twice of {by:?}"));
            }
        }
        if is != to_be {
            let message =
                format!("entity-patches/{partition} is told of {is:?}, and is to be of {to_be:?}");
            tell("not-told", message);
        }
    }
}

/// What was said last fits how a life can have ended.
fn last(
    observed: &Observed,
    device: &str,
    calls: &[Call],
    lives: &[Option<Life>],
    watched: &Watched,
    tell: &mut Tell<'_>,
) {
    let is_last = |seen: &&DeviceSeen| *seen.device == *device && seen.version.is_none();
    for seen in observed.zones_seen.devices.iter().filter(is_last) {
        let view = &seen.view;
        let fits = |life: &Option<Life>| match (life, view) {
            (None, None) => true,
            (Some(life), Some(view)) => {
                life.added_by == view.added_by.0
                    && life.used_ms == view.used.as_millis()
                    && view.app_version.as_deref() == Some(&*life.version)
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !lives.iter().any(fits) {
            let message =
                format!("{device} is {view:?} at last, and may be {lives:?} after {calls:?}");
            tell("another-life", message);
        }
    }
    // Shorter leases have been waited for.
    let is_over = watched.clocks_hold && watched.limits.lease_ms < 30_000;
    if is_over && lives.iter().all(Option::is_some) {
        tell("lives-on", format!("{device} has been silent, and is {lives:?}"));
    }
}

/// A device comes and goes in turn. Older updates may have been cleaned away.
fn updates(observed: &Observed, device: &str, tell: &mut Tell<'_>) {
    let mut before: Option<&DeviceUpdate> = None;
    for (_, _, message) in observed.log.messages(Topic::DeviceUpdates) {
        let Message::DeviceUpdate(update) = message else { continue };
        if update.device.as_str() != device {
            continue;
        }
        let is_added = |it: &DeviceUpdate| it.kind == DeviceUpdateKind::Added;
        if let Some(before) = before.filter(|before| is_added(before) == is_added(update)) {
            tell("update-twice", format!("{update:?} follows {before:?}"));
        }
        before = Some(update);
    }
    let mut all = observed.zones_seen.devices.iter().rev();
    let said = all.find(|seen| *seen.device == *device && seen.version.is_none());
    let is_there = before.is_some_and(|update| update.kind == DeviceUpdateKind::Added);
    // Its lease may have ended after that.
    if let Some(view) = said.and_then(|seen| seen.view.as_ref())
        && !is_there
        && before.is_none_or(|update| update.kind != DeviceUpdateKind::Expired)
    {
        tell("update-missing", format!("{view:?}, and the last update is {before:?}"));
    }
    if said.is_some_and(|seen| seen.view.is_none()) && is_there {
        tell("update-missing", format!("{device} is gone, and the last update is {before:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Offset, Timestamp, query::DeviceView};

    use super::*;
    use crate::oracle::build_zones::{
        connect, device_update, forget, forget_zone, observed, removed,
    };

    const ADDED: DeviceUpdateKind = DeviceUpdateKind::Added;
    const FORGOTTEN: DeviceUpdateKind = DeviceUpdateKind::Forgotten;

    /// A device that came, and was forgotten at 1.001 s, the append time of the second record.
    fn forgotten() -> Vec<Message> {
        vec![
            connect("one"),
            forget(),
            forget_zone(1),
            removed(2, 1_001),
            device_update(ADDED),
            device_update(FORGOTTEN),
        ]
    }

    #[test]
    fn it_passes_a_device_that_comes_and_is_forgotten() {
        assert_eq!(signatures(forgotten(), None), [""; 0]);
        let there = || vec![connect("one"), device_update(ADDED)];
        let mut observed = observed(there());
        observed.watched.as_mut().expect("it is").limits.lease_ms = 600_000;
        observed.zones_seen.devices = vec![at_last(Some(view(0, "one")))];
        assert_eq!(look(&observed), []);
        observed.zones_seen.devices = vec![at_last(Some(view(0, "two")))];
        assert_eq!(&*look(&observed)[0].signature, "devices/another-life");
    }

    #[test]
    fn it_fails_what_is_not_forgotten_not_told_or_told_twice() {
        let without = |nth: usize| {
            let mut log = forgotten();
            log.remove(nth);
            signatures(log, None)
        };
        assert_eq!(without(1), ["devices/forgotten-unasked"]);
        assert_eq!(without(2), ["devices/not-told"]);
        assert_eq!(without(3), ["devices/not-told", "devices/not-forgotten"]);
        assert_eq!(without(5), ["devices/update-missing"]);
        let twice = [forgotten(), vec![device_update(FORGOTTEN)]].concat();
        assert_eq!(signatures(twice, None), ["devices/update-twice"]);
        let gap = vec![connect("one"), forget(), forget_zone(2), removed(3, 1_001)];
        assert_eq!(signatures(gap, None), ["devices/numbers"]);
        let silent = vec![connect("one"), device_update(ADDED)];
        let silent = signatures(silent, Some(view(0, "one")));
        assert_eq!(silent, ["devices/lives-on"]);
    }

    fn signatures(messages: Vec<Message>, last: Option<DeviceView>) -> Vec<String> {
        let mut observed = observed(messages);
        observed.zones_seen.devices = vec![at_last(last)];
        look(&observed).into_iter().map(|it| it.signature.into()).collect()
    }

    fn at_last(view: Option<DeviceView>) -> DeviceSeen {
        DeviceSeen { step: 1, at_us: 0, device: "u/a".into(), version: None, view }
    }

    fn view(added_by: u64, version: &str) -> DeviceView {
        DeviceView {
            device: "u/a".parse().expect("a device"),
            app_version: Some(version.into()),
            databases: Vec::new(),
            added: Timestamp::from_millis(1_000),
            added_by: Offset(added_by),
            used: Timestamp::from_millis(1_000),
        }
    }
}
