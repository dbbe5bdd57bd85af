//! What is to be forgotten, by the hour of task time from which on it can be.
//!
//! Each client and each key has one row. Rows whose hour has come are swept whenever a row is
//! added, at most [`SWEPT_ROWS_MAX`] for the one that is added: so they go faster than they come,
//! and a service that has nothing to forget does not look. Forgetting late is harmless.

use std::{ops::Bound, time::Duration};

use serde::Serialize;
use tidelog_core::{
    ClientId, Probe, State, TableId, Timestamp,
    state::{Table, TableKey},
};

use super::{
    clients,
    keys::{self, KeyId},
};

/// Has something forgotten in a coming hour, and forgets something of what is due.
pub(super) fn schedule(state: &mut State<'_>, hour: u64, subject: Subject) {
    state.put(&EXPIRIES, &Expiry { hour, subject }, &());
    sweep(state);
}

/// Has something not forgotten that was to be.
pub(super) fn unschedule(state: &mut State<'_>, hour: u64, subject: Subject) {
    state.remove(&EXPIRIES, &Expiry { hour, subject });
}

fn sweep(state: &mut State<'_>) {
    // Where the next sweep begins: scanning from the first key would pass all that was removed.
    let from: Vec<u8> = state.get(&SWEEP, &()).unwrap_or_default();
    let end = hour(state.task_time()).saturating_add(1).to_be_bytes();
    if from.as_slice() >= end.as_slice() {
        return;
    }
    let bounds = (Bound::Included(&*from), Bound::Excluded(&end[..]));
    let rows = state.range(&EXPIRIES, bounds.0, bounds.1, SWEPT_ROWS_MAX);
    let mut left = SWEPT_ROWS_MAX;
    for (expiry, ()) in &rows {
        let (swept, is_gone) = match &expiry.subject {
            Subject::Client(client) => clients::forget(state, client, left),
            Subject::Key(key) => {
                keys::forget(state, key);
                (0, true)
            }
        };
        left = left.saturating_sub(swept + 1);
        if is_gone {
            state.remove(&EXPIRIES, expiry);
        }
        if left == 0 {
            Probe::SweepStoppedEarly.hit();
            state.put(&SWEEP, &(), &expiry.to_bytes());
            return;
        }
    }
    state.put(&SWEEP, &(), &end.to_vec());
}

/// The hour that a point in time lies in, from the Unix epoch.
pub(super) fn hour(time: Timestamp) -> u64 {
    time.as_millis() / 3_600_000
}

/// A duration in whole hours, rounded up.
pub(super) const fn hours(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(3_600)
}

/// What can be forgotten from an hour on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Expiry {
    pub(super) hour: u64,
    pub(super) subject: Subject,
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Subject {
    Client(ClientId),
    Key(KeyId),
}

/// The hour, a byte for the kind, and the key of what is to be forgotten.
impl TableKey for Expiry {
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, key) = match &self.subject {
            Subject::Client(client) => (0, client.to_bytes()),
            Subject::Key(key) => (1, key.to_bytes()),
        };
        let mut bytes = Vec::with_capacity(9 + key.len());
        bytes.extend_from_slice(&self.hour.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&key);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hour, rest) = bytes.split_first_chunk()?;
        let (kind, key) = rest.split_first()?;
        let subject = match kind {
            0 => Subject::Client(ClientId::from_bytes(key)?),
            1 => Subject::Key(KeyId::from_bytes(key)?),
            _ => return None,
        };
        Some(Self { hour: u64::from_be_bytes(*hour), subject })
    }
}

/// What is to be forgotten, in the order of the hours.
pub(crate) const EXPIRIES: Table<Expiry, ()> = Table::new(TableId::Expiries);

/// The key in [`EXPIRIES`] before which there is no row.
pub(crate) const SWEEP: Table<(), Vec<u8>> = Table::new(TableId::Sweep);

/// How many rows one sweep removes at most.
const SWEPT_ROWS_MAX: usize = 64;
