//! What the log says of zones and devices, in the words of the model.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{
    Layout, Message, PartitionId, Topic,
    message::{
        DeviceNotification, EntityUpdate, ForDevice, ForgetZone, News, SubscriptionChange,
        UpdateKind, UpdateSource, ZoneChange, ZoneMessage,
    },
    query::Scope,
    subscription,
};

use super::{LogView, Logged, value};
use crate::{
    history::Name,
    model::{
        Effect, Forget,
        inbox::Word,
        zones::{self, Change, Event, Placed, Source, Subject, Terms, zone_of},
    },
};

/// What a partition of `zone-changes` says, record by record.
#[must_use]
pub fn zone_events(log: &LogView, partition: PartitionId) -> Vec<Placed> {
    let records = log.records(Topic::ZoneChanges, partition).iter();
    let event = |record: &Logged| match Logged::readable(record)? {
        Message::Zone(message) => Some(placed(record.offset, message)),
        _ => None,
    };
    records.filter_map(event).collect()
}

fn placed(offset: u64, message: &ZoneMessage) -> Placed {
    let UpdateSource { partition, offset: of, number } = message.source();
    let source = Source { partition: partition.0, offset: of.0, number };
    let event = match message {
        ZoneMessage::Change(change) => {
            let ZoneChange { entity, kind, revision, device, time, .. } = change;
            Event::Change(Change {
                entity: entity.as_str().into(),
                effect: effect(*kind),
                revision: revision.0,
                device: device.as_ref().map(|it| it.as_str().into()),
                time_ms: time.as_millis(),
            })
        }
        ZoneMessage::Subscription(change) => {
            let SubscriptionChange { subscription, subject, terms, .. } = change;
            let subject = match subject {
                Scope::Zone(zone) => Subject::Zone(zone.as_str().into()),
                Scope::Collection(collection) => Subject::Collection(collection.as_str().into()),
            };
            let subscription = subscription.as_str().into();
            Event::Terms { subscription, subject, terms: terms.map(plain) }
        }
    };
    Placed { offset, source, event }
}

fn plain(terms: subscription::Terms) -> Terms {
    let subscription::Terms { created, updated, deleted, own } = terms;
    Terms { created, updated, deleted, own }
}

/// By the partition of `zone-changes`, and by that of `entity-updates`: what the one has to say of the other.
pub type Expected = BTreeMap<u32, BTreeMap<u32, Vec<(Source, Event)>>>;

/// What `zone-changes` has to say, as `entity-updates` stands.
#[must_use]
pub fn expected_events(log: &LogView, partitions: u32) -> Expected {
    let layout = Layout::new(partitions).expect("a run's number of partitions");
    let mut expected = Expected::new();
    for (partition, record, message) in log.messages(Topic::EntityUpdates) {
        let Some(update) = message.entity_update() else { continue };
        let mut number = 0;
        let mut send = |to: &[PartitionId], event: Event| {
            number += 1;
            let source = Source { partition: partition.0, offset: record.offset, number };
            for to in to {
                let all = expected.entry(to.0).or_default().entry(partition.0).or_default();
                all.push((source, event.clone()));
            }
        };
        let entity = update.entity.as_str();
        send(&[layout.partition(zone_of(entity))], Event::Change(change_of(update)));
        for (subject, terms) in terms_of(update) {
            let to = match &subject {
                Subject::Zone(zone) => vec![layout.partition(zone)],
                Subject::Collection(_) => layout.all().collect(),
            };
            send(&to, Event::Terms { subscription: entity.into(), subject, terms });
        }
    }
    expected
}

fn change_of(update: &EntityUpdate) -> Change {
    Change {
        entity: update.entity.as_str().into(),
        effect: effect(update.kind),
        revision: update.revision.0,
        device: update.device.as_ref().map(|device| device.as_str().into()),
        time_ms: update.time.as_millis(),
    }
}

