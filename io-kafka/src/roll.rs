//! Which services have heard from their groups which partitions are theirs.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use tidelog_core::ServiceName;

use crate::leases::SessionNumber;

/// When the group of each session has answered it last.
#[derive(Default)]
pub(crate) struct Roll(Mutex<BTreeMap<SessionNumber, (ServiceName, Instant)>>);

impl Roll {
    /// The group has told which partitions a session has, be it none.
    pub(crate) fn answer(&self, session: SessionNumber, service: ServiceName) {
        self.lock().insert(session, (service, Instant::now()));
    }

    /// The session is over, or has lost what it had and asks again.
    pub(crate) fn over(&self, session: SessionNumber) {
        self.lock().remove(&session);
    }

    /// When the group of a service has last answered a session of this node, if it has answered any.
    pub(crate) fn answered(&self, service: ServiceName) -> Option<Instant> {
        let roll = self.lock();
        let of_service = roll.values().filter(|(of, _)| *of == service);
        of_service.map(|(_, at)| *at).max()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionNumber, (ServiceName, Instant)>> {
        self.0.lock().expect("nothing that can panic is done under this lock")
    }
}
