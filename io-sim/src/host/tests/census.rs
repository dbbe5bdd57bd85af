//! Every kind of fault has a place where it acts, and is counted there.

use std::collections::BTreeSet;

use super::world::storm;
use crate::{
    fault::{FaultKind, Scope},
    plan::Plan,
};

/// Whether the simulated machines, links and disks bring it, not a client of the protocol.
fn is_ours(kind: FaultKind) -> bool {
    match kind.scope() {
        Scope::Link
        | Scope::Cluster
        | Scope::Node
        | Scope::Broker
        | Scope::Log
        | Scope::App
        | Scope::Moment
        | Scope::Clock
        | Scope::Disk => true,
        Scope::Client => false,
    }
}

fn ours() -> Vec<FaultKind> {
    FaultKind::ALL.iter().copied().filter(|kind| is_ours(*kind)).collect()
}

#[test]
fn seeds_bring_every_kind_before_long() {
    assert!(ours().len() >= 35);
    let mut missing: BTreeSet<_> = ours().into_iter().collect();
    for seed in 0..200 {
        let run = storm(Plan::swarm(seed, FaultKind::ALL), seed);
        assert_eq!(run.outcome, Ok(()), "seed {seed}");
        missing.retain(|kind| run.report.struck[kind] == 0);
        if missing.is_empty() {
            return;
        }
    }
    panic!("two hundred seeds never brought {missing:?}");
}

#[test]
fn each_kind_strikes_on_its_own_and_heals() {
    for kind in ours() {
        // Late are only those that were down.
        let before = match kind {
            FaultKind::NodeStartsLate => Some(FaultKind::NodeKilled),
            FaultKind::BrokerStartsLate => Some(FaultKind::BrokerKilled),
            _ => None,
        };
        let kinds: Vec<_> = before.into_iter().chain([kind]).collect();
        let run = storm(Plan::of(&kinds, 0.05), 1);
        assert_eq!(run.outcome, Ok(()), "{kind}");
        assert!(run.report.struck[&kind] > 0, "{kind} never struck");
    }
}
