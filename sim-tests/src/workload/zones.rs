//! What devices do, and what is done in zones that somebody watches: in the seeds that watch.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Size, Step, What};
use crate::{dice::Dice, model::Action};

/// Their numbers begin here, whatever else the workload has.
const NUMBERS_FROM: u32 = 800_000;

/// The zones that are watched: those of all other steps, and some more.
pub const WATCHED: [&str; 6] = [
    "shop/orders/z0",
    "shop/orders/z1",
    "shop/orders/z2",
    "shop/orders/w0",
    "shop/places/w1",
    "shop/places/w2",
];

/// The collections that they are in.
const COLLECTIONS: [&str; 2] = [super::COLLECTION, "shop/places"];

/// How many devices there are.
pub const DEVICES: u32 = 6;

/// How many followers of zones each client has.
const FOLLOWERS: u64 = 3;

/// How many subscriptions a device has at once.
const SUBSCRIPTIONS: u64 = 3;

/// How many entities are written in each watched zone.
const ENTITIES: u64 = 6;

/// The bounds of the services that watch zones and tell devices: small enough to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many changes of each zone are kept.
    pub feed_changes: u64,
    /// How many devices a call tells.
    pub devices: usize,
    /// How many subscriptions a call looks at.
    pub subscriptions: usize,
    /// How many zones are kept that a device has not read.
    pub zones_max: u64,
    /// How long a device may be silent.
    pub lease_ms: u64,
}

/// Something that has to do with devices and zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Zone {
    /// A device says that it is there.
    Connect {
        /// The device.
        device: u32,
    },
    /// A device is to be forgotten.
    Forget {
        /// The device.
        device: u32,
    },
    /// A subscription is made, or says something else from now on.
    Subscribe {
        /// The device.
        device: u32,
        /// The subscription.
        subscription: u64,
        /// What it says.
        says: Value,
    },
    /// A subscription is deleted.
    Unsubscribe {
        /// The device.
        device: u32,
        /// The subscription.
        subscription: u64,
    },
    /// An entity of a zone is written.
    Write {
        /// The zone, by its place among them.
        zone: usize,
        /// The entity.
        entity: u64,
        /// What is done.
        action: Action,
        /// From which device.
        from: Option<u32>,
        /// How long the client waits.
        patience_ms: u64,
        /// How often it then asks again.
        again: u32,
    },
    /// So many entities come at once that devices cannot be told of all of them in one step.
    Crowd {
        /// The zone, by its place among them.
        zone: usize,
        /// How many.
        count: u64,
        /// From which device.
        from: Option<u32>,
    },
    /// A device reads what it has not read.
    Read {
        /// The device.
        device: u32,
        /// How much of it it then says it has read.
        acknowledges: Acknowledges,
    },
    /// A device waits for what comes, and says at once that it has read it.
    Wait {
        /// The device.
        device: u32,
        /// For how long.
        for_ms: u64,
    },
    /// Somebody follows a zone's changes, from where the follower was.
    Follow {
        /// The follower.
        follower: u64,
        /// The zone, by its place among them.
        zone: usize,
        /// For how long.
        for_ms: u64,
    },
    /// Somebody reads a page of a zone's changes.
    Page {
        /// The zone, by its place among them.
        zone: usize,
        /// Only those after this number.
        after: Option<u64>,
        /// At most so many.
        limit: usize,
    },
}

/// How much a device says it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledges {
    /// Nothing.
    Nothing,
    /// All that it was told.
    All,
    /// All but so many.
    AllBut(u64),
    /// More than it can have been told.
    TheFuture,
}

impl Limits {
    /// The limits of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "limits of zones");
        Self {
            feed_changes: *dice.one(&[15, 40, 1_000]),
            devices: *dice.one(&[3, 6, 1_000]),
            subscriptions: *dice.one(&[4, 9, 2_000]),
            zones_max: *dice.one(&[1, 2, 3, 1_000]),
            lease_ms: *dice.one(&[5_000, 600_000, 600_000]),
        }
    }
}

/// The name of a device.
#[must_use]
pub fn device_id(device: u32) -> String {
    format!("d{device}")
}

/// The name of the user whose device it is.
#[must_use]
pub fn user_id(device: u32) -> String {
    format!("u{}", device % 3)
}

/// The steps of a seed that have to do with zones.
pub(super) fn steps(seed: u64, size: Size) -> Vec<Step> {
    let mut plan = Plan { dice: Dice::new(seed, "zones"), size, steps: Vec::new() };
    for device in 0..DEVICES {
        plan.device(device);
    }
    for _ in 0..size.length_ms * WRITES_PER_10_S / 10_000 {
        let what = plan.write();
        plan.add(what);
    }
    for _ in 0..plan.dice.below(6) {
        let count = *plan.dice.one(&[5, 20, 60]);
        let (zone, from) = (plan.zone(), plan.from());
        plan.add(Zone::Crowd { zone, count, from });
    }
    for _ in 0..plan.dice.below(16) {
        let (follower, zone) = (plan.dice.below(FOLLOWERS), plan.zone());
        let for_ms = *plan.dice.one(&[500, 3_000, 10_000]);
        plan.add(Zone::Follow { follower, zone, for_ms });
    }
    for _ in 0..plan.dice.below(16) {
        let (zone, limit) = (plan.zone(), *plan.dice.one(&[1, 5, 1_000]));
        let after = plan.dice.percent(60).then(|| plan.dice.below(60));
        plan.add(Zone::Page { zone, after, limit });
    }
    plan.steps
}

