//! Emptying the zone that a forgotten device's subscriptions are in.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    ClientId, Effects, Message, PartitionId, Probe, RequestName, State, TableId,
    limits::SUBSCRIPTIONS_MAX,
    message::{EntityUpdate, ForgetZone, Part, UpdateKind},
    state::Table,
};

use super::rows::{self, ENTITIES};

/// Deletes the entities of a zone, each as a request would. There is a bound on how many it can have.
pub(super) fn forget(forget: &ForgetZone, state: &mut State<'_>, effects: &mut Effects) {
    let ForgetZone { zone, partition, number, .. } = forget;
    if state.get(&FORGOTTEN, partition).is_some_and(|known| *number <= known) {
        return;
    }
    state.put(&FORGOTTEN, partition, number);
    let prefix = [zone.as_str().as_bytes(), b"/"].concat();
    // The byte after '/'.
    let end = [zone.as_str().as_bytes(), b"0"].concat();
    let mut entities = Vec::new();
    let (from, to) = (Bound::Included(&*prefix), Bound::Excluded(&*end));
    state.scan(&ENTITIES, from, to, &mut |entity, row| {
        if row.document.is_some() {
            entities.push((entity, row));
        }
        if (entities.len() as u64) < SUBSCRIPTIONS_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    Probe::SubscriptionsForgotten.hit_if(!entities.is_empty());
    for (entity, before) in entities {
        let after = before.next(None);
        rows::put(state, &entity, &before, &after);
        effects.send(&Message::EntityUpdate(EntityUpdate {
            entity,
            kind: UpdateKind::Deleted,
            revision: after.revision,
            before: before.document,
            after: None,
            request: RequestName { client: client(*partition), number: *number },
            part: Part::ONLY,
            user: None,
            device: None,
            time: state.task_time(),
        }));
    }
}

/// Under which name a task of device asks.
fn client(partition: PartitionId) -> ClientId {
    ClientId::new("device", partition.0).expect("the name is a segment")
}

/// What each task of device has had forgotten last.
pub(crate) const FORGOTTEN: Table<PartitionId, u64> = Table::new(TableId::ForgottenZones);
