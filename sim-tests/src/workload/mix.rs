//! What there is in a workload, and how much of each.

use serde_json::{Value, json};

use super::{Ask, Size, Step, Under, What, Workload, ZONES, zone};
use crate::{dice::Dice, model::Action};

pub(super) fn workload(seed: u64, size: Size) -> Workload {
    let mut mix = Mix::of_seed(seed, size);
    let mut steps = Vec::new();
    let mut at_ms = 0;
    while at_ms < size.length_ms {
        at_ms += mix.pause();
        mix.step(at_ms, &mut steps);
    }
    steps.extend(seldom(seed, size));
    steps.retain(|step| step.at_ms < size.length_ms);
    // What is asked again under a key comes later than what is made after it.
    steps.sort_by_key(|step| (step.at_ms, step.number));
    Workload { clients: size.clients, entities: size.entities, steps }
}

/// What happens a few times in a run: records that nobody can read, and somebody who tidies a zone up.
/// The steps have dice and numbers of their own, so that all others are what they would be without.
fn seldom(seed: u64, size: Size) -> Vec<Step> {
    let mut dice = Dice::new(seed, "seldom");
    let mut steps = Vec::new();
    let mut add = |dice: &mut Dice, at_ms: u64, what: What| {
        let number = SELDOM_FROM + u32::try_from(steps.len()).expect("few");
        let client = u32::try_from(dice.below(u64::from(size.clients))).expect("few");
        steps.push(Step { number, client, at_ms, what });
    };
    for _ in 0..dice.below(4) {
        let at_ms = dice.below(size.length_ms.max(1));
        let entity = u32::try_from(dice.below(u64::from(size.entities.max(1)))).expect("few");
        add(&mut dice, at_ms, What::Spoil { entity });
    }
    // At the end too, where nothing comes after it.
    let last_ms = dice.percent(30).then(|| size.length_ms.saturating_sub(1));
    let times = (0..dice.below(2)).map(|_| size.length_ms / 2).chain(last_ms).collect::<Vec<_>>();
    for at_ms in times {
        let of = dice.below(u64::from(ZONES));
        for entity in (0..size.entities).filter(|it| u64::from(zone(*it)) == of) {
            let (action, under) = (Action::Delete, Under::Nothing);
            let ask = Ask { entity, action, under, key: None, wants_value: false };
            add(&mut dice, at_ms, What::Request { ask, patience_ms: 20_000, again: 5 });
        }
    }
    steps
}

/// Steps that are seldom have numbers from here.
const SELDOM_FROM: u32 = 500_000;

struct Mix {
    dice: Dice,
    size: Size,
    /// How many of a hundred requests go to the few entities that everybody wants.
    hot_percent: u64,
    /// How many of a hundred requests carry a condition.
    condition_percent: u64,
    /// How many of a hundred writes carry an idempotency key.
    key_percent: u64,
    number: u32,
    keys: u32,
}

impl Mix {
    /// Seeds differ in what there is much of.
    fn of_seed(seed: u64, size: Size) -> Self {
        let mut dice = Dice::new(seed, "workload");
        let hot_percent = *dice.one(&[0, 30, 80]);
        let condition_percent = *dice.one(&[5, 15, 40]);
        let key_percent = *dice.one(&[3, 10, 30]);
        Self { dice, size, hot_percent, condition_percent, key_percent, number: 0, keys: 0 }
    }

    /// Mostly even, at times in bursts.
    fn pause(&mut self) -> u64 {
        let mean_ms = 1_000 / self.size.per_second.max(1);
        if self.dice.percent(30) { 0 } else { self.dice.below(mean_ms * 20 / 7 + 1) }
    }

    fn step(&mut self, at_ms: u64, steps: &mut Vec<Step>) {
        let what = match self.dice.below(200) {
            0..=23 => {
                let entity = self.entity();
                What::Query { entity, with_positions: self.dice.percent(70) }
            }
            24..=27 => What::List {
                zone: u32::try_from(self.dice.below(u64::from(ZONES))).expect("few"),
                page: *self.dice.one(&[1, 3, 100]),
                with_positions: self.dice.percent(70),
            },
            28..=39 => self.batch(),
            40 => What::Restart,
            _ => {
                let ask = self.ask(true);
                self.request(ask)
            }
        };
        self.push(at_ms, what.clone(), steps);
        if let What::Request { ask: Ask { key: Some(_), .. }, .. }
        | What::Batch { key: Some(_), .. } = what
        {
            // Somebody asks again under the key, perhaps before there is an answer.
            for _ in 0..=self.dice.below(2) {
                let later_ms = at_ms + self.dice.below(4_000);
                self.push(later_ms, what.clone(), steps);
            }
        }
    }