/// How many documents are written for watching in ten seconds.
const WRITES_PER_10_S: u64 = 50;

struct Plan {
    dice: Dice,
    size: Size,
    steps: Vec<Step>,
}

impl Plan {
    fn add(&mut self, what: Zone) {
        let at_ms = self.dice.below(self.size.length_ms.max(1));
        let client = u32::try_from(self.dice.below(u64::from(self.size.clients))).expect("few");
        self.add_at(at_ms, client, what);
    }

    fn add_at(&mut self, at_ms: u64, client: u32, what: Zone) {
        let number = NUMBERS_FROM + u32::try_from(self.steps.len()).expect("few");
        self.steps.push(Step { number, client, at_ms, what: What::Zone(what) });
    }

    /// What a device does: it comes early, has subscriptions, and reads often, seldom, or never.
    fn device(&mut self, device: u32) {
        let length_ms = self.size.length_ms.max(1);
        let client = device % self.size.clients;
        let mut at_ms = self.dice.below(length_ms / 8 + 1);
        // Some are away for longer than they may be.
        let away_ms = *self.dice.one(&[2_000, 4_000, 12_000, 60_000]);
        while at_ms < length_ms {
            self.add_at(at_ms, client, Zone::Connect { device });
            at_ms += 500 + self.dice.below(away_ms);
        }
        for subscription in 0..1 + self.dice.below(SUBSCRIPTIONS) {
            let at_ms = self.dice.below(length_ms / 5 + 1);
            let says = self.says();
            self.add_at(at_ms, client, Zone::Subscribe { device, subscription, says });
        }
        for _ in 0..self.dice.below(6) {
            let at_ms = self.dice.below(length_ms);
            let what = self.changed(device);
            self.add_at(at_ms, client, what);
        }
        if self.dice.percent(30) {
            self.forgotten(device, client);
        }
        let reads_every_ms = *self.dice.one(&[1_500, 1_500, 8_000, 0]);
        let mut at_ms = reads_every_ms;
        while reads_every_ms > 0 && at_ms < length_ms {
            let what = self.read(device);
            self.add_at(at_ms, client, what);
            at_ms += 1 + self.dice.below(2 * reads_every_ms);
        }
    }

    /// A device is forgotten, and most often comes again and subscribes again.
    fn forgotten(&mut self, device: u32, client: u32) {
        let at_ms = self.dice.below(self.size.length_ms.max(1));
        self.add_at(at_ms, client, Zone::Forget { device });
        if self.dice.percent(70) {
            let at_ms = at_ms + self.dice.below(3_000);
            self.add_at(at_ms, client, Zone::Connect { device });
            let (subscription, says) = (self.dice.below(SUBSCRIPTIONS), self.says());
            let at_ms = at_ms + self.dice.below(1_000);
            self.add_at(at_ms, client, Zone::Subscribe { device, subscription, says });
        }
    }

    fn changed(&mut self, device: u32) -> Zone {
        let subscription = self.dice.below(SUBSCRIPTIONS);
        if self.dice.percent(30) {
            return Zone::Unsubscribe { device, subscription };
        }
        let says = self.says();
        Zone::Subscribe { device, subscription, says }
    }

    /// What a subscription says.
    fn says(&mut self) -> Value {
        let mut says = if self.dice.percent(40) {
            json!({ "collection": *self.dice.one(&COLLECTIONS) })
        } else {
            json!({ "zone": WATCHED[self.zone()] })
        };
        if self.dice.percent(40) {
            let wanted = [
                json!(["created"]),
                json!(["updated"]),
                json!(["deleted"]),
                json!(["created", "deleted"]),
                json!(["deleted", "updated"]),
            ];
            says["changes"] = self.dice.one(&wanted).clone();
        }
        if self.dice.percent(50) {
            says["own_changes"] = json!(self.dice.percent(30));
        }
        says
    }

    fn write(&mut self) -> Zone {
        let action = match self.dice.below(10) {
            0..=4 => Action::Replace(json!({ "n": self.dice.below(100) })),
            5..=7 => Action::Merge(json!({ "m": self.dice.below(100) })),
            _ => Action::Delete,
        };
        let (patience_ms, again) = match self.dice.below(4) {
            0 => (50 + self.dice.below(1_000), 3),
            _ => (20_000, 5),
        };
        let (zone, entity, from) = (self.zone(), self.dice.below(ENTITIES), self.from());
        Zone::Write { zone, entity, action, from, patience_ms, again }
    }

    fn read(&mut self, device: u32) -> Zone {
        if self.dice.percent(15) {
            let for_ms = *self.dice.one(&[1_000, 4_000]);
            return Zone::Wait { device, for_ms };
        }
        let acknowledges = match self.dice.below(20) {
            0..=3 => Acknowledges::Nothing,
            4..=12 => Acknowledges::All,
            13..=18 => Acknowledges::AllBut(1 + self.dice.below(5)),
            _ => Acknowledges::TheFuture,
        };
        Zone::Read { device, acknowledges }
    }

    fn zone(&mut self) -> usize {
        usize::try_from(self.dice.below(WATCHED.len() as u64)).expect("few")
    }

    fn from(&mut self) -> Option<u32> {
        let device = u32::try_from(self.dice.below(u64::from(DEVICES))).expect("few");
        self.dice.percent(60).then_some(device)
    }
}
