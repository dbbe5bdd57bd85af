//! Choice points: every decision that is not the product's.
//!
//! A decision is a function of the seed, the site, the entity, and how many decisions of that site and
//! entity came before. None of them depends on any other, so taking one fault out leaves the others
//! where they were.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{
    fault::{Draw, FaultKind, scale},
    plan::{Fault, Plan},
};

/// A choice that is no fault: it is the same in a replay, whatever faults that leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Vary {
    /// How long a process takes to start.
    StartUp,
    /// When a machine looks for what is to be done.
    Phase,
    /// What a workload does next.
    Workload,
    /// Which of several equals is taken.
    Tie,
    /// Whether a page reaches the disk before it is synced.
    Eviction,
}

impl Vary {
    const ALL: [Self; 5] = [Self::StartUp, Self::Phase, Self::Workload, Self::Tie, Self::Eviction];

    const fn name(self) -> &'static str {
        match self {
            Self::StartUp => "start-up",
            Self::Phase => "phase",
            Self::Workload => "workload",
            Self::Tie => "tie",
            Self::Eviction => "eviction",
        }
    }
}

/// What choices are about, by a name that means the same in every run: `node1>broker2`,
/// `entity-patches/3`. The number behind it holds for one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(u32);

/// The choices of a run.
#[derive(Debug)]
pub struct Choices {
    seed: u64,
    plan: Plan,
    ids: BTreeMap<Box<str>, Entity>,
    entities: Vec<Known>,
    sites: [u64; SITES],
    /// How many decisions there were, by entity and site.
    counts: Vec<u32>,
    struck: Vec<Fault>,
    struck_counts: [u64; FAULTS],
}

#[derive(Debug)]
struct Known {
    name: Box<str>,
    hash: u64,
}

/// A fault that could strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threat {
    kind: FaultKind,
    entity: Entity,
    nth: u32,
    pub(crate) draw: Draw,
}

impl Choices {
    /// The choices of a seed under a plan.
    #[must_use]
    pub fn new(seed: u64, plan: Plan) -> Self {
        let mut sites = [0; SITES];
        let names = FaultKind::ALL.iter().map(|kind| kind.name());
        for (site, name) in sites.iter_mut().zip(names.chain(Vary::ALL.map(Vary::name))) {
            *site = xxh3_64(name.as_bytes());
        }
        Self {
            seed,
            plan,
            ids: BTreeMap::new(),
            entities: Vec::new(),
            sites,
            counts: Vec::new(),
            struck: Vec::new(),
            struck_counts: [0; FAULTS],
        }
    }

    /// The entity of a name.
    pub fn entity(&mut self, name: &str) -> Entity {
        if let Some(entity) = self.ids.get(name) {
            return *entity;
        }
        let number = u32::try_from(self.entities.len()).expect("fewer entities than 2^32");
        self.ids.insert(name.into(), Entity(number));
        self.entities.push(Known { name: name.into(), hash: xxh3_64(name.as_bytes()) });
        self.counts.resize(self.entities.len() * SITES, 0);
        Entity(number)
    }

    /// An entity's name.
    #[must_use]
    pub fn name(&self, entity: Entity) -> &str {
        &self.known(entity).name
    }

    /// Whether a fault strikes at this opportunity.
    pub fn fault(&mut self, kind: FaultKind, entity: Entity, now_ms: u64) -> Option<Draw> {
        let threat = self.threat(kind, entity, now_ms)?;
        self.strike(threat);
        Some(threat.draw)
    }

    /// As [`Choices::fault`], but nothing happens yet: what would be too much can be left out.
    pub(crate) fn threat(
        &mut self,
        kind: FaultKind,
        entity: Entity,
        now_ms: u64,
    ) -> Option<Threat> {
        if !self.plan.has(kind) {
            return None;
        }
        let nth = self.count(kind as usize, entity);
        let known = self.known(entity);
        let hash = self.hash(kind as usize, known.hash, nth);
        let draw = self.plan.draw(kind, known.hash, nth, hash, now_ms)?;
        Some(Threat { kind, entity, nth, draw })
    }

    /// Lets a fault strike.
    pub(crate) fn strike(&mut self, threat: Threat) {
        let Threat { kind, entity, nth, draw } = threat;
        self.struck_counts[kind as usize] += 1;
        let entity = self.known(entity).name.clone();
        self.struck.push(Fault { kind, entity, nth, value: draw.value() });
    }

    /// One of `options` (at least one): what is no fault.
    pub fn vary(&mut self, what: Vary, entity: Entity, options: u64) -> u64 {
        let site = FAULTS + what as usize;
        let nth = self.count(site, entity);
        scale(self.hash(site, self.known(entity).hash, nth), options)
    }

