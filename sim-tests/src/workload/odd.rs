//! What hardly anybody asks for, and what happens around clients: without it some states are never
//! reached. Nobody judges the answers by what they should be; the oracles of the log see it all.

use super::{Odd, Size, Step, What};
use crate::dice::Dice;

/// Their numbers begin here, whatever else the workload has.
const NUMBERS_FROM: u32 = 500_000;

/// The odd steps of a seed, each at some time.
pub(super) fn steps(seed: u64, size: Size) -> Vec<Step> {
    let mut dice = Dice::new(seed, "odd");
    let odd = of_seed(&mut dice);
    let step = |(number, odd)| Step {
        number,
        client: u32::try_from(dice.below(u64::from(size.clients))).expect("few"),
        at_ms: dice.below(size.length_ms.max(1)),
        what: What::Odd(odd),
    };
    (NUMBERS_FROM..).zip(odd).map(step).collect()
}

/// Most seeds have a few; a leap of time leaves little of what was there, and comes in few of them.
fn of_seed(dice: &mut Dice) -> Vec<Odd> {
    let mut odd = Vec::new();
    for _ in 0..dice.below(8) {
        odd.push(*dice.one(&[
            Odd::EmptyBatch,
            Odd::BadParts,
            Odd::KeyTwice,
            Odd::BatchKeyTwice,
            Odd::Remembered,
            Odd::ProvisionAgain,
            Odd::FarAhead,
            Odd::LongAgo,
            Odd::Many,
            Odd::LatePart,
        ]));
    }
    if dice.percent(4) {
        odd.push(Odd::Large);
    }
    if dice.percent(30) {
        (0..1 + dice.below(4)).for_each(|_| odd.push(Odd::Leave));
    }
    if dice.percent(15) {
        odd.extend([Odd::Many, Odd::Remembered]);
        (0..1 + dice.below(2)).for_each(|_| odd.push(Odd::Leap(*dice.one(&[1, 13, 25, 25]))));
    }
    odd
}