    fn push(&mut self, at_ms: u64, what: What, steps: &mut Vec<Step>) {
        let client = u32::try_from(self.dice.below(u64::from(self.size.clients))).expect("few");
        steps.push(Step { number: self.number, client, at_ms, what });
        self.number += 1;
    }

    fn request(&mut self, ask: Ask) -> What {
        let (patience_ms, again) = self.patience();
        What::Request { ask, patience_ms, again }
    }

    fn batch(&mut self) -> What {
        let count = *self.dice.one(&[1, 2, 2, 3, 5, 12]);
        let mut asks: Vec<_> = (0..count).map(|_| self.ask(false)).collect();
        let key = self.key();
        if key.is_some() {
            asks.iter_mut().for_each(Ask::forget_seen);
        }
        let (patience_ms, again) = self.patience();
        What::Batch { asks, key, patience_ms, again }
    }

    /// Impatient clients give up, or ask again, while the first sending is still on its way.
    fn patience(&mut self) -> (u64, u32) {
        match self.dice.below(10) {
            0 => (50 + self.dice.below(500), 0),
            1 | 2 => (50 + self.dice.below(2_000), 3),
            _ => (20_000, 5),
        }
    }

    fn ask(&mut self, may_have_key: bool) -> Ask {
        let action = self.action();
        let under = if self.dice.percent(self.condition_percent) {
            *self.dice.one(&[
                Under::Exists,
                Under::Missing,
                Under::AsSeen,
                Under::AsSeen,
                Under::NotAsSeen,
            ])
        } else {
            Under::Nothing
        };
        let key = if may_have_key && action.is_write() { self.key() } else { None };
        let entity = self.entity();
        let mut ask = Ask { entity, action, under, key, wants_value: self.dice.percent(60) };
        if ask.key.is_some() {
            ask.forget_seen();
        }
        ask
    }

    fn key(&mut self) -> Option<u32> {
        self.dice.percent(self.key_percent).then(|| {
            self.keys += 1;
            self.keys
        })
    }

    fn entity(&mut self) -> u32 {
        let among = if self.dice.percent(self.hot_percent) { 3 } else { self.size.entities };
        u32::try_from(self.dice.below(u64::from(among.max(1)))).expect("few")
    }

    fn action(&mut self) -> Action {
        let tag = json!(format!("s{}.{}", self.number, self.dice.below(1_000)));
        match self.dice.below(100) {
            0..=5 => Action::Create(self.document()),
            6..=10 => Action::Replace(self.document()),
            11..=36 => Action::Patch(json!([{"op": "add", "path": "/log/-", "value": tag}])),
            37..=40 => Action::Patch(json!([
                {"op": "test", "path": "/n", "value": self.dice.below(3)},
                {"op": "add", "path": "/log/0", "value": tag},
            ])),
            41..=58 => {
                let by = 1 + self.dice.below(9);
                Action::Operate(json!([{"op": "increment", "path": "/n", "by": by}]))
            }
            59..=65 => {
                let value = self.dice.below(5);
                Action::Operate(json!([
                    {"op": "add-unique", "path": "/set", "value": value},
                    {"op": "increment", "path": "/adds", "by": 1},
                ]))
            }
            66..=69 => {
                let value = self.dice.below(5);
                Action::Operate(json!([{"op": "remove-value", "path": "/set", "value": value}]))
            }
            70..=79 => {
                let key = format!("k{}", self.dice.below(3));
                let value = if self.dice.percent(25) { Value::Null } else { tag };
                Action::Merge(json!({"m": {key: value}}))
            }
            80..=85 => Action::Delete,
            _ => Action::Read,
        }
    }

    fn document(&mut self) -> Value {
        json!({"log": [], "n": self.dice.below(3), "made": self.number})
    }
}

impl Ask {
    /// What a client has seen differs from client to client, and those of one key ask for the same.
    fn forget_seen(&mut self) {
        if matches!(self.under, Under::AsSeen | Under::NotAsSeen) {
            self.under = Under::Nothing;
        }
    }
}
