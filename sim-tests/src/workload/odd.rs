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
    let mut numbers = NUMBERS_FROM..;
    let mut step = |at_ms, client, odd| Step {
        number: numbers.next().expect("few"),
        client,
        at_ms,
        what: What::Odd(odd),
    };
    let mut steps = Vec::new();
    for odd in odd {
        let client = u32::try_from(dice.below(u64::from(size.clients))).expect("few");
        steps.push(step(dice.below(size.length_ms.max(1)), client, odd));
    }
    if dice.percent(30) {
        // One after the other, each while others still take over from the one before.
        let (mut at_ms, pause) = (dice.below(size.length_ms.max(1)), *dice.one(&[100, 400, 1_500]));
        for client in 0..8 {
            steps.push(step(at_ms, client, Odd::Leave));
            at_ms += dice.below(pause);
        }
    }
    steps
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
    if dice.percent(10) {
        odd.push(Odd::Large);
    }
    if dice.percent(3) {
        odd.push(Odd::VeryMany);
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
