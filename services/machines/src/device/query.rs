//! Reads that need no log.

use std::ops::Bound;

use tidelog_core::{Answer, Query, State, UserDevice, limits::USER_DEVICES_MAX, query::DeviceView};

use super::rows::{DEVICES, Device};

/// Answers a query, or says that the state could not be read.
pub(super) fn answer(state: &State<'_>, query: &Query) -> Answer {
    let answer = if let Query::Device(key) = query {
        Answer::Device(state.get(&DEVICES, key).map(|device| view(key.clone(), device)))
    } else if let Query::Devices(user) = query {
        let devices = devices(state, user.as_str()).into_iter();
        Answer::Devices(devices.map(|(key, device)| view(key, device)).collect())
    } else {
        Answer::NotOffered
    };
    if state.fault().is_some() { Answer::Unreadable } else { answer }
}

/// The devices of a user, in the byte order of their ids.
pub(super) fn devices(state: &State<'_>, user: &str) -> Vec<(UserDevice, Device)> {
    let from = [user.as_bytes(), b"/"].concat();
    // The byte after '/'.
    let to = [user.as_bytes(), b"0"].concat();
    state.range(&DEVICES, Bound::Included(&from), Bound::Excluded(&to), USER_DEVICES_MAX)
}

fn view(key: UserDevice, device: Device) -> DeviceView {
    let Device { app_version, databases, added, added_by, used, .. } = device;
    DeviceView { device: key, app_version, databases, added, added_by, used }
}
