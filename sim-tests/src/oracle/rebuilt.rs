//! **Invariant.** A task that is rebuilt from nothing has the tables of one that went on all the time:
//! where both have read their changelog equally far, they are equal row by row.

use super::{Oracle, changelog::first_difference};
use crate::{
    observed::{Observed, StoreView},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "rebuilt",
    holds: "A store that is rebuilt equals one that went on.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let pairs = observed.stores.iter().flat_map(|store| {
        let same = move |other: &&StoreView| {
            other.task == store.task && other.changelog == store.changelog
        };
        observed.rebuilt.iter().filter(same).map(move |other| (store, other))
    });
    pairs.filter_map(|(store, other)| compare(observed, store, other)).collect()
}

fn compare(observed: &Observed, store: &StoreView, rebuilt: &StoreView) -> Option<Violation> {
    if store.positions != rebuilt.positions {
        let message = format!(
            "{} went on to {:?} on {}, and is rebuilt to {:?}",
            store.task, store.positions, store.node, rebuilt.positions
        );
        return Some(Violation::new(ORACLE.name, "positions", observed.end_us, message));
    }
    let row = first_difference(&store.rows, &rebuilt.rows)?;
    let message = format!(
        "row {row:?} of {} is {:?} on {}, and {:?} when it is rebuilt",
        store.task,
        store.rows.get(&row),
        store.node,
        rebuilt.rows.get(&row)
    );
    Some(Violation::new(ORACLE.name, "rows", observed.end_us, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::changelog::tests::store;

    #[test]
    fn it_passes_equal_stores_and_fails_others() {
        let kept = || store(4, &[("a", "1")]);
        assert_eq!(signatures(kept(), kept()), [""; 0]);
        assert_eq!(signatures(kept(), store(3, &[])), [""; 0]);
        assert_eq!(signatures(kept(), store(4, &[])), ["rebuilt/rows"]);
        assert_eq!(signatures(kept(), store(4, &[("a", "1"), ("b", "")])), ["rebuilt/rows"]);
        let mut ahead = kept();
        ahead.positions.insert(tidelog_core::Topic::EntityPatches, 7);
        assert_eq!(signatures(kept(), ahead), ["rebuilt/positions"]);
    }

    fn signatures(store: StoreView, rebuilt: StoreView) -> Vec<String> {
        let (stores, rebuilt) = (vec![store], vec![rebuilt]);
        let found = look(&Observed { stores, rebuilt, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
