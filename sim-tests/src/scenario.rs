//! Scenarios: what there is in a run, and what may befall it.

use tidelog_io_sim::{
    fault::{FaultKind, Scope},
    plan::Plan,
};

use crate::{dice::Dice, workload::Size};

/// What there is in a run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub what: &'static str,
    /// How many brokers there are.
    pub brokers: u32,
    /// How many nodes there are.
    pub nodes: u32,
    /// How many partitions each topic may have: a seed has one of these numbers.
    pub partitions: &'static [u32],
    /// What clients do.
    pub size: Size,
    /// In how many of a hundred seeds schemas are learned.
    learns_percent: u64,
    /// In how many of a hundred seeds zones are watched.
    watches_percent: u64,
    /// Whether brokers lose only what their copies can bear.
    pub spares_copies: bool,
    /// Which faults may strike.
    strikes: fn(FaultKind) -> bool,
}

impl Scenario {
    /// Every scenario. The first is the one that is taken if none is named.
    pub const ALL: &[Self] = &[
        Self {
            name: "cluster",
            what: "three brokers, two nodes, and whatever faults a seed draws",
            ..Self::USUAL
        },
        Self {
            name: "brief",
            what: "as cluster, for three seconds: many runs in little time",
            size: Size { length_ms: 3_000, ..Size::USUAL },
            ..Self::USUAL
        },
        Self {
            name: "calm",
            what: "three brokers, two nodes, and no faults",
            strikes: |_| false,
            ..Self::USUAL
        },
        Self {
            name: "single",
            what: "one broker, one node, and no faults",
            brokers: 1,
            nodes: 1,
            strikes: |_| false,
            ..Self::USUAL
        },
        Self {
            name: "schemas",
            what: "as cluster, and schemas are learned in every seed",
            learns_percent: 100,
            ..Self::USUAL
        },
        Self {
            name: "zones",
            what: "as cluster, and devices are told what changes in zones in every seed",
            learns_percent: 0,
            watches_percent: 100,
            ..Self::USUAL
        },
        Self {
            name: "calm-schemas",
            what: "as schemas, and no faults",
            learns_percent: 100,
            strikes: |_| false,
            ..Self::USUAL
        },
        Self {
            name: "calm-zones",
            what: "as zones, and no faults",
            learns_percent: 0,
            watches_percent: 100,
            strikes: |_| false,
            ..Self::USUAL
        },
        Self {
            name: "network",
            what: "as cluster, with faults of the network only",
            strikes: |kind| matches!(kind.scope(), Scope::Link | Scope::Cluster),
            ..Self::USUAL
        },
        Self {
            name: "nodes",
            what: "as cluster, with faults of nodes and their disks only",
            strikes: |kind| matches!(kind.scope(), Scope::Node | Scope::Disk),
            ..Self::USUAL
        },
        Self {
            name: "brokers",
            what: "as cluster, with faults of brokers and their logs only",
            strikes: |kind| matches!(kind.scope(), Scope::Broker | Scope::Log),
            ..Self::USUAL
        },
        Self {
            name: "clients",
            what: "as cluster, with faults inside of clients and of clocks only",
            strikes: |kind| matches!(kind.scope(), Scope::Client | Scope::Clock),
            ..Self::USUAL
        },
        Self {
            name: "reckless",
            what: "brokers lose power all at once, which no log survives: for looking at a violation",
            size: Size { length_ms: 10_000, ..Size::USUAL },
            learns_percent: 0,
            watches_percent: 0,
            spares_copies: false,
            strikes: |kind| matches!(kind.scope(), Scope::Broker),
            ..Self::USUAL
        },
    ];

    const USUAL: Self = Self {
        name: "",
        what: "",
        brokers: 3,
        nodes: 2,
        partitions: &[2, 2, 3, 4],
        size: Size::USUAL,
        learns_percent: 20,
        watches_percent: 20,
        spares_copies: true,
        strikes: |_| true,
    };

    /// The scenario of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|scenario| scenario.name == name)
    }

    /// How many partitions each topic has with a seed. With more of them than nodes, a node has several
    /// tasks of a service, and commits them together.
    #[must_use]
    pub fn partitions(&self, seed: u64) -> u32 {
        *Dice::new(seed, "partitions").one(self.partitions)
    }

    /// Whether schemas are learned with a seed. Most are without, for learning takes its time, and all else
    /// is to be tried often.
    #[must_use]
    pub fn learns(&self, seed: u64) -> bool {
        Dice::new(seed, "learns").percent(self.learns_percent)
    }

    /// Whether zones are watched, and devices told of changes, with a seed.
    #[must_use]
    pub fn watches(&self, seed: u64) -> bool {
        Dice::new(seed, "watches").percent(self.watches_percent)
    }

    /// Whether nothing ever strikes.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        FaultKind::ALL.iter().all(|kind| !(self.strikes)(*kind))
    }

    /// The faults that a seed has in it.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let kinds: Vec<_> =
            FaultKind::ALL.iter().copied().filter(|it| (self.strikes)(*it)).collect();
        Plan::swarm(seed, &kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_found_by_their_names() {
        for scenario in Scenario::ALL {
            let found = Scenario::of_name(scenario.name).expect("its own name");
            assert_eq!(found.what, scenario.what);
        }
        assert!(Scenario::of_name("apocalypse").is_none());
    }

    #[test]
    fn what_is_calm_has_no_faults_and_a_part_only_its_own() {
        let kinds = |name: &str, seed| {
            let scenario = Scenario::of_name(name).expect("a scenario");
            scenario.plan(seed).kinds().collect::<Vec<_>>()
        };
        for seed in 0..20 {
            assert!(kinds("calm", seed).is_empty());
            assert!(kinds("nodes", seed).iter().all(|kind| kind.scope() != Scope::Link));
        }
    }
}
