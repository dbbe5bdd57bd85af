//! Plans: which faults may strike in a run, how often, and until when.

mod file;
mod swarm;

pub use file::{FaultList, FileError};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use self::swarm::Swarm;
use crate::fault::{Draw, FaultKind};

/// Which faults may strike, and when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The kinds that may strike, as bits.
    kinds: u64,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    Swarm(Box<Swarm>),
    Replay(BTreeMap<(FaultKind, u64, u32), Draw>),
}

/// A fault that has struck, or is to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// The kind.
    #[serde(with = "file::kind")]
    pub kind: FaultKind,
    /// What it strikes.
    pub entity: Box<str>,
    /// At which of the opportunities of that kind and entity, from 0.
    pub nth: u32,
    /// What it has drawn; 0 is no fault.
    pub value: u32,
}

impl Plan {
    /// No faults.
    #[must_use]
    pub fn calm() -> Self {
        Self::replay(&[])
    }

    /// A seed's own plan: some of the kinds `from`, some more often than others, in bursts and long
    /// quiet spells; one kind alone with some seeds.
    #[must_use]
    pub fn swarm(seed: u64, from: &[FaultKind]) -> Self {
        Self::with(Swarm::of_seed(seed, from))
    }

    /// Those kinds, each at one rate, all the time.
    #[must_use]
    pub fn of(kinds: &[FaultKind], rate: f64) -> Self {
        Self::with(Swarm::steady(kinds, rate))
    }

    /// Those faults and no others.
    #[must_use]
    pub fn replay(faults: &[Fault]) -> Self {
        let known = |fault: &Fault| {
            let place = (fault.kind, xxh3_64(fault.entity.as_bytes()), fault.nth);
            Draw::new(fault.value).map(|draw| (place, draw))
        };
        let draws: BTreeMap<_, _> = faults.iter().filter_map(known).collect();
        let kinds = draws.keys().fold(0, |kinds, (kind, ..)| kinds | kind.bit());
        Self { kinds, mode: Mode::Replay(draws) }
    }

    /// Whether a kind may strike at all.
    #[must_use]
    pub fn has(&self, kind: FaultKind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// The kinds that may strike.
    pub fn kinds(&self) -> impl Iterator<Item = FaultKind> + '_ {
        FaultKind::ALL.iter().copied().filter(|kind| self.has(*kind))
    }

    /// What a kind draws at an opportunity, if it strikes.
    pub(crate) fn draw(
        &self,
        kind: FaultKind,
        entity: u64,
        nth: u32,
        hash: u64,
        now_ms: u64,
    ) -> Option<Draw> {
        match &self.mode {
            Mode::Swarm(swarm) => (hash < swarm.threshold(kind, now_ms))
                .then(|| Draw::of(xxh3_64(&hash.to_le_bytes()))),
            Mode::Replay(draws) => draws.get(&(kind, entity, nth)).copied(),
        }
    }

    pub(crate) fn bits(&self) -> u64 {
        self.kinds
    }

    fn with(swarm: Swarm) -> Self {
        Self { kinds: swarm.kinds(), mode: Mode::Swarm(Box::new(swarm)) }
    }
}
