//! Telling devices of changes, a chunk at a time.
//!
//! The feed is the queue: a zone that is behind has in its row which change is being told and up to which
//! device, and stands in a table by the offset of that change. The first one there is the next to go on
//! with, and says from which offset on subscriptions are still needed. A zone that is not behind is told
//! of at once, with the change; so small zones never wait for large ones.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    DeviceId, Effects, Message, Offset, Probe, State, Timestamp, Wake, ZoneId,
    message::{ForDevice, News},
    query::Scope,
};

use super::{
    Chunk,
    rows::{
        CHANGES, Change, ChangeKey, FAN_OUTS, FEEDS, FanOutKey, Feed, SUBSCRIPTIONS, Subscribed,
        SubscriptionKey, Telling,
    },
    subscriptions,
};

/// Wakes at once while there is something to be told, or to be forgotten.
pub(super) fn wake(state: &State<'_>) -> Option<Wake> {
    let has_work = next(state).is_some() || subscriptions::have_ended(state);
    has_work.then(|| Wake::at_once("devices that are to be told of changes"))
}

/// The first offset of those that have not been told to all.
pub(super) fn first(state: &State<'_>) -> Option<Offset> {
    next(state).map(|(key, _)| key.offset)
}

/// Goes on with the zone that is behind since the longest.
pub(super) fn go_on(chunk: Chunk, state: &mut State<'_>, effects: &mut Effects) {
    if let Some((key, since)) = next(state) {
        Probe::TellingWentOn.hit();
        state.remove(&FAN_OUTS, &key);
        let zone = key.zone;
        // Only where a read failed there is none, and then none of this counts.
        if let Some(feed) = state.get(&FEEDS, &zone) {
            let feed = tell(chunk, since, &zone, feed, state, effects);
            state.put(&FEEDS, &zone, &feed);
        }
    }
    subscriptions::forget_ended(first(state), state);
}

/// Tells of the changes that a zone is behind by, since then, as far as the chunk reaches.
pub(super) fn tell(
    chunk: Chunk,
    since: Timestamp,
    zone: &ZoneId,
    mut feed: Feed,
    state: &mut State<'_>,
    effects: &mut Effects,
) -> Feed {
    let mut room = chunk;
    while let Some(telling) = feed.telling.take() {
        let key = ChangeKey { zone: zone.clone(), sequence: telling.sequence };
        // Only where a read failed there is none, and then none of this counts.
        let Some(change) = state.get(&CHANGES, &key) else { return feed };
        let mut after = telling.after;
        if room.devices > 0 && room.subscriptions > 0 {
            match tell_of(&change, &key, after.as_ref(), &mut room, state, effects) {
                Reached::All => {
                    let sequence = telling.sequence + 1;
                    let is_behind = sequence <= feed.last;
                    feed.telling = is_behind.then_some(Telling { sequence, after: None });
                    continue;
                }
                Reached::To(device) => after = Some(device),
            }
        }
        Probe::ZoneBehind.hit();
        state.put(&FAN_OUTS, &FanOutKey { offset: change.offset, zone: zone.clone() }, &since);
        feed.telling = Some(Telling { sequence: telling.sequence, after });
        return feed;
    }
    feed
}

/// How far the telling of a change has got.
enum Reached {
    /// To the end.
    All,
    /// All devices up to this one.
    To(DeviceId),
}

fn tell_of(
    change: &Change,
    key: &ChangeKey,
    after: Option<&DeviceId>,
    room: &mut Chunk,
    state: &State<'_>,
    effects: &mut Effects,
) -> Reached {
    let zone = &key.zone;
    let of_zone = Part::read(Scope::Zone(zone.clone()), after, *room, state);
    let of_collection = Part::read(Scope::Collection(zone.collection()), after, *room, state);
    let is_whole = of_zone.goes_to.is_none() && of_collection.goes_to.is_none();
    // Beyond the nearer end, one of the two has more that was not read.
    let end = match (of_zone.goes_to, of_collection.goes_to) {
        (Some(zone), Some(collection)) => Some(zone.min(collection)),
        (zone, collection) => zone.or(collection),
    };
    let mut rows = [of_zone.rows, of_collection.rows].concat();
    rows.retain(|(device, ..)| end.as_ref().is_none_or(|end| device <= end));
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    room.subscriptions = room.subscriptions.saturating_sub(rows.len().max(1));
    for of_device in rows.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Some((device, ..)) = of_device.first() else { continue };
        let asking = of_device.iter().filter(|(_, from, row)| asks_for(change, device, *from, row));
        let asking = asking.count();
        Probe::DeviceAskedTwice.hit_if(asking > 1);
        if asking > 0 {
            effects.send(&Message::ForDevice(ForDevice::News(News {
                device: device.clone(),
                zone: zone.clone(),
                sequence: key.sequence,
                kind: change.kind,
                time: change.time,
            })));
            room.devices -= 1;
        }
        if room.devices == 0 {
            return Reached::To(device.clone());
        }
    }
    match end {
        Some(end) if !is_whole => Reached::To(end),
        Some(_) | None => Reached::All,
    }
}

fn asks_for(change: &Change, device: &DeviceId, from: Offset, row: &Subscribed) -> bool {
    let offset = change.offset;
    let holds = from <= offset && row.to.is_none_or(|to| offset < to);
    let is_own = change.device.as_ref() == Some(device);
    let asks = holds && row.terms.include(change.kind, is_own);
    Probe::OwnChangeLeftOut.hit_if(holds && !asks && row.terms.include(change.kind, false));
    asks
}

/// Subscriptions to one subject, in the order of their devices.
struct Part {
    rows: Vec<(DeviceId, Offset, Subscribed)>,
    /// The last device, all of whose rows are there, if there are devices after it.
    goes_to: Option<DeviceId>,
}

impl Part {
    fn read(subject: Scope, after: Option<&DeviceId>, room: Chunk, state: &State<'_>) -> Self {
        let from = match after {
            Some(after) => SubscriptionKey::after_device(&subject, after),
            None => SubscriptionKey::of_subject(&subject),
        };
        let mut to = SubscriptionKey::of_subject(&subject);
        // Behind everything that begins with the subject and the byte that ends it.
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        let mut part = Self { rows: Vec::new(), goes_to: None };
        let (from, to) = (Bound::Included(&*from), Bound::Excluded(&*to));
        state.scan(&SUBSCRIPTIONS, from, to, &mut |key, row| {
            let last = part.rows.last().map(|(device, ..)| device);
            if part.rows.len() >= room.subscriptions && last != Some(&key.device) {
                part.goes_to = last.cloned();
                return ControlFlow::Break(());
            }
            part.rows.push((key.device, key.from, row));
            ControlFlow::Continue(())
        });
        part
    }
}

fn next(state: &State<'_>) -> Option<(FanOutKey, Timestamp)> {
    state.range(&FAN_OUTS, Bound::Unbounded, Bound::Unbounded, 1).pop()
}
