//! Clocks that are wrong.

use super::Chaos;
use crate::{
    clock::Clock,
    fault::{Draw, FaultKind},
};

/// Does something to a clock.
type Strike = fn(&Clock, Draw);

/// What each kind does to a clock.
const KINDS: [(FaultKind, Strike); 4] = [
    (FaultKind::ClockSkewed, |clock, draw| clock.step(sign(draw) * distance(draw))),
    (FaultKind::ClockDrifting, |clock, draw| {
        let ppm = i64::try_from(draw.between("ppm", 50, 50_000)).expect("small");
        clock.drift(i32::try_from(sign(draw) * ppm).expect("small"));
    }),
    (FaultKind::ClockSteppedForward, |clock, draw| clock.step(distance(draw))),
    (FaultKind::ClockSteppedBack, |clock, draw| clock.step(-distance(draw))),
];

/// How far a clock is set, in milliseconds: mostly a little, at times by minutes.
fn distance(draw: Draw) -> i64 {
    let millis = match draw.pick("distance", 3) {
        0 => draw.between("little", 1, 200),
        1 => draw.between("some", 200, 5_000),
        _ => draw.between("much", 5_000, 300_000),
    };
    i64::try_from(millis).expect("minutes")
}

fn sign(draw: Draw) -> i64 {
    if draw.pick("ahead", 2) == 0 { 1 } else { -1 }
}

impl Chaos {
    pub(super) fn strike_clocks(&self) {
        if !KINDS.iter().any(|(kind, _)| self.sim().may(*kind)) {
            return;
        }
        for node in self.machines() {
            let machine = self.sim().machine(node);
            for (kind, strike) in KINDS {
                if let Some(draw) = self.sim().fault(kind, machine.entity()) {
                    strike(machine.clock(), draw);
                }
            }
        }
    }
}
