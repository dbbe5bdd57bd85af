//! Forgetting devices, with all that hangs on them.

use std::{ops::Bound, time::Duration};

use tidelog_core::{
    DatabaseId, DeviceId, Effects, Message, PartitionId, Probe, State, Timestamp, UserDevice,
    ZoneId,
    message::{DeviceUpdateKind, ForDevice, ForgetZone, Removal},
    subscription::SUBSCRIPTIONS,
};

use super::{
    announce,
    rows::{DEVICES, KEEPER, LEASES, Lease},
};

/// Forgets the devices whose leases have ended, or some of them: then the next timeout comes at once.
pub(super) fn expire(now: Timestamp, state: &mut State<'_>, effects: &mut Effects) {
    let end = now.plus(Duration::from_millis(1)).as_millis().to_be_bytes();
    for (lease, partition) in
        state.range(&LEASES, Bound::Unbounded, Bound::Excluded(&end), DEVICES_MAX)
    {
        state.remove(&LEASES, &lease);
        let kind = DeviceUpdateKind::Expired;
        Forgetting { partition, kind, time: now }.forget(&lease.device, state, effects);
    }
}

/// How a device is forgotten.
pub(super) struct Forgetting {
    /// The task's partition.
    pub(super) partition: PartitionId,
    pub(super) kind: DeviceUpdateKind,
    pub(super) time: Timestamp,
}

impl Forgetting {
    /// Forgets a device, if it is known.
    pub(super) fn forget(self, key: &UserDevice, state: &mut State<'_>, effects: &mut Effects) {
        let Self { partition, kind, time } = self;
        let Some(device) = state.get(&DEVICES, key) else {
            return Probe::ForgottenWasUnknown.hit();
        };
        Probe::DeviceForgotten.hit_if(kind == DeviceUpdateKind::Forgotten);
        Probe::DeviceExpired.hit_if(kind == DeviceUpdateKind::Expired);
        state.remove(&DEVICES, key);
        state.remove(&LEASES, &Lease { until: device.until, device: key.clone() });
        let mut keeper = state.get(&KEEPER, &()).unwrap_or_default();
        let id = key.device();
        for database in &device.databases {
            let zone = zone_of_subscriptions(database, &id);
            let number = keeper.next_number();
            effects.send_every(&Message::ForgetZone(ForgetZone { zone, partition, number, time }));
        }
        let removal = Removal { device: id, partition, number: keeper.next_number(), time };
        effects.send(&Message::ForDevice(ForDevice::Removal(removal)));
        state.put(&KEEPER, &(), &keeper);
        announce(key, &device, kind, time, effects);
    }
}

fn zone_of_subscriptions(database: &DatabaseId, device: &DeviceId) -> ZoneId {
    let zone = format!("{database}/{SUBSCRIPTIONS}/{device}").parse();
    zone.expect("database and device are segments")
}

/// Devices that are forgotten in one call. Each sends at most a message for each of its databases, and two.
const DEVICES_MAX: usize = 32;
