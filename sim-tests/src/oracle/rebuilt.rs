//! **Invariant.** A task that is rebuilt from nothing has the tables of one that went on all the time:
//! where both have read their changelog equally far, they are equal row by row. Every task can be rebuilt.

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
    let Some(rebuilt) = &observed.rebuilt else { return Vec::new() };
    let compare = |store: &StoreView| {
        let rebuilt = rebuilt.iter().find(|rebuilt| rebuilt.task == store.task);
        compare(observed, store, rebuilt)
    };
    observed.stores.iter().filter_map(compare).collect()
}

fn compare(
    observed: &Observed,
    store: &StoreView,
    rebuilt: Option<&StoreView>,
) -> Option<Violation> {
    let Some(rebuilt) = rebuilt else {
        let message = format!("{} runs nowhere once all disks are wiped", store.task);
        return Some(Violation::new(ORACLE.name, "missing", observed.end_us, message));
    };
    if store.changelog != rebuilt.changelog {
        // It has gone on since.
        return None;
    }
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
        assert_eq!(signatures(kept(), store(5, &[])), [""; 0], "it has gone on");
        assert_eq!(signatures(kept(), store(4, &[])), ["rebuilt/rows"]);
        assert_eq!(signatures(kept(), store(4, &[("a", "1"), ("b", "")])), ["rebuilt/rows"]);
        let mut ahead = kept();
        ahead.positions.insert(tidelog_core::Topic::EntityPatches, 7);
        assert_eq!(signatures(kept(), ahead), ["rebuilt/positions"]);
        assert_eq!(found(kept(), Vec::new()), ["rebuilt/missing"]);
    }

    fn signatures(store: StoreView, rebuilt: StoreView) -> Vec<String> {
        found(store, vec![rebuilt])
    }

    fn found(store: StoreView, rebuilt: Vec<StoreView>) -> Vec<String> {
        let (stores, rebuilt) = (vec![store], Some(rebuilt));
        let found = look(&Observed { stores, rebuilt, ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