/// What an update of a subscription says to those whom it was and is about.
fn terms_of(update: &EntityUpdate) -> Vec<(Subject, Option<Terms>)> {
    let entity = update.entity.as_str();
    let read = |document: &_| subscription_of(entity, &value(document));
    let before = update.before.as_ref().and_then(read);
    let after = update.after.as_ref().and_then(read);
    let mut terms = Vec::new();
    if let Some((subject, _)) = before
        && after.as_ref().is_none_or(|(other, _)| *other != subject)
    {
        terms.push((subject, None));
    }
    terms.extend(after.map(|(subject, terms)| (subject, Some(terms))));
    terms
}

/// What a document subscribes to, if it is one that does.
#[must_use]
pub fn subscription_of(entity: &str, document: &Value) -> Option<(Subject, Terms)> {
    (entity.split('/').nth(1)? == "$zoneSubscription").then_some(())?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let subject = match (text("zone"), text("collection")) {
        (Some(zone), None) => Subject::Zone(zone.into()),
        (None, Some(collection)) => Subject::Collection(collection.into()),
        _ => return None,
    };
    let changes = document.get("changes").and_then(Value::as_array);
    let wants = |name: &str| changes.is_none_or(|all| all.iter().any(|it| it == name));
    let own = document.get("own_changes").and_then(Value::as_bool).unwrap_or(true);
    let (created, updated, deleted) = (wants("created"), wants("updated"), wants("deleted"));
    Some((subject, Terms { created, updated, deleted, own }))
}

/// What is said to each device, with the offsets in its partition of `changes-by-device`.
#[must_use]
pub fn for_devices(log: &LogView) -> BTreeMap<Box<str>, Vec<(u64, Word)>> {
    let mut words: BTreeMap<Box<str>, Vec<(u64, Word)>> = BTreeMap::new();
    for (_, record, message) in log.messages(Topic::ChangesByDevice) {
        let Message::ForDevice(message) = message else { continue };
        let word = match message {
            ForDevice::News(news) => Word::News(plain_news(news)),
            ForDevice::Acknowledgement(it) => Word::Acknowledged(it.through),
            ForDevice::Removal(removal) => Word::Removed {
                partition: removal.partition.0,
                number: removal.number,
                time_ms: removal.time.as_millis(),
            },
        };
        words.entry(message.device().as_str().into()).or_default().push((record.offset, word));
    }
    words
}

fn plain_news(news: &News) -> zones::News {
    zones::News {
        zone: news.zone.as_str().into(),
        sequence: news.sequence,
        effect: effect(news.kind),
        time_ms: news.time.as_millis(),
    }
}

/// What each device was told.
#[must_use]
pub fn notifications(log: &LogView) -> BTreeMap<&str, Vec<&DeviceNotification>> {
    let mut all: BTreeMap<&str, Vec<&DeviceNotification>> = BTreeMap::new();
    for (_, _, message) in log.messages(Topic::DeviceNotifications) {
        if let Message::DeviceNotification(it) = message {
            all.entry(it.device.as_str()).or_default().push(it);
        }
    }
    all
}

/// The zones that a partition of `entity-patches` is to forget.
#[must_use]
pub fn forgets(log: &LogView, partition: PartitionId) -> Vec<Forget> {
    let forget = |record: &Logged| {
        let Message::ForgetZone(ForgetZone { zone, partition, number, .. }) =
            Logged::readable(record)?
        else {
            return None;
        };
        let name = Name { client: format!("device:{partition}").into(), number: *number, part: 1 };
        Some(Forget { offset: record.offset, name, zone: zone.as_str().into() })
    };
    log.records(Topic::EntityPatches, partition).iter().filter_map(forget).collect()
}

pub(crate) fn effect(kind: UpdateKind) -> Effect {
    match kind {
        UpdateKind::Created => Effect::Created,
        UpdateKind::Updated => Effect::Updated,
        UpdateKind::Deleted => Effect::Deleted,
    }
}
