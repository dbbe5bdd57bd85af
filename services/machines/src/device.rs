//! device keeps the devices of each user, says which come and go, and forgets those that are silent.
//!
//! - Input: `connections`. Outputs: `device-updates`, `entity-patches`, `changes-by-device`.
//! - Tables: devices, when each is to be forgotten, and how far the task is.
//! - A device that connects is new or known; either way it has its lease from then on. It is forgotten when
//!   somebody says so, or when its lease ends.
//! - With a device go its subscriptions, in every database that it has named: entity-storage is told to
//!   forget the zones that they are in. And coalescing is told that nobody reads any more.
//! - A record that comes again is known by its offset.

mod forgetting;
mod query;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::{ops::Bound, time::Duration};

use tidelog_core::{
    Answer, Effects, Input, Message, Offset, Probe, Query, Service, ServiceName, Source, Spec,
    State, TableId, Timestamp, Topic, UserDevice, Wake,
    limits::{DEVICE_DATABASES_MAX, DEVICE_LEASE_DEFAULT, USER_DEVICES_MAX},
    message::{Connect, DeviceCall, DeviceUpdate, DeviceUpdateKind},
};

use self::{
    forgetting::Forgetting,
    rows::{DEVICES, Device, KEEPER, Keeper, LEASES, Lease},
};
use crate::set_aside::{set_aside, set_aside_as_foreign};

/// The service device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceKeeper {
    /// How long a device may be silent.
    pub lease: Duration,
}

impl Default for DeviceKeeper {
    fn default() -> Self {
        Self { lease: DEVICE_LEASE_DEFAULT }
    }
}

impl Service for DeviceKeeper {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, now: Timestamp, input: Input, state: &mut State<'_>, effects: &mut Effects) {
        let (source, message) = match input {
            Input::Record { source, message } => (source, message),
            Input::Timeout => return forgetting::expire(now, state, effects),
        };
        let Message::DeviceCall(call) = message else {
            return set_aside_as_foreign(SPEC.name, source, &message, effects);
        };
        if is_known(source, state) {
            return;
        }
        match call {
            DeviceCall::Connect(connect) => self.connect(source, connect, state, effects),
            DeviceCall::Forget(device) => {
                let (partition, time) = (source.position.partition, state.task_time());
                let kind = DeviceUpdateKind::Forgotten;
                Forgetting { partition, kind, time }.forget(&device, state, effects);
            }
        }
    }

    fn poll_timeout(&self, state: &State<'_>) -> Option<Wake> {
        let (lease, _) = state.range(&LEASES, Bound::Unbounded, Bound::Unbounded, 1).pop()?;
        Some(Wake { at: lease.until, reason: "devices that have been silent" })
    }

    fn query(&self, state: &State<'_>, query: &Query) -> Answer {
        query::answer(state, query)
    }
}

impl DeviceKeeper {
    fn connect(
        &self,
        source: Source,
        connect: Connect,
        state: &mut State<'_>,
        effects: &mut Effects,
    ) {
        let now = state.task_time();
        let until = now.plus(self.lease);
        let Connect { device: key, app_version, databases } = connect;
        let device = match state.get(&DEVICES, &key) {
            Some(device) => {
                Probe::DeviceCameAgain.hit();
                state.remove(&LEASES, &Lease { until: device.until, device: key.clone() });
                // One that names more than there is room for keeps those that it named first.
                let databases = device.databases.into_iter().chain(databases);
                Device { databases: distinct(databases), app_version, used: now, until, ..device }
            }
            None if query::devices(state, key.user_str()).len() >= USER_DEVICES_MAX => {
                let reason = format!("the user has {USER_DEVICES_MAX} devices, as many as can be");
                let message = Message::DeviceCall(DeviceCall::Connect(Connect {
                    device: key,
                    app_version,
                    databases,
                }));
                return set_aside(SPEC.name, source, &message, reason, effects);
            }
            None => {
                let databases = distinct(databases);
                let added_by = source.position.offset;
                let device =
                    Device { app_version, databases, added: now, added_by, used: now, until };
                announce(&key, &device, DeviceUpdateKind::Added, now, effects);
                device
            }
        };
        state.put(&DEVICES, &key, &device);
        let partition = source.position.partition;
        state.put(&LEASES, &Lease { until, device: key }, &partition);
    }
}

/// Tells outsiders what became of a device.
fn announce(
    key: &UserDevice,
    device: &Device,
    kind: DeviceUpdateKind,
    time: Timestamp,
    effects: &mut Effects,
) {
    effects.send(&Message::DeviceUpdate(DeviceUpdate {
        device: key.clone(),
        kind,
        app_version: device.app_version.clone(),
        databases: device.databases.clone(),
        added: device.added,
        time,
    }));
}

/// Whether a record has come before. If not, it has now.
fn is_known(source: Source, state: &mut State<'_>) -> bool {
    let keeper = state.get(&KEEPER, &()).unwrap_or_default();
    let offset = source.position.offset;
    if keeper.next > offset {
        return true;
    }
    state.put(&KEEPER, &(), &Keeper { next: Offset(offset.0 + 1), ..keeper });
    false
}

fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if distinct.len() < DEVICE_DATABASES_MAX && !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

static SPEC: Spec = Spec {
    name: ServiceName::Device,
    inputs: &[Topic::Connections],
    outputs: &[Topic::DeviceUpdates, Topic::EntityPatches, Topic::ChangesByDevice],
    tables: &[TableId::Devices, TableId::Leases, TableId::DeviceKeeper],
};
