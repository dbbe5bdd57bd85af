//! What clients are to do in a run: a plan, made from the seed before anything happens.
//!
//! It is data, and each of its steps can be left out without moving the others, so that a failing run
//! can be shrunk. Changes that are not idempotent come first: appending and adding up show at once when
//! something is done twice or not at all.

mod mix;
mod odd;
mod schema;
mod zones;

#[cfg(test)]
pub(crate) use schema::sample_documents;
pub use schema::{COLLECTIONS, Schema};
pub use zones::{Acknowledges, DEVICES, Limits, WATCHED, Zone, device_id, user_id};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use tidelog_core::message::FORMAT_VERSION;

use crate::model::Action;

/// What the clients of a run are to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// How many clients there are.
    pub clients: u32,
    /// How many entities they work on.
    pub entities: u32,
    /// What they do, in the order of time.
    pub steps: Vec<Step>,
}

/// Something that a client is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number, which it keeps when others are left out.
    pub number: u32,
    /// Who does it.
    pub client: u32,
    /// When, in milliseconds after the workload began.
    pub at_ms: u64,
    /// What.
    pub what: What,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// One request through the log.
    Request {
        /// What is asked for.
        ask: Ask,
        /// How long the client waits before its outcome is unknown to it.
        patience_ms: u64,
        /// How often it then asks again, as the same request.
        again: u32,
    },
    /// A batch of requests.
    Batch {
        /// Its parts.
        asks: Vec<Ask>,
        /// The number of an idempotency key.
        key: Option<u32>,
        /// How long the client waits.
        patience_ms: u64,
        /// How often it then asks again.
        again: u32,
    },
    /// A query for one entity.
    Query {
        /// The entity.
        entity: u32,
        /// Whether it names the positions that the client knows.
        with_positions: bool,
    },
    /// All entities of a zone, page by page.
    List {
        /// The zone.
        zone: u32,
        /// How many are on a page.
        page: u32,
        /// Whether it names the positions that the client knows.
        with_positions: bool,
    },
    /// A record that nobody can read, among the requests for an entity: bytes of whoever else writes
    /// there.
    Spoil {
        /// The entity.
        entity: u32,
    },
    /// The client ends, with all that it waits for, and begins again under another name.
    Restart,
    /// Something that hardly ever happens.
    Odd(Odd),
    /// Something that has to do with schemas.
    Schema(Schema),
    /// Something that has to do with zones and devices.
    Zone(Zone),
}

/// What hardly anybody asks for, and what happens around clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Odd {
    /// A batch without parts.
    EmptyBatch,
    /// A batch with a part that is malformed and one for another database, and one with such parts only.
    BadParts,
    /// Two requests under one key.
    KeyTwice,
    /// Two batches under one key.
    BatchKeyTwice,
    /// A request whose answer is remembered.
    Remembered,
    /// The database is made once more.
    ProvisionAgain,
    /// Documents that are too large for the answer to a batch.
    Large,
    /// Requests whose numbers are too far ahead.
    FarAhead,
    /// A request that was first sent long ago.
    LongAgo,
    /// Many requests that are over at once.
    Many,
    /// More of them than are forgotten at a time.
    VeryMany,
    /// Parts of many batches are answered and no others; one more when nobody waits for it any more.
    LatePart,
    /// A node is told to leave, and begins again.
    Leave,
    /// So many hours pass at once, for everybody.
    Leap(u32),
}

/// What is asked of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The entity.
    pub entity: u32,
    /// What is asked for.
    pub action: Action,
    /// Under which condition.
    pub under: Under,
    /// The number of an idempotency key.
    pub key: Option<u32>,
    /// Whether the answer is to hold the document.
    pub wants_value: bool,
}

/// Conditions, as far as they can be known before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Under {
    /// None.
    Nothing,
    /// The entity exists.
    Exists,
    /// It does not.
    Missing,
    /// It is at the revision that the client has seen last.
    AsSeen,
    /// It is not.
    NotAsSeen,
}

/// How large a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many clients there are.
    pub clients: u32,
    /// How many entities they work on.
    pub entities: u32,
    /// How long it lasts, in milliseconds.
    pub length_ms: u64,
    /// How many steps there are in a second.
    pub per_second: u64,
}

impl Size {
    /// Some clients on a few entities: that they meet there is what is wanted.
    pub const USUAL: Self = Self { clients: 4, entities: 24, length_ms: 30_000, per_second: 50 };
}

/// How many zones the entities are in.
pub const ZONES: u32 = 3;

/// The database of all entities.
pub const DATABASE: &str = "shop";

/// The collection of all entities.
pub const COLLECTION: &str = "shop/orders";

/// More keys than a workload has.
const KEYS_MAX: u32 = 100_000;

impl Workload {
    /// The workload of a seed.
    #[must_use]
    pub fn of_seed(seed: u64, size: Size) -> Self {
        let mut workload = mix::workload(seed, size);
        workload.steps.extend(odd::steps(seed, size));
        workload.steps.sort_by_key(|step| (step.at_ms, step.number));
        workload.no_key_outlives_a_leap();
        workload
    }

    /// The same, with what there is to learn from and to do with schemas.
    #[must_use]
    pub fn with_schemas(mut self, seed: u64, size: Size) -> Self {
        self.steps.extend(schema::steps(seed, size));
        self.steps.sort_by_key(|step| (step.at_ms, step.number));
        self
    }

    /// The same, with devices, and what they are told of.
    #[must_use]
    pub fn with_zones(mut self, seed: u64, size: Size) -> Self {
        self.steps.extend(zones::steps(seed, size));
        self.steps.sort_by_key(|step| (step.at_ms, step.number));
        self
    }

