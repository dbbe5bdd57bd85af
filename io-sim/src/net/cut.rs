//! Cut links.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::Node;

/// Links that let nothing through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// From one machine to another, and not back.
    OneWay {
        /// From there nothing gets
        from: Node,
        /// to there.
        to: Node,
    },
    /// Between two machines.
    BothWays(Node, Node),
    /// Between a machine and all others.
    Isolated(Node),
    /// Between these machines and all others.
    Halves(BTreeSet<Node>),
}

impl Cut {
    /// Whether the cut lets nothing get from one machine to another.
    #[must_use]
    pub fn covers(&self, from: Node, to: Node) -> bool {
        match self {
            Self::OneWay { from: cut_from, to: cut_to } => *cut_from == from && *cut_to == to,
            Self::BothWays(one, other) => {
                (*one, *other) == (from, to) || (*other, *one) == (from, to)
            }
            Self::Isolated(node) => (*node == from) != (*node == to),
            Self::Halves(half) => half.contains(&from) != half.contains(&to),
        }
    }
}

/// A cut that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CutId(u64);

#[derive(Debug, Default)]
pub(super) struct Cuts {
    cuts: BTreeMap<CutId, Cut>,
    made: u64,
}

impl Cuts {
    pub(super) fn add(&mut self, cut: Cut) -> CutId {
        self.made += 1;
        let id = CutId(self.made);
        self.cuts.insert(id, cut);
        id
    }

    pub(super) fn remove(&mut self, id: CutId) -> Option<Cut> {
        self.cuts.remove(&id)
    }

    pub(super) fn clear(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    pub(super) fn covers(&self, from: Node, to: Node) -> bool {
        self.cuts.values().any(|cut| cut.covers(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::BrokerId;

    #[test]
    fn each_cut_covers_what_it_says() {
        let [a, b, c] = [1, 2, 3].map(|id| Node::Broker(BrokerId(id)));
        let one_way = Cut::OneWay { from: a, to: b };
        assert!(one_way.covers(a, b) && !one_way.covers(b, a) && !one_way.covers(a, c));
        let both = Cut::BothWays(a, b);
        assert!(both.covers(a, b) && both.covers(b, a) && !both.covers(b, c));
        let isolated = Cut::Isolated(a);
        assert!(isolated.covers(a, b) && isolated.covers(c, a) && !isolated.covers(b, c));
        assert!(!isolated.covers(a, a));
        let halves = Cut::Halves([a, b].into());
        assert!(!halves.covers(a, b) && halves.covers(a, c) && halves.covers(c, b));
    }

    #[test]
    fn a_link_stays_cut_until_its_last_cut_is_mended() {
        let [a, b] = [1, 2].map(|id| Node::Broker(BrokerId(id)));
        let mut cuts = Cuts::default();
        let ids = [cuts.add(Cut::Isolated(a)), cuts.add(Cut::BothWays(a, b))];
        cuts.remove(ids[0]);
        assert!(cuts.covers(b, a));
        cuts.remove(ids[1]);
        assert!(!cuts.covers(b, a));
    }
}
