//! changes-in-zone sorts updates by zone, for those who watch zones.
//!
//! - Input: `entity-updates`. Output: `zone-changes`. Tables: none.
//! - Every change goes to its zone, in few words. A subscription's goes besides to the zones that it was
//!   about before and is about after; where that is a collection, to every partition.
//! - Each message names the update that it comes from, and which of that update's it is: so whoever
//!   watches knows one that comes twice, as it does when a crash has this done again.

#[cfg(test)]
mod tests;

use tidelog_core::{
    Document, Effects, Input, Message, Probe, Service, ServiceName, Source, Spec, State,
    Subscription, Timestamp, Topic,
    message::{EntityUpdate, SubscriptionChange, UpdateSource, ZoneChange, ZoneMessage},
    query::Scope,
    subscription::Terms,
};

use crate::set_aside::set_aside_as_foreign;

/// The service changes-in-zone.
#[derive(Clone, Copy, Debug)]
pub struct ChangesInZone;

impl Service for ChangesInZone {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn handle(&self, _now: Timestamp, input: Input, _: &mut State<'_>, effects: &mut Effects) {
        let Input::Record { source, message } = input else { return };
        let Some(update) = message.entity_update() else {
            return set_aside_as_foreign(SPEC.name, source, &message, effects);
        };
        let mut sender = Sender::new(source, effects);
        sender.send_change(update);
        if Subscription::is_one(&update.entity) {
            sender.send_subscription(update);
        }
    }
}

/// Sends what comes of one update, and numbers it.
struct Sender<'e> {
    source: UpdateSource,
    effects: &'e mut Effects,
}

impl<'e> Sender<'e> {
    fn new(source: Source, effects: &'e mut Effects) -> Self {
        let (partition, offset) = (source.position.partition, source.position.offset);
        Self { source: UpdateSource { partition, offset, number: 0 }, effects }
    }

    fn next_source(&mut self) -> UpdateSource {
        self.source.number += 1;
        self.source
    }

    fn send_change(&mut self, update: &EntityUpdate) {
        let EntityUpdate { entity, kind, revision, device, time, .. } = update;
        let source = self.next_source();
        self.effects.send(&Message::Zone(ZoneMessage::Change(ZoneChange {
            entity: entity.clone(),
            kind: *kind,
            revision: *revision,
            device: device.clone(),
            source,
            time: *time,
        })));
    }

    /// Tells the zone that the subscription is no longer about, and the one that it is about.
    fn send_subscription(&mut self, update: &EntityUpdate) {
        let before = read(update, update.before.as_ref());
        let after = read(update, update.after.as_ref());
        let has_left =
            |subject: &Scope| after.as_ref().is_none_or(|after| after.subject != *subject);
        if let Some(before) = before.map(|before| before.subject).filter(has_left) {
            Probe::SubscriptionMoved.hit_if(after.is_some());
            self.send_terms(update, before, None);
        }
        if let Some(Subscription { subject, terms }) = after {
            self.send_terms(update, subject, Some(terms));
        }
    }

    fn send_terms(&mut self, update: &EntityUpdate, subject: Scope, terms: Option<Terms>) {
        let is_collection = matches!(subject, Scope::Collection(_));
        let source = self.next_source();
        let message = Message::Zone(ZoneMessage::Subscription(SubscriptionChange {
            subscription: update.entity.clone(),
            subject,
            terms,
            source,
            time: update.time,
        }));
        if is_collection {
            self.effects.send_every(&message);
        } else {
            self.effects.send(&message);
        }
    }
}

/// What a document subscribes to. One that was written before there was a rule for them may be none: it
/// subscribes to nothing.
fn read(update: &EntityUpdate, document: Option<&Document>) -> Option<Subscription> {
    Subscription::read(&update.entity, document?).ok()
}

static SPEC: Spec = Spec {
    name: ServiceName::ChangesInZone,
    inputs: &[Topic::EntityUpdates],
    outputs: &[Topic::ZoneChanges],
    tables: &[],
};