    /// After a leap of time nobody asks again under a key of before it: whether it is still known hangs on
    /// moments that clients do not see. What the log says of keys that are over is seen by odd steps.
    fn no_key_outlives_a_leap(&mut self) {
        let mut leaps = 0;
        for step in &mut self.steps {
            match &mut step.what {
                What::Odd(Odd::Leap(_)) => leaps += 1,
                What::Request { ask, .. } => ask.key = ask.key.map(|key| key + leaps * KEYS_MAX),
                What::Batch { key, .. } => *key = key.map(|key| key + leaps * KEYS_MAX),
                What::Query { .. }
                | What::List { .. }
                | What::Spoil { .. }
                | What::Odd(_)
                | What::Schema(_)
                | What::Zone(_)
                | What::Restart => {}
            }
        }
    }

    /// The same without what happens around clients: nodes stay, and time goes on as it does.
    #[must_use]
    pub fn undisturbed(mut self) -> Self {
        self.steps.retain(|step| {
            !matches!(step.what, What::Odd(Odd::Leave | Odd::Leap(_) | Odd::LatePart))
        });
        self
    }

    /// The same without the steps that are not named.
    #[must_use]
    pub fn only(mut self, numbers: &BTreeSet<u32>) -> Self {
        self.steps.retain(|step| numbers.contains(&step.number));
        self
    }

    /// The numbers of the steps.
    #[must_use]
    pub fn numbers(&self) -> BTreeSet<u32> {
        self.steps.iter().map(|step| step.number).collect()
    }
}

/// The payload of a record that nobody can read: of this format, and of no message.
#[must_use]
pub fn spoilt_payload(number: u32) -> Vec<u8> {
    [&[FORMAT_VERSION], SPOILT, &number.to_le_bytes()].concat()
}

/// Whether a payload was made so.
#[must_use]
pub fn is_spoilt(payload: &[u8]) -> bool {
    payload.strip_prefix(&[FORMAT_VERSION]).is_some_and(|rest| rest.starts_with(SPOILT))
}

/// The number of a kind of messages that there is not.
const SPOILT: &[u8] = &[0xff; 5];

/// The zone that an entity is in.
#[must_use]
pub fn zone(entity: u32) -> u32 {
    entity % ZONES
}

/// A zone's id.
#[must_use]
pub fn zone_id(zone: u32) -> String {
    format!("{COLLECTION}/z{zone}")
}

/// An entity's id.
#[must_use]
pub fn entity_id(entity: u32) -> String {
    format!("{}/e{entity}", zone_id(zone(entity)))
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Message, Topic, message::DecodeError};

    use super::*;

    #[test]
    fn a_seed_has_its_workload_and_steps_can_be_left_out() {
        let whole = Workload::of_seed(7, Size::USUAL);
        assert_eq!(whole, Workload::of_seed(7, Size::USUAL));
        assert_ne!(whole, Workload::of_seed(8, Size::USUAL));
        let kept: BTreeSet<u32> = whole.numbers().into_iter().filter(|it| it % 3 == 0).collect();
        let part = whole.clone().only(&kept);
        assert_eq!(part.numbers(), kept);
        assert!(part.steps.iter().all(|step| whole.steps.contains(step)));
    }

    #[test]
    fn steps_come_at_their_rate_and_in_order_of_time() {
        let size = Size::USUAL;
        let workload = Workload::of_seed(1, size);
        let count = workload.steps.len() as u64;
        let expected = size.length_ms * size.per_second / 1_000;
        assert!(count.abs_diff(expected) < expected / 5, "{count} steps");
        assert!(workload.steps.is_sorted_by_key(|step| step.at_ms));
        assert!(workload.steps.iter().all(|step| step.client < size.clients));
    }

    #[test]
    fn a_spoilt_record_is_none_that_can_be_read() {
        let payload = spoilt_payload(7);
        assert!(is_spoilt(&payload));
        let read = Message::decode(Topic::EntityPatches, &payload);
        assert!(matches!(read, Err(DecodeError::Malformed(_))), "{read:?}");
    }

    #[test]
    fn most_changes_are_not_idempotent_and_everything_occurs() {
        let mut seen = BTreeSet::new();
        let (mut writes, mut not_idempotent) = (0, 0);
        let size = Size::USUAL;
        let of_seed =
            |seed| Workload::of_seed(seed, size).with_schemas(seed, size).with_zones(seed, size);
        for step in (0..5).flat_map(|seed| of_seed(seed).steps) {
            let asks = match step.what {
                What::Request { ask, .. } => vec![ask],
                What::Batch { asks, .. } => {
                    seen.insert("batch");
                    asks
                }
                What::Query { .. } => {
                    seen.insert("query");
                    continue;
                }
                What::List { .. } => {
                    seen.insert("list");
                    continue;
                }
                What::Spoil { .. } => {
                    seen.insert("spoil");
                    continue;
                }
                What::Restart => {
                    seen.insert("restart");
                    continue;
                }
                What::Odd(_) => {
                    seen.insert("odd");
                    continue;
                }
                What::Schema(_) => {
                    seen.insert("schema");
                    continue;
                }
                What::Zone(_) => {
                    seen.insert("zone");
                    continue;
                }
            };
            for ask in asks {
                seen.insert(ask.action.name());
                if ask.key.is_some() {
                    seen.insert("key");
                }
                writes += u32::from(ask.action.is_write());
                not_idempotent +=
                    u32::from(matches!(ask.action, Action::Patch(_) | Action::Operate(_)));
            }
        }
        assert!(not_idempotent * 2 > writes, "{not_idempotent} of {writes}");
        let all = "batch create delete key list merge odd operate patch query read replace restart schema spoil zone";
        assert_eq!(seen.into_iter().collect::<Vec<_>>().join(" "), all);
    }
}
