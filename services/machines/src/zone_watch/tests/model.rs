//! Whatever comes, and however the work is cut up: what is told is what a plain model tells.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use tidelog_core::{Message, TableId, message::UpdateKind, query::Scope, subscription::Terms};

use super::{
    super::{Chunk, ZoneWatch},
    drain, feed, told,
};
use crate::harness::{Harness, changed, parsed, record, scope_of, subscribed, timeout};

#[derive(Clone, Debug)]
enum Event {
    Subscribe { device: usize, name: usize, subject: usize, terms: Option<Terms> },
    Change { zone: usize, kind: UpdateKind, by: Option<usize> },
    Timeout,
    Repeat,
    Commit,
    Crash,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn devices_are_told_as_a_plain_model_tells_them(
        events in vec(event(), 1..60),
        devices in 1usize..4,
        subscriptions in 1usize..5,
    ) {
        let chunk = Chunk { devices, subscriptions };
        let mut harness = Harness::new(ZoneWatch { feed_changes: 1_000, chunk });
        let mut model = Model::default();
        let (mut sent, mut uncommitted) = (Vec::new(), Vec::new());
        let mut records: Vec<(u64, Message)> = Vec::new();
        let mut committed = 0;
        for event in events {
            let n = records.len() as u64 + 1;
            match event {
                Event::Subscribe { device, name, subject, terms } => {
                    model.subscribe(device, name, subject, terms);
                    let subject = SUBJECTS[subject];
                    let names = (DEVICES[device], NAMES[name]);
                    records.push((n, subscribed(n, names.0, names.1, subject, terms)));
                    uncommitted.extend(give(&mut harness, &records[n as usize - 1]));
                }
                Event::Change { zone, kind, by } => {
                    model.change(zone, kind, by);
                    let entity = format!("{}/1", ZONES[zone]);
                    records.push((n, changed(n, &entity, kind, by.map(|by| DEVICES[by]))));
                    uncommitted.extend(give(&mut harness, &records[n as usize - 1]));
                }
                Event::Timeout => uncommitted.extend(harness.quick_step(0, &timeout(1_000_000))),
                Event::Repeat => {
                    if let Some(last) = records.last() {
                        prop_assert!(give(&mut harness, last).is_empty());
                    }
                }
                Event::Commit => {
                    harness.commit();
                    sent.append(&mut uncommitted);
                    committed = records.len();
                }
                Event::Crash => {
                    harness.crash();
                    uncommitted.clear();
                    for record in &records[committed..] {
                        uncommitted.extend(give(&mut harness, record));
                    }
                }
            }
        }
        harness.commit();
        sent.append(&mut uncommitted);
        sent.extend(drain(&mut harness));
        for (zone, expected) in ZONES.iter().zip(&model.told) {
            let of_zone = |line: &String| line.contains(&format!(" {zone} #"));
            let found: Vec<_> = told(&sent).into_iter().filter(of_zone).collect();
            prop_assert_eq!(&found, expected, "in {}", zone);
        }
        for (zone, last) in ZONES.iter().zip(model.numbers) {
            let numbers: Vec<_> = feed(&harness, zone, None, 1_000).changes;
            let numbers: Vec<_> = numbers.iter().map(|change| change.sequence).collect();
            prop_assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "the numbers of {}", zone);
        }
        prop_assert_eq!(harness.count(TableId::FanOuts), 0);
        prop_assert_eq!(harness.count(TableId::EndedSubscriptions), 0);
        prop_assert_eq!(harness.count(TableId::Subscriptions), model.subscriptions.len());
    }
}

fn give(harness: &mut Harness<ZoneWatch>, (n, message): &(u64, Message)) -> Vec<Message> {
    harness.quick_step(*n, &record(1_000 + n, message.clone()))
}

/// Tells at once, from the subscriptions as they are.
#[derive(Default)]
struct Model {
    subscriptions: BTreeMap<(usize, usize, usize), Terms>,
    numbers: [u64; 3],
    told: [Vec<String>; 3],
}

impl Model {
    fn subscribe(&mut self, device: usize, name: usize, subject: usize, terms: Option<Terms>) {
        match terms {
            Some(terms) => self.subscriptions.insert((device, name, subject), terms),
            None => self.subscriptions.remove(&(device, name, subject)),
        };
    }

    fn change(&mut self, zone: usize, kind: UpdateKind, by: Option<usize>) {
        self.numbers[zone] += 1;
        let is_about = |subject: usize| match scope_of(SUBJECTS[subject]) {
            Scope::Zone(subject) => subject.as_str() == ZONES[zone],
            Scope::Collection(subject) => {
                subject == parsed::<tidelog_core::ZoneId>(ZONES[zone]).collection()
            }
        };
        let asking = self.subscriptions.iter().filter(|((device, _, subject), terms)| {
            is_about(*subject) && terms.include(kind, by == Some(*device))
        });
        let devices: BTreeSet<_> = asking.map(|((device, ..), _)| DEVICES[*device]).collect();
        let number = self.numbers[zone];
        let lines = devices.iter().map(|device| format!("{device} {} #{number}", ZONES[zone]));
        self.told[zone].extend(lines);
    }
}

fn event() -> impl Strategy<Value = Event> {
    let terms = (any::<[bool; 4]>()).prop_map(|[created, updated, deleted, own]| Terms {
        created,
        updated,
        deleted,
        own,
    });
    let kind = || {
        prop::sample::select(vec![UpdateKind::Created, UpdateKind::Updated, UpdateKind::Deleted])
    };
    let device = || 0..DEVICES.len();
    prop_oneof![
        6 => (device(), 0..NAMES.len(), 0..SUBJECTS.len(), prop::option::weighted(0.8, terms))
            .prop_map(|(device, name, subject, terms)| {
                Event::Subscribe { device, name, subject, terms }
            }),
        6 => (0..ZONES.len(), kind(), prop::option::of(device()))
            .prop_map(|(zone, kind, by)| Event::Change { zone, kind, by }),
        2 => Just(Event::Timeout),
        1 => Just(Event::Repeat),
        2 => Just(Event::Commit),
        1 => Just(Event::Crash),
    ]
}

// One id is the beginning of another, and has a character that comes before the one that ends a text.
const DEVICES: [&str; 5] = ["a", "a-b", "a.b", "b", "c"];
const NAMES: [&str; 2] = ["1", "1-2"];
const ZONES: [&str; 3] = ["shop/orders/eu", "shop/orders/eu-2", "shop/users/eu"];
const SUBJECTS: [&str; 4] = ["shop/orders/eu", "shop/orders/eu-2", "shop/users/eu", "shop/orders"];
