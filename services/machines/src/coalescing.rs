//! coalescing gathers what each device has not read: one document that grows until the device says that it
//! has read it.
//!
//! - Input: `changes-by-device`. Output: `device-notifications`.
//! - Tables: how far each device is, what it has not read of each zone, and the last change of each zone
//!   that it was told of.
//! - The numbers of a device are 1, 2, 3 … without gaps. A change that comes again, read or not, is known by
//!   its number in its zone.
//! - Zones with something unread are kept up to a bound; beyond it the device is told that there are more,
//!   and the numbers go on.
//! - An acknowledgement takes away what is numbered up to it, and nothing that came later.
//! - When a device is forgotten, what it has not read is too, and it counts as overflowed; its numbers stay.

mod query;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    Answer, DeviceId, Effects, Input, Message, Probe, Query, Service, ServiceName, Spec, State,
    TableId, Timestamp, Topic, ZoneId,
    limits::UNREAD_ZONES_MAX,
    message::{Acknowledgement, DeviceNotification, ForDevice, News, Removal, UpdateKind},
};

use self::rows::{NOTIFIED, TOLD, UNREAD, Unread, ZoneOfDevice};
use crate::set_aside::set_aside_as_foreign;

/// The service coalescing.
#[derive(Clone, Copy, Debug)]
pub struct Coalescing {
    /// How many zones with something unread are kept for a device.
    pub zones_max: u64,
}

impl Default for Coalescing {
    fn default() -> Self {
        Self { zones_max: UNREAD_ZONES_MAX }
    }
}

impl Service for Coalescing {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        let Message::ForDevice(message) = message else {
            return set_aside_as_foreign(SPEC.name, source, &message, effects);
        };
        match message {
            ForDevice::News(news) => self.take_news(news, state, effects),
            ForDevice::Acknowledgement(acknowledgement) => acknowledge(&acknowledgement, state),
            ForDevice::Removal(removal) => remove(&removal, state),
        }
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

impl Coalescing {
    fn take_news(&self, news: News, state: &mut State<'_>, effects: &mut Effects) {
        let News { device, zone, sequence, kind, time } = news;
        let key = ZoneOfDevice { device: device.clone(), zone: zone.clone() };
        if state.get(&TOLD, &key).is_some_and(|told| sequence <= told) {
            return;
        }
        state.put(&TOLD, &key, &sequence);
        let mut notified = state.get(&NOTIFIED, &device).unwrap_or_default();
        notified.last += 1;
        let unread = state.get(&UNREAD, &key);
        if unread.is_none() && notified.unread_zones >= self.zones_max {
            Probe::UnreadOverflowed.hit();
            notified.overflowed_at = Some(notified.last);
        } else {
            notified.unread_zones += u64::from(unread.is_none());
            let unread = unread.unwrap_or_else(|| Unread::from(sequence));
            let unread = unread.with(notified.last, sequence, kind, time);
            state.put(&UNREAD, &key, &unread);
        }
        state.put(&NOTIFIED, &device, &notified);
        effects.send(&Message::DeviceNotification(DeviceNotification {
            device,
            number: notified.last,
            zone,
            sequence,
            kind,
            unread_zones: notified.unread_zones,
            overflowed: notified.overflowed_at.is_some(),
            time,
        }));
    }
}

impl Unread {
    /// Nothing yet, of a zone whose first unread change has that number.
    fn from(first: u64) -> Self {
        let (created, updated, deleted) = (0, 0, 0);
        Self { number: 0, first, last: first, created, updated, deleted, time: Timestamp::ZERO }
    }

    fn with(mut self, number: u64, sequence: u64, kind: UpdateKind, time: Timestamp) -> Self {
        match kind {
            UpdateKind::Created => self.created += 1,
            UpdateKind::Updated => self.updated += 1,
            UpdateKind::Deleted => self.deleted += 1,
        }
        Self { number, last: sequence, time, ..self }
    }
}

/// Takes away what the device has read. One from the future says nothing: nobody can have read that.
fn acknowledge(acknowledgement: &Acknowledgement, state: &mut State<'_>) {
    let Acknowledgement { device, through } = acknowledgement;
    let Some(mut notified) = state.get(&NOTIFIED, device) else { return };
    if *through <= notified.acknowledged || *through > notified.last {
        Probe::AcknowledgedTheFuture.hit_if(*through > notified.last);
        Probe::AcknowledgedAgain.hit_if(*through <= notified.acknowledged && *through > 0);
        return;
    }
    notified.acknowledged = *through;
    let was_overflowed = notified.overflowed_at.is_some();
    notified.overflowed_at = notified.overflowed_at.filter(|at| at > through);
    Probe::OverflowAcknowledged.hit_if(was_overflowed && notified.overflowed_at.is_none());
    for (zone, unread) in unread_of(device, state) {
        if unread.number <= *through {
            state.remove(&UNREAD, &ZoneOfDevice { device: device.clone(), zone });
            notified.unread_zones -= 1;
        }
    }
    Probe::AcknowledgedInPart.hit_if(notified.unread_zones > 0);
    state.put(&NOTIFIED, device, &notified);
}

/// Forgets what a forgotten device has not read.
fn remove(removal: &Removal, state: &mut State<'_>) {
    let Removal { device, partition, number, .. } = removal;
    let Some(mut notified) = state.get(&NOTIFIED, device) else { return };
    let removed = (*partition, *number);
    if notified.removed.is_some_and(|known| known.0 == removed.0 && removed.1 <= known.1) {
        return;
    }
    notified.removed = Some(removed);
    Probe::UnreadForgotten.hit_if(notified.unread_zones > 0);
    for (zone, _) in unread_of(device, state) {
        state.remove(&UNREAD, &ZoneOfDevice { device: device.clone(), zone });
    }
    notified.unread_zones = 0;
    notified.overflowed_at = Some(notified.last);
    state.put(&NOTIFIED, device, &notified);
}

/// What a device has not read, in the byte order of the zones. There is a bound on how much that is.
fn unread_of(device: &DeviceId, state: &State<'_>) -> Vec<(ZoneId, Unread)> {
    let (from, to) = ZoneOfDevice::bounds(device);
    let mut rows = Vec::new();
    state.scan(&UNREAD, Bound::Included(&from), Bound::Excluded(&to), &mut |key, unread| {
        rows.push((key.zone, unread));
        ControlFlow::Continue(())
    });
    rows
}

static SPEC: Spec = Spec {
    name: ServiceName::Coalescing,
    inputs: &[Topic::ChangesByDevice],
    outputs: &[Topic::DeviceNotifications],
    tables: &[TableId::Notified, TableId::Unread, TableId::Told],
};
