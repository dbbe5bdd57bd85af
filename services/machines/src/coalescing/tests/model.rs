//! Whatever comes: numbers without gaps, nothing lost before it was read, overflow only where it is due.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use tidelog_core::{Message, message::UpdateKind};

use super::{super::Coalescing, read};
use crate::harness::{Harness, acknowledged, at, news, removed};

#[derive(Clone, Debug)]
enum Event {
    /// The next change of a zone.
    News(usize),
    /// One that has been told before.
    Again(usize),
    /// So much of what was told has been read.
    Acknowledge(u64),
    Remove,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_has_not_been_read_is_there_or_the_device_knows_that_there_is_more(
        events in vec(event(), 1..80),
        zones_max in 1u64..4,
    ) {
        let mut harness = Harness::new(Coalescing { zones_max });
        let mut model = Model { zones_max, ..Model::default() };
        let mut removals = 0;
        for (n, event) in (1..).zip(events) {
            let mut give = |message: Message| harness.record(at(n), message);
            match event {
                Event::News(zone) => {
                    let number = model.tell(zone);
                    let sent = give(news("phone", ZONES[zone], model.sequences[zone], KIND));
                    let [Message::DeviceNotification(sent)] = &sent[..] else {
                        panic!("{sent:?}");
                    };
                    prop_assert_eq!(sent.number, number, "numbers have no gaps");
                }
                Event::Again(zone) => {
                    let sequence = model.sequences[zone];
                    if sequence > 0 {
                        prop_assert!(give(news("phone", ZONES[zone], sequence, KIND)).is_empty());
                    }
                }
                Event::Acknowledge(through) => {
                    model.acknowledge(through);
                    prop_assert!(give(acknowledged("phone", through)).is_empty());
                }
                Event::Remove => {
                    removals += 1;
                    model.remove();
                    prop_assert!(give(removed("phone", removals)).is_empty());
                }
            }
            let view = read(&harness);
            prop_assert_eq!(view.last, model.last);
            prop_assert_eq!(view.acknowledged, model.acknowledged);
            prop_assert_eq!(view.overflowed, !model.dropped.is_empty());
            let unread: BTreeMap<_, _> =
                view.zones.iter().map(|zone| (zone.zone.to_string(), zone.last)).collect();
            let expected: BTreeMap<_, _> = model
                .unread
                .keys()
                .map(|zone| (ZONES[*zone].to_owned(), model.sequences[*zone]))
                .collect();
            prop_assert_eq!(unread, expected);
        }
    }
}

#[derive(Default)]
struct Model {
    zones_max: u64,
    sequences: [u64; 5],
    last: u64,
    acknowledged: u64,
    /// The last number of each zone that is kept.
    unread: BTreeMap<usize, u64>,
    /// Numbers that stand for what is not kept.
    dropped: BTreeSet<u64>,
}

impl Model {
    fn tell(&mut self, zone: usize) -> u64 {
        self.sequences[zone] += 1;
        self.last += 1;
        if self.unread.contains_key(&zone) || (self.unread.len() as u64) < self.zones_max {
            self.unread.insert(zone, self.last);
        } else {
            self.dropped.insert(self.last);
        }
        self.last
    }

    fn acknowledge(&mut self, through: u64) {
        if through <= self.last {
            self.acknowledged = through.max(self.acknowledged);
            self.unread.retain(|_, number| *number > through);
            self.dropped.retain(|number| *number > through);
        }
    }

    fn remove(&mut self) {
        self.unread.clear();
        if self.last > 0 {
            self.dropped.insert(self.last);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..ZONES.len()).prop_map(Event::News),
        2 => (0..ZONES.len()).prop_map(Event::Again),
        4 => (0u64..60).prop_map(Event::Acknowledge),
        1 => Just(Event::Remove),
    ]
}

const KIND: UpdateKind = UpdateKind::Updated;
const ZONES: [&str; 5] = ["shop/o/a", "shop/o/a-b", "shop/o/b", "shop/p/a", "shop/p/b"];