    /// The faults that have struck, in their order.
    #[must_use]
    pub fn struck(&self) -> &[Fault] {
        &self.struck
    }

    /// How often each kind has struck, zeros included.
    pub fn struck_counts(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        FaultKind::ALL.iter().map(|kind| (*kind, self.struck_counts[*kind as usize]))
    }

    /// From now on nothing strikes.
    pub fn heal(&mut self) {
        self.plan = Plan::calm();
    }

    fn known(&self, entity: Entity) -> &Known {
        &self.entities[entity.0 as usize]
    }

    fn count(&mut self, site: usize, entity: Entity) -> u32 {
        let count = &mut self.counts[entity.0 as usize * SITES + site];
        let nth = *count;
        *count += 1;
        nth
    }

    fn hash(&self, site: usize, entity: u64, nth: u32) -> u64 {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.sites[site].to_le_bytes());
        bytes[8..16].copy_from_slice(&entity.to_le_bytes());
        bytes[16..].copy_from_slice(&nth.to_le_bytes());
        xxh3_64_with_seed(&bytes, self.seed)
    }
}

const FAULTS: usize = FaultKind::ALL.len();
const SITES: usize = FAULTS + Vary::ALL.len();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STORM: [FaultKind; 3] =
        [FaultKind::RequestLost, FaultKind::ReplyLost, FaultKind::DiskReadFails];

    #[test]
    fn a_choice_depends_on_seed_site_entity_and_count_alone() {
        let mut one = Choices::new(7, Plan::of(&STORM, 0.3));
        let mut other = Choices::new(7, Plan::of(&STORM, 0.3));
        // The other run meets its entities in another order, and more of them.
        for name in ["z", "y", "link"] {
            let entity = other.entity(name);
            other.fault(FaultKind::ReplyLost, entity, 0);
        }
        let (a, b) = (one.entity("link"), other.entity("link"));
        let lost = |choices: &mut Choices, entity| {
            (0..200).map(|_| choices.fault(FaultKind::RequestLost, entity, 0)).collect::<Vec<_>>()
        };
        let expected = lost(&mut one, a);
        assert_eq!(expected, lost(&mut other, b));
        let struck = expected.iter().flatten().count();
        assert!((30..90).contains(&struck), "{struck} of 200 at a rate of 0.3");
        assert_ne!(expected, lost(&mut Choices::new(8, Plan::of(&STORM, 0.3)).with("link").0, a));
    }

    #[test]
    fn what_is_not_planned_never_strikes() {
        let (mut choices, link) = Choices::new(1, Plan::of(&STORM, 1.0)).with("link");
        assert!(choices.fault(FaultKind::RequestLost, link, 0).is_some());
        assert_eq!(choices.fault(FaultKind::NodeKilled, link, 0), None);
        choices.heal();
        assert_eq!(choices.fault(FaultKind::RequestLost, link, 0), None);
        let counts: Vec<_> = choices.struck_counts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [(FaultKind::RequestLost, 1)]);
    }

    #[test]
    fn what_is_no_fault_is_chosen_alike_in_a_replay() {
        let (mut run, link) = Choices::new(3, Plan::of(&STORM, 0.5)).with("link");
        let (mut replay, again) = Choices::new(3, Plan::replay(&[])).with("link");
        for _ in 0..50 {
            run.fault(FaultKind::RequestLost, link, 0);
            let chosen = run.vary(Vary::Workload, link, 10);
            assert_eq!(chosen, replay.vary(Vary::Workload, again, 10));
        }
    }

    proptest! {
        #[test]
        fn a_replay_of_some_faults_strikes_with_those_and_no_others(
            seed: u64,
            steps in proptest::collection::vec((0usize..3, 0usize..3), 1..200),
            keep in proptest::collection::vec(any::<bool>(), 200),
        ) {
            let walk = |choices: &mut Choices| {
                let entities = ["a", "b", "c"].map(|name| choices.entity(name));
                for (kind, entity) in &steps {
                    choices.fault(STORM[*kind], entities[*entity], 0);
                }
            };
            let mut run = Choices::new(seed, Plan::of(&STORM, 0.2));
            walk(&mut run);
            let kept = run.struck().iter().zip(&keep).filter(|(_, keep)| **keep);
            let kept: Vec<_> = kept.map(|(fault, _)| fault.clone()).collect();
            let mut replay = Choices::new(seed, Plan::replay(&kept));
            walk(&mut replay);
            prop_assert_eq!(replay.struck(), kept);
        }
    }

    impl Choices {
        fn with(mut self, name: &str) -> (Self, Entity) {
            let entity = self.entity(name);
            (self, entity)
        }
    }
}
