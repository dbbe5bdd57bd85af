//! A seed's own mixture of faults.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::fault::{Draw, FaultKind};

/// Kinds with their rates, and how strongly they strike as time goes on.
#[derive(Clone, Debug)]
pub(super) struct Swarm {
    /// By kind, what a hash has to be below; 0 for kinds that do not strike.
    thresholds: [u64; FaultKind::ALL.len()],
    spells: Vec<Spell>,
}

/// A time of one strength.
#[derive(Clone, Copy, Debug)]
struct Spell {
    until_ms: u64,
    /// How many times as strong as usual, in sixteenths.
    sixteenths: u64,
}

/// For so long spells are made; then they begin again.
const CYCLE_MS: u64 = 120_000;

impl Swarm {
    pub(super) fn of_seed(seed: u64, from: &[FaultKind]) -> Self {
        let draw = Draw::of(xxh3_64_with_seed(b"swarm", seed));
        let mut thresholds = [0; FaultKind::ALL.len()];
        let mut set = |kind: FaultKind, times: f64| {
            thresholds[kind as usize] = threshold(kind.rate() * times);
        };
        let is_single = draw.pick("single", 5) == 0;
        if is_single && !from.is_empty() {
            let kind = from[index(draw.pick("which", from.len() as u64))];
            set(kind, 4.0);
        } else {
            // From a few kinds to nearly all: what happens often hides what needs quiet.
            let share = [15, 30, 50, 80][index(draw.pick("share", 4))];
            for kind in from {
                if draw.pick(kind.name(), 100) < share {
                    let strength = draw.pick_nth("strength", *kind as u64, 5);
                    set(*kind, [0.25, 0.5, 1.0, 2.0, 4.0][index(strength)]);
                }
            }
        }
        Self { thresholds, spells: spells(draw) }
    }

    pub(super) fn steady(kinds: &[FaultKind], rate: f64) -> Self {
        let mut thresholds = [0; FaultKind::ALL.len()];
        kinds.iter().for_each(|kind| thresholds[*kind as usize] = threshold(rate));
        Self { thresholds, spells: vec![Spell { until_ms: CYCLE_MS, sixteenths: 16 }] }
    }

    pub(super) fn kinds(&self) -> u64 {
        let strikes = |kind: &&FaultKind| self.thresholds[**kind as usize] > 0;
        FaultKind::ALL.iter().filter(strikes).fold(0, |bits, kind| bits | kind.bit())
    }

    /// What a hash has to be below at that time for the kind to strike.
    pub(super) fn threshold(&self, kind: FaultKind, now_ms: u64) -> u64 {
        let now_ms = now_ms % CYCLE_MS;
        let spell = self.spells.partition_point(|spell| spell.until_ms <= now_ms);
        let sixteenths = self.spells.get(spell).map_or(16, |spell| spell.sixteenths);
        let usual = u128::from(self.thresholds[kind as usize]);
        u64::try_from(usual * u128::from(sixteenths) / 16).unwrap_or(u64::MAX)
    }
}

/// Quiet and stormy spells in turn.
fn spells(draw: Draw) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    while spells.last().is_none_or(|last| last.until_ms < CYCLE_MS) {
        let nth = spells.len() as u64;
        let begun = spells.last().map_or(0, |last| last.until_ms);
        let (ms, sixteenths) = match draw.pick_nth("spell", nth, 4) {
            0 => (2_000 + draw.pick_nth("quiet", nth, 15_000), 0),
            1 => (1_000 + draw.pick_nth("calm", nth, 8_000), 4),
            2 => (1_000 + draw.pick_nth("usual", nth, 8_000), 16),
            _ => (300 + draw.pick_nth("burst", nth, 2_500), 128),
        };
        spells.push(Spell { until_ms: begun + ms, sixteenths });
    }
    spells
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate is a share of all hashes; a float's precision is enough, and it saturates"
)]
fn threshold(rate: f64) -> u64 {
    (rate.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

fn index(picked: u64) -> usize {
    usize::try_from(picked).expect("an index of a list in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_in_kinds_and_some_have_only_one() {
        let kinds = |seed| Swarm::of_seed(seed, FaultKind::ALL).kinds().count_ones();
        let counts: Vec<_> = (0..300).map(kinds).collect();
        let single = counts.iter().filter(|count| **count == 1).count();
        assert!((30..100).contains(&single), "{single} of 300 seeds have a single kind");
        assert!(counts.iter().any(|count| *count > 30), "some have most");
        let all = (0..300).fold(0, |all, seed| all | Swarm::of_seed(seed, FaultKind::ALL).kinds());
        assert_eq!(all.count_ones() as usize, FaultKind::ALL.len(), "every kind has its seed");
    }

    #[test]
    fn there_are_quiet_spells_and_bursts() {
        let (mut quiet, mut bursts) = (0, 0);
        for seed in 0..20 {
            let swarm = Swarm::of_seed(seed, &[FaultKind::RequestLost]);
            let usual = swarm.thresholds[FaultKind::RequestLost as usize];
            for second in 0..120 {
                let now = swarm.threshold(FaultKind::RequestLost, second * 1000);
                quiet += u32::from(now == 0);
                bursts += u32::from(usual > 0 && now > usual);
            }
        }
        assert!(quiet > 200 && bursts > 20, "{quiet} quiet seconds, {bursts} stormy ones");
    }

    #[test]
    fn only_what_is_on_the_menu_is_taken() {
        for seed in 0..50 {
            let kinds = Swarm::of_seed(seed, &[FaultKind::NodeKilled]).kinds();
            assert_eq!(kinds & !FaultKind::NodeKilled.bit(), 0);
        }
        assert_eq!(Swarm::of_seed(1, &[]).kinds(), 0);
    }
}
