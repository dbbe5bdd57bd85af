//! What a device has not read, by the description of the system: what `changes-by-device` says to it, taken
//! one after the other.
//!
//! Free is the order of what comes of different zones, acknowledgements and removals; the log decides that.

use std::collections::BTreeMap;

use super::{Effect, zones::News};

/// What is said to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A zone has changed.
    News(News),
    /// It has read what it was told up to this number.
    Acknowledged(u64),
    /// It was forgotten, by a task of device, which counts what it has forgotten.
    Removed {
        /// The task's partition.
        partition: u32,
        /// The number.
        number: u64,
        /// When, in milliseconds.
        time_ms: u64,
    },
}

/// What a device has not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// How much it was told, ever.
    pub last: u64,
    /// How much of that it has read.
    pub acknowledged: u64,
    /// What it has not read, zone by zone.
    pub zones: BTreeMap<Box<str>, Unread>,
    /// The last number that stands for something that was not kept.
    overflowed_at: Option<u64>,
    /// The number of the last change of each zone that it was told of.
    told: BTreeMap<Box<str>, u64>,
    /// By whom it was forgotten last.
    removed: BTreeMap<u32, u64>,
}

/// What a device has not read of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The device's number for the last change.
    pub number: u64,
    /// The zone's number for the first change.
    pub first: u64,
    /// The zone's number for the last one.
    pub last: u64,
    /// Entities that came, that changed, and that went.
    pub counts: [u64; 3],
    /// When the last change was made.
    pub time_ms: u64,
}

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The device's number for it.
    pub number: u64,
    /// What it is told of.
    pub news: News,
    /// How many zones have something that it has not read.
    pub unread_zones: u64,
    /// Whether there are more than are kept.
    pub overflowed: bool,
}

impl Inbox {
    /// Whether it was told of more zones than are kept, and has not said since that it knows.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed_at.is_some()
    }

    /// Takes what is said, with room for so many zones, and says what the device is told.
    pub fn take(&mut self, word: &Word, zones_max: u64) -> Option<Notification> {
        match word {
            Word::News(news) => return self.news(news, zones_max),
            Word::Acknowledged(through) => self.acknowledge(*through),
            Word::Removed { partition, number, .. } => self.remove(*partition, *number),
        }
        None
    }

    fn news(&mut self, news: &News, zones_max: u64) -> Option<Notification> {
        let told = self.told.entry(news.zone.clone()).or_default();
        if news.sequence <= *told {
            return None;
        }
        *told = news.sequence;
        self.last += 1;
        let room = (self.zones.len() as u64) < zones_max;
        if room || self.zones.contains_key(&news.zone) {
            let first = news.sequence;
            let nothing = Unread { number: 0, first, last: 0, counts: [0; 3], time_ms: 0 };
            let unread = self.zones.entry(news.zone.clone()).or_insert(nothing);
            let nth = match news.effect {
                Effect::Created => 0,
                Effect::Updated => 1,
                Effect::Deleted | Effect::Read => 2,
            };
            unread.counts[nth] += 1;
            (unread.number, unread.last, unread.time_ms) = (self.last, first, news.time_ms);
        } else {
            self.overflowed_at = Some(self.last);
        }
        Some(Notification {
            number: self.last,
            news: news.clone(),
            unread_zones: self.zones.len() as u64,
            overflowed: self.overflowed(),
        })
    }

    /// One from the future says nothing.
    fn acknowledge(&mut self, through: u64) {
        if through > self.acknowledged && through <= self.last {
            self.acknowledged = through;
            self.zones.retain(|_, unread| unread.number > through);
            self.overflowed_at = self.overflowed_at.filter(|at| *at > through);
        }
    }

    /// What was not read is worth nothing any more. One that was never told anything has nothing.
    fn remove(&mut self, partition: u32, number: u64) {
        if self.last > 0 && self.removed.get(&partition).is_none_or(|known| number > *known) {
            self.removed.insert(partition, number);
            self.zones.clear();
            self.overflowed_at = Some(self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_goes_and_what_comes_later_stays() {
        let mut inbox = Inbox::default();
        let numbers = [news("a", 1), news("a", 2), news("b", 1), news("a", 2)]
            .map(|word| inbox.take(&word, 9).map(|it| it.number));
        assert_eq!(numbers, [Some(1), Some(2), Some(3), None]);
        inbox.take(&Word::Acknowledged(9), 9);
        inbox.take(&Word::Acknowledged(2), 9);
        assert_eq!(inbox.zones.keys().map(|zone| &**zone).collect::<Vec<_>>(), ["b"]);
        inbox.take(&news("a", 3), 9);
        let Unread { number, first, last, counts, .. } = inbox.zones["a"];
        assert_eq!((number, first, last, counts), (4, 3, 3, [1, 0, 0]));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_said() {
        let mut inbox = Inbox::default();
        inbox.take(&news("a", 1), 1);
        let told = inbox.take(&news("b", 1), 1).expect("it is new");
        assert_eq!((told.number, told.unread_zones, told.overflowed), (2, 1, true));
        inbox.take(&Word::Acknowledged(1), 1);
        assert!(inbox.overflowed());
        inbox.take(&Word::Acknowledged(2), 1);
        assert!(!inbox.overflowed());
    }

    #[test]
    fn a_forgotten_device_has_nothing_and_its_numbers_go_on() {
        let removed = Word::Removed { partition: 0, number: 1, time_ms: 0 };
        let mut inbox = Inbox::default();
        inbox.take(&removed, 9);
        assert_eq!(inbox, Inbox::default());
        inbox.take(&news("a", 1), 9);
        inbox.take(&removed, 9);
        assert!(inbox.zones.is_empty() && inbox.overflowed());
        assert_eq!(inbox.take(&news("a", 2), 9).map(|it| it.number), Some(2));
        inbox.take(&removed, 9);
        assert_eq!(inbox.zones.len(), 1, "it is known");
    }

    fn news(zone: &str, sequence: u64) -> Word {
        let effect = Effect::Created;
        Word::News(News { zone: zone.into(), sequence, effect, time_ms: 0 })
    }
}
