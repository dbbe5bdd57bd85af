//! What devices are told of zones, by the description of the system: what stands in a partition of
//! `zone-changes`, taken one after the other, without chunks, commits, queues or stores.
//!
//! What is free: in which order a partition has what comes of *different* partitions of `entity-updates`,
//! so from which change of a zone on a subscription holds. The order that the log has decides that; it must
//! be one that keeps the order of each partition that things come from (`sorted` holds that). From there on
//! nothing is free but in which order a device hears of different zones.

use std::collections::BTreeMap;

use super::Effect;

/// Something that a partition of `zone-changes` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its offset.
    pub offset: u64,
    /// What it comes of.
    pub source: Source,
    /// What it says.
    pub event: Event,
}

/// What something comes of: which of the messages of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The partition of `entity-updates`.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// Which message, from 1.
    pub number: u32,
}

/// What happens to a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An entity of it changed.
    Change(Change),
    /// A subscription holds from here on as it says, or no more.
    Terms {
        /// The subscription.
        subscription: Box<str>,
        /// What it is about.
        subject: Subject,
        /// What it says, if it holds.
        terms: Option<Terms>,
    },
}

/// What became of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entity.
    pub entity: Box<str>,
    /// What became of it.
    pub effect: Effect,
    /// Its revision after that.
    pub revision: u64,
    /// From which device.
    pub device: Option<Box<str>>,
    /// When.
    pub time_ms: u64,
}

/// What a subscription is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A zone.
    Zone(Box<str>),
    /// Every zone of a collection.
    Collection(Box<str>),
}

/// Which changes a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Entities that come.
    pub created: bool,
    /// Entities that change.
    pub updated: bool,
    /// Entities that go.
    pub deleted: bool,
    /// Those that the device changed itself, too.
    pub own: bool,
}

/// What a device is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The zone.
    pub zone: Box<str>,
    /// The number of the change in the zone.
    pub sequence: u64,
    /// What became of the entity.
    pub effect: Effect,
    /// When.
    pub time_ms: u64,
}

/// The changes of a zone, each with the offset of its record. The first has number 1.
pub type Feed = Vec<(u64, Change)>;

/// The feeds of a partition's zones.
#[must_use]
pub fn feeds(events: &[Placed]) -> BTreeMap<Box<str>, Feed> {
    let mut feeds: BTreeMap<Box<str>, Feed> = BTreeMap::new();
    for placed in events {
        if let Event::Change(change) = &placed.event {
            let zone = zone_of(&change.entity).into();
            feeds.entry(zone).or_default().push((placed.offset, change.clone()));
        }
    }
    feeds
}

/// What a partition's zones have to tell each device, zone by zone in the order of their numbers.
#[must_use]
pub fn news(events: &[Placed]) -> BTreeMap<(Box<str>, Box<str>), Vec<News>> {
    let mut told: BTreeMap<(Box<str>, Box<str>), Vec<News>> = BTreeMap::new();
    let mut holds: BTreeMap<(&str, &Subject), Terms> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for placed in events {
        let change = match &placed.event {
            Event::Terms { subscription, subject, terms: Some(terms) } => {
                holds.insert((subscription, subject), *terms);
                continue;
            }
            Event::Terms { subscription, subject, terms: None } => {
                holds.remove(&(&**subscription, subject));
                continue;
            }
            Event::Change(change) => change,
        };
        let zone = zone_of(&change.entity);
        let number = numbers.entry(zone).or_default();
        *number += 1;
        let asks = holds.iter().filter(|((subscription, subject), terms)| {
            is_about(subject, zone) && terms.ask_for(change, device_of(subscription))
        });
        let mut devices: Vec<_> = asks.map(|((it, _), _)| device_of(it)).collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            let (effect, time_ms) = (change.effect, change.time_ms);
            let news = News { zone: zone.into(), sequence: *number, effect, time_ms };
            told.entry((device.into(), zone.into())).or_default().push(news);
        }
    }
    told
}

impl Terms {
    fn ask_for(self, change: &Change, device: &str) -> bool {
        let is_wanted = match change.effect {
            Effect::Created => self.created,
            Effect::Updated => self.updated,
            Effect::Deleted => self.deleted,
            Effect::Read => false,
        };
        is_wanted && (self.own || change.device.as_deref() != Some(device))
    }
}

fn is_about(subject: &Subject, zone: &str) -> bool {
    match subject {
        Subject::Zone(subject) => **subject == *zone,
        Subject::Collection(subject) => **subject == *collection_of(zone),
    }
}

/// The zone of an entity: all but the last segment.
#[must_use]
pub fn zone_of(entity: &str) -> &str {
    entity.rsplit_once('/').map_or(entity, |(zone, _)| zone)
}

/// The collection of a zone: all but the last segment.
#[must_use]
pub fn collection_of(zone: &str) -> &str {
    zone_of(zone)
}

/// The device of a subscription: the third segment.
#[must_use]
pub fn device_of(subscription: &str) -> &str {
    subscription.split('/').nth(2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_once_of_what_its_subscriptions_ask_for_while_they_hold() {
        let events = placed(vec![
            change("shop/orders/eu/1", None),
            terms("a/1", Subject::Zone("shop/orders/eu".into()), Some(ALL)),
            terms("a/2", Subject::Collection("shop/orders".into()), Some(ALL)),
            terms("b/1", Subject::Collection("shop/orders".into()), Some(NOT_OWN)),
            change("shop/orders/eu/2", Some("b")),
            change("shop/orders/us/1", Some("a")),
            terms("a/2", Subject::Collection("shop/orders".into()), None),
            change("shop/orders/us/2", None),
        ]);
        let numbers = |device: &str, zone: &str| {
            let told = news(&events).remove(&(device.into(), zone.into())).unwrap_or_default();
            told.iter().map(|news| news.sequence).collect::<Vec<_>>()
        };
        assert_eq!(numbers("a", "shop/orders/eu"), [2]);
        assert_eq!(numbers("a", "shop/orders/us"), [1]);
        assert_eq!(numbers("b", "shop/orders/eu"), [0; 0]);
        assert_eq!(numbers("b", "shop/orders/us"), [1, 2]);
        let feeds = feeds(&events);
        let offsets = feeds["shop/orders/us"].iter().map(|(offset, _)| *offset);
        assert_eq!(offsets.collect::<Vec<_>>(), [5, 7]);
    }

    const ALL: Terms = Terms { created: true, updated: true, deleted: true, own: true };
    const NOT_OWN: Terms = Terms { own: false, ..ALL };

    fn placed(events: Vec<Event>) -> Vec<Placed> {
        let place = |(offset, event)| {
            let source = Source { partition: 0, offset, number: 1 };
            Placed { offset, source, event }
        };
        (0..).zip(events).map(place).collect()
    }

    fn change(entity: &str, device: Option<&str>) -> Event {
        let (effect, revision, time_ms) = (Effect::Created, 1, 0);
        let device = device.map(Into::into);
        Event::Change(Change { entity: entity.into(), effect, revision, device, time_ms })
    }

    fn terms(subscription: &str, subject: Subject, terms: Option<Terms>) -> Event {
        let subscription = format!("shop/$zoneSubscription/{subscription}").into();
        Event::Terms { subscription, subject, terms }
    }
}
