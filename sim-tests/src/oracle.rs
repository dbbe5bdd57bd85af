//! The oracles: one file for each invariant, with the invariant in its head.
//!
//! An oracle is a function of what was observed. It passes good histories and fails bad ones, both
//! written by hand in its tests.

mod acknowledged;
mod batches;
#[cfg(test)]
mod build;
#[cfg(test)]
mod build_zones;
mod caught_up;
mod changelog;
mod dead_letters;
mod devices;
mod durable;
mod feeds;
mod first_incomplete;
mod first_seen;
mod learned;
mod linearizable;
mod lists;
mod newer_records;
mod notified;
mod one_effect;
mod order;
mod owners;
mod paced;
mod rebuilt;
mod revisions;
mod sequential;
mod settles;
mod sorted;
mod statements;
mod tokens;
mod told;
mod unread;
mod visibility;
mod walked;

pub(crate) use caught_up::CATCHES_UP_WITHIN_US;
pub(crate) use settles::SETTLES_WITHIN;

use crate::{observed::Observed, violation::Violation};

/// An invariant, and how it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Oracle {
    /// Its name, as in signatures.
    pub name: &'static str,
    /// What it holds, in a sentence.
    pub holds: &'static str,
    check: fn(&Observed) -> Vec<Violation>,
}

impl Oracle {
    /// Every oracle.
    pub const ALL: &[Self] = &[
        acknowledged::ORACLE,
        linearizable::ORACLE,
        sequential::ORACLE,
        tokens::ORACLE,
        revisions::ORACLE,
        order::ORACLE,
        one_effect::ORACLE,
        first_incomplete::ORACLE,
        visibility::ORACLE,
        durable::ORACLE,
        owners::ORACLE,
        changelog::ORACLE,
        rebuilt::ORACLE,
        batches::ORACLE,
        dead_letters::ORACLE,
        lists::ORACLE,
        newer_records::ORACLE,
        statements::ORACLE,
        learned::ORACLE,
        settles::ORACLE,
        walked::ORACLE,
        first_seen::ORACLE,
        paced::ORACLE,
        sorted::ORACLE,
        feeds::ORACLE,
        told::ORACLE,
        notified::ORACLE,
        unread::ORACLE,
        devices::ORACLE,
        caught_up::ORACLE,
    ];

    /// What it finds.
    #[must_use]
    pub fn check(&self, observed: &Observed) -> Vec<Violation> {
        (self.check)(observed)
    }
}

/// What all oracles find, the first violation in time first.
#[must_use]
pub fn judge(observed: &Observed) -> Vec<Violation> {
    let mut found: Vec<_> = Oracle::ALL.iter().flat_map(|oracle| oracle.check(observed)).collect();
    found.sort_by_key(|violation| violation.at_us);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_run_in_which_nothing_happened_is_fine() {
        assert_eq!(judge(&Observed::default()), []);
    }

    #[test]
    fn every_oracle_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Oracle::ALL.iter().map(|oracle| oracle.name).collect();
        assert_eq!(names.len(), Oracle::ALL.len());
        assert!(Oracle::ALL.iter().all(|oracle| oracle.holds.ends_with('.')));
    }
}
